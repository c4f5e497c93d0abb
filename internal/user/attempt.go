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

// attempt is one check of a secret.
type attempt struct {
	of       tryKey // what was named: an account, or a name that may be an account's
	network  string
	owner    string                          // whose the name is for certain; "" of an address that nobody has proved
	others   []string                        // accounts that the name may stand for, too
	accounts map[tryKey]string               // that a name may stand for: their ids
	knowing  func() (map[string]bool, error) // of all of these, those that have signed in from the network before
	now      func() time.Time
}

// turn is an attempt that has begun.
type turn struct {
	attempt
	name     *counter
	accounts map[string]*counter // by id
	shut     map[string]bool     // accounts that may not be tried
	only     map[string]bool     // accounts that may be tried although strangers may not; nil: all
}

// begin waits for the turn of an attempt. It refuses the attempt when too many at the
// same name have failed lately, from its network or from all networks together. The
// second limit does not hold for accounts that know the network, so strangers who
// try passwords from elsewhere do not lock the owner out.
//
// Each account also counts for itself, whichever of its names was tried. One with too
// many failures is not tried, but the attempt is not refused for it: a refusal would
// tell that the account exists and that both names are its. The caller ends the turn.
func (t *throttle) begin(ctx context.Context, a attempt) (*turn, error) {
	tn := &turn{attempt: a, accounts: map[string]*counter{}, shut: map[string]bool{}}
	begun := false
	defer func() {
		if !begun { // after a panic, too: others wait for their turns
			tn.leave()
		}
	}()
	if err := tn.byName(ctx, t); err != nil {
		return nil, err
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.accounts), tryKey.compare) { // in one order, so that nobody waits in a circle
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

// end ends the turn with what came of it, and whose secret it was if it was right.
func (tn *turn) end(o outcome, userID string) {
	defer tn.leave()
	var known map[string]bool
	if o == failed {
		known, _ = tn.knowing() // without, it is a stranger's
	}
	for id, c := range tn.accounts {
		of := o
		if o == failed && !tn.may(id) || o == right && id != userID {
			of = undecided
		}
		c.note(of, !known[id], tn.now())
	}
	// Anybody can sign up with somebody's address. So that they do not learn whether
	// another account gives it, too, neither their success nor the networks that they
	// have signed in from change what counts for the name.
	if o == right && (tn.owner == "" || userID != tn.owner) {
		o = undecided
	}
	tn.name.note(o, tn.only == nil && !known[tn.owner], tn.now())
}

// claimants are the accounts whose secret it may be.
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

// both is the accounts of a list that are in a set, too.
func both(list []string, set map[string]bool) map[string]bool {
	in := map[string]bool{}
	for _, one := range list {
		if set[one] {
			in[one] = true
		}
	}
	return in
}

// counter is what counts for a target: as it is tried from one network, and from
// all networks together that are not the owner's.
type counter struct {
	t            *throttle
	pairKey, key tryKey
	pair, all    *tries
}

// enter waits for the turn of an attempt at a target.
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

// left is for how long no attempt is taken from the network, and none from all
// that are not the owner's.
func (c *counter) left(now time.Time) (here, strangers time.Duration) {
	return c.t.left(c.pair, maxFailures, now), c.t.left(c.all, maxStrangers, now)
}

// note counts an attempt; a stranger's counts for all networks, too.
func (c *counter) note(o outcome, stranger bool, now time.Time) {
	c.t.note(c.pair, o, now)
	if o == failed && stranger {
		c.t.note(c.all, o, now)
	}
	c.t.fade(c.pair, now)
	c.t.fade(c.all, now)
}

// limited runs a check of a secret within its limits. The check says what came of
// it, and whose secret it was.
func (s *Service) limited(ctx context.Context, a attempt, check func(*turn) (outcome, string, error)) error {
	ids := slices.Concat(a.claimants(), slices.Collect(maps.Values(a.accounts)))
	a.network, a.now = caller.ClientFrom(ctx), s.now
	a.knowing = sync.OnceValues(func() (map[string]bool, error) { return s.knowingNetwork(ctx, ids, a.network) })
	tn, err := s.throttle.begin(ctx, a)
	if err != nil {
		return err
	}
	o, userID := undecided, ""
	defer func() { tn.end(o, userID) }() // also after a panic: others wait for the turn
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
