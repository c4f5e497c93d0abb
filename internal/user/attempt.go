package user

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// attempt is one check of a secret (a password or a code).
type attempt struct {
	of       tryKey // what was named: an account, or a name that may be an account's
	network  string
	owner    string                          // whose the name is for certain; "" of an address that nobody has proved
	others   []string                        // accounts that the name may also stand for
	accounts map[tryKey]string               // ids of the accounts that the name may stand for
	knowing  func() (map[string]bool, error) // those of all these accounts that have signed in from the network before
	now      func() time.Time
}

// turn is an attempt that has started.
type turn struct {
	attempt
	name     *counter
	accounts map[string]*counter // by id
	shut     map[string]bool     // accounts that must not be tried
	only     map[string]bool     // accounts that may be tried although strangers may not; nil: all
}

// begin waits until it is the attempt's turn. It refuses the attempt if too many at the
// same name have failed lately, from its network or from all networks together. The
// second limit does not apply to accounts that know the network, so strangers who guess
// passwords from elsewhere do not lock the owner out.
//
// Failures also count for each account, whichever of its names was tried. An account
// with too many failures is skipped, but the attempt is not refused: a refusal would
// reveal that the account exists and that both names are its. The caller ends the turn.
func (t *throttle) begin(ctx context.Context, a attempt) (*turn, error) {
	tn := &turn{attempt: a, accounts: map[string]*counter{}, shut: map[string]bool{}}
	begun := false
	defer func() {
		if !begun { // also after a panic, because others wait for their turn
			tn.leave()
		}
	}()
	if err := tn.byName(ctx, t); err != nil {
		return nil, err
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.accounts), tryKey.compare) { // always in the same order, to avoid deadlocks
		if err := tn.byAccount(ctx, t, a.accounts[key], key); err != nil {
			return nil, err
		}
	}
	begun = true
	return tn, nil
}

func (k tryKey) compare(other tryKey) int { return bytes.Compare(k[:], other[:]) }

func (tn *turn) byName(ctx context.Context, t *throttle) (err error) {
	if tn.name, err = t.enter(ctx, tn.of, tn.network); err != nil {
		return err
	}
	left, strangers := tn.name.left(tn.now())
	if left <= 0 && strangers > 0 {
		known, err := tn.knowing()
		if err != nil {
			return err
		}
		if tn.only = both(tn.claimants(), known); len(tn.only) == 0 {
			left = strangers
		}
	}
	if left > 0 {
		return tooManyAttempts(left)
	}
	return nil
}

func tooManyAttempts(left time.Duration) error {
	return errs.New(errs.TooMany, "too-many-attempts", "Too many failed attempts to sign in; please wait, or choose a new password.").After(left)
}

func (tn *turn) byAccount(ctx context.Context, t *throttle, userID string, key tryKey) error {
	c, err := t.enter(ctx, key, tn.network)
	if err != nil {
		return err
	}
	tn.accounts[userID] = c
	left, strangers := c.left(tn.now())
	if left <= 0 && strangers > 0 {
		known, err := tn.knowing()
		if err != nil {
			return err
		}
		if !known[userID] {
			left = strangers
		}
	}
	tn.shut[userID] = left > 0
	return nil
}

// may reports whether an account may be tried.
func (tn *turn) may(userID string) bool {
	return !tn.shut[userID] && (tn.only == nil || tn.only[userID])
}

// end ends the turn with its outcome and, if the secret was right, the account that
// it belongs to.
func (tn *turn) end(o outcome, userID string) {
	defer tn.leave()
	var known map[string]bool
	if o == failed {
		known, _ = tn.knowing() // on an error, the attempt counts as a stranger's
	}
	for id, c := range tn.accounts {
		of := o
		if o == failed && !tn.may(id) || o == right && id != userID {
			of = undecided
		}
		c.note(of, !known[id], tn.now())
	}
	// Anybody can sign up with somebody else's address. They must not learn whether
	// another account gives the same address, so neither their success nor the
	// networks that they have signed in from change the counts of the name.
	if o == right && (tn.owner == "" || userID != tn.owner) {
		o = undecided
	}
	tn.name.note(o, tn.only == nil && !known[tn.owner], tn.now())
}

// claimants returns the accounts that the secret may belong to.
func (a *attempt) claimants() []string {
	if a.owner == "" {
		return a.others
	}
	return append(a.others[:len(a.others):len(a.others)], a.owner)
}

func (tn *turn) leave() {
	for _, c := range tn.accounts {
		c.leave()
	}
	if tn.name != nil {
		tn.name.leave()
	}
}

// both returns the accounts of a list that are also in a set.
func both(list []string, set map[string]bool) map[string]bool {
	in := map[string]bool{}
	for _, one := range list {
		if set[one] {
			in[one] = true
		}
	}
	return in
}

// counter holds the counts of a target: attempts from one network, and from all
// networks that are not the owner's.
type counter struct {
	t            *throttle
	pairKey, key tryKey
	pair, all    *tries
}

// enter waits until it is the attempt's turn at a target.
func (t *throttle) enter(ctx context.Context, of tryKey, network string) (*counter, error) {
	c := &counter{t: t, pairKey: of.from(network), key: of}
	c.pair, c.all = t.join(c.pairKey), t.join(of)
	select {
	case c.pair.turn <- struct{}{}:
		return c, nil
	case <-ctx.Done():
		c.forget()
		return nil, ctx.Err()
	}
}

func (c *counter) leave() {
	<-c.pair.turn
	c.forget()
}

func (c *counter) forget() {
	c.t.leave(c.pairKey, c.pair)
	c.t.leave(c.key, c.all)
}

// left returns for how long attempts are refused: from this network, and from all
// networks that are not the owner's.
func (c *counter) left(now time.Time) (here, strangers time.Duration) {
	return c.t.left(c.pair, maxFailures, now), c.t.left(c.all, maxStrangers, now)
}

// note counts an attempt; one by a stranger also counts for all networks.
func (c *counter) note(o outcome, stranger bool, now time.Time) {
	c.t.note(c.pair, o, now)
	if o == failed && stranger {
		c.t.note(c.all, o, now)
	}
	c.t.fade(c.pair, now)
	c.t.fade(c.all, now)
}

// limited checks a secret within its limits. The check returns the outcome and the
// account that the secret belongs to.
func (s *Service) limited(ctx context.Context, a attempt, check func(*turn) (outcome, string, error)) error {
	ids := slices.Concat(a.claimants(), slices.Collect(maps.Values(a.accounts)))
	a.network, a.now = caller.ClientFrom(ctx), s.now
	a.knowing = sync.OnceValues(func() (map[string]bool, error) { return s.knowingNetwork(ctx, ids, a.network) })
	tn, err := s.throttle.begin(ctx, a)
	if err != nil {
		return err
	}
	o, userID := undecided, ""
	defer func() { tn.end(o, userID) }() // also after a panic, because others wait for their turn
	o, userID, err = check(tn)
	return err
}

// limitedFor is limited for one account that the caller has named.
func (s *Service) limitedFor(ctx context.Context, of tryKey, userID string, check func() (outcome, error)) error {
	return s.limited(ctx, attempt{of: of, owner: userID}, func(*turn) (outcome, string, error) {
		o, err := check()
		return o, userID, err
	})
}
