package user

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

// Failed checks of a secret slow down further attempts. Each node counts them in
// memory since it started, so n nodes allow n times as many.
const (
	maxFailures  = 10  // of an account from one network
	maxStrangers = 100 // of an account from all networks that it has not signed in from
	failWindow   = 15 * time.Minute
	maxTracked   = 100_000
)

// tryKey identifies what failures are counted for. Its size is fixed, whatever was
// typed.
type tryKey [16]byte

// target returns the key of a secret under attack: that of an account, or of a name
// that may belong to nobody. It changes with the password, so that a reset lifts a
// lock on all nodes.
func target(account, hash string) tryKey { return keyOf(account, hash) }

// from returns the key of a target as tried from one network.
func (k tryKey) from(network string) tryKey { return keyOf(string(k[:]), network) }

func keyOf(a, b string) (key tryKey) {
	sum := sha256.Sum256([]byte(a + "\x00" + b))
	copy(key[:], sum[:])
	return key
}

// throttle counts failures. Attempts at one account from one network run one after
// another, so that many in parallel gain nothing.
type throttle struct {
	mu    sync.Mutex
	tries map[tryKey]*tries
}

// tries counts the attempts at one key.
type tries struct {
	turn  chan struct{} // holds one while an attempt is made
	users int           // attempts that have or wait for a turn; under throttle.mu
	count int           // failures since; under throttle.mu
	since time.Time
}

// outcome is the result of an attempt.
type outcome uint8

const (
	undecided outcome = iota // the secret was not checked
	failed
	right
)

func (t *throttle) join(key tryKey) *tries {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.tries[key]
	if tr == nil {
		if t.tries == nil {
			t.tries = map[tryKey]*tries{}
		}
		t.makeRoom()
		tr = &tries{turn: make(chan struct{}, 1)}
		t.tries[key] = tr
	}
	tr.users++
	return tr
}

func (t *throttle) leave(key tryKey, tr *tries) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr.users--; tr.users == 0 && tr.count == 0 {
		delete(t.tries, key)
	}
}

// left returns for how long attempts are refused.
func (t *throttle) left(tr *tries, most int, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr.count < most {
		return 0
	}
	return failWindow - now.Sub(tr.since)
}

func (t *throttle) note(tr *tries, o outcome, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case o == right:
		tr.count = 0
	case o == failed && (tr.count == 0 || now.Sub(tr.since) >= failWindow):
		tr.count, tr.since = 1, now
	case o == failed:
		tr.count++
	}
}

// fade resets failures that are too old to count.
func (t *throttle) fade(tr *tries, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(tr.since) >= failWindow {
		tr.count = 0
	}
}

// makeRoom drops a key that is not in use when too many are known: preferably one
// with few failures.
func (t *throttle) makeRoom() {
	if len(t.tries) < maxTracked {
		return
	}
	looked, victim, least, found := 0, tryKey{}, 0, false
	for key, tr := range t.tries {
		if tr.users > 0 {
			continue
		}
		if !found || tr.count < least {
			victim, least, found = key, tr.count, true
		}
		if looked++; looked >= 16 {
			break
		}
	}
	delete(t.tries, victim)
}

// checkPassword refuses a wrong password as a field of the request. It is limited
// like log-in.
func (s *Service) checkPassword(ctx context.Context, u *record, password string) error {
	return s.limitedFor(ctx, target(u.ID, u.hash), u.ID, func() (outcome, error) {
		ok, err := s.hasher.check(ctx, u.hash, password)
		switch {
		case err != nil:
			return undecided, err
		case ok && !u.Disabled:
			return right, nil
		}
		return failed, errs.Bad("current_password", "wrong-password", "is not the account's password")
	})
}

// checkCodeOf refuses a wrong code of an account's second factor as a field of the
// request. It is limited like log-in.
func (s *Service) checkCodeOf(ctx context.Context, u *record, digits string) error {
	return s.limitedFor(ctx, target(u.ID+" code", u.hash), u.ID, func() (outcome, error) {
		switch err := s.secondFactor(ctx, u, digits, "code"); {
		case err == nil:
			return right, nil
		case errs.KindOf(err) == errs.Invalid:
			return failed, err
		default:
			return undecided, err
		}
	})
}

// networkLife is how long it is remembered that an account has signed in from a
// network.
const networkLife = 90 * 24 * time.Hour

func (s *Service) networkKey(userID, network string) []byte {
	return s.keyed("network\x00", userID+"\x00"+network)[:16]
}

// knowNetwork remembers the network of a request that gave an account's secret.
func (s *Service) knowNetwork(ctx context.Context, tx *sql.Tx, userID string) error {
	network := caller.ClientFrom(ctx)
	if network == "" {
		return nil
	}
	now := s.now()
	if _, err := tx.ExecContext(ctx, `DELETE FROM known_networks WHERE user_id = $1 AND seen_at < $2`, userID, now.Add(-networkLife).UnixMicro()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO known_networks (user_id, network, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, network) DO UPDATE SET seen_at = excluded.seen_at`, userID, s.networkKey(userID, network), now.UnixMicro()) // primary key
	return err
}

// knowingNetwork returns those of some accounts that have signed in from a network
// before.
func (s *Service) knowingNetwork(ctx context.Context, ids []string, network string) (map[string]bool, error) {
	if network == "" || len(ids) == 0 {
		return nil, nil
	}
	among, arg, err := s.db.Among(ids)
	if err != nil {
		return nil, fmt.Errorf("known networks: %w", err)
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT user_id, network FROM known_networks WHERE user_id `+among+` AND seen_at >= $2`,
		arg, s.now().Add(-networkLife).UnixMicro()) // primary key
	if err != nil {
		return nil, fmt.Errorf("known networks: %w", err)
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var one string
		var key []byte
		if err := rows.Scan(&one, &key); err != nil {
			return nil, fmt.Errorf("known networks: %w", err)
		}
		if bytes.Equal(key, s.networkKey(one, network)) {
			known[one] = true
		}
	}
	return known, rows.Err()
}

func (s *Service) readNetwork(ctx context.Context, from sqldb.Querier, userID, network string) (bool, error) {
	if network == "" || userID == "" {
		return false, nil
	}
	var n int
	row := from.QueryRowContext(ctx, `SELECT count(*) FROM known_networks WHERE user_id = $1 AND network = $2 AND seen_at >= $3`,
		userID, s.networkKey(userID, network), s.now().Add(-networkLife).UnixMicro()) // primary key
	err := row.Scan(&n)
	return n > 0, err
}

// Failed log-ins also slow down a client address, whichever accounts it tries. Many
// people may share an address, so its limit is much higher than an account's.
const (
	visitorFailures = 100
	maxVisitors     = 100_000
)

// visitors counts failed log-ins by client address.
type visitors struct {
	mu sync.Mutex
	m  map[string]*visitor
}

type visitor struct {
	count int
	since time.Time
}

// check refuses an address from which too many log-ins have failed lately. Unknown
// addresses are not counted.
func (v *visitors) check(addr string, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.m[addr]
	if one == nil || one.count < visitorFailures || now.Sub(one.since) >= failWindow {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-attempts", "Too many failed attempts to sign in from your address; please wait.").After(failWindow - now.Sub(one.since))
}

func (v *visitors) note(addr string, now time.Time) {
	if addr == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.m[addr]
	if one == nil || now.Sub(one.since) >= failWindow {
		if v.m == nil || len(v.m) >= maxVisitors {
			v.m = map[string]*visitor{} // a client with so many addresses cannot be slowed down by address
		}
		one = &visitor{since: now}
		v.m[addr] = one
	}
	one.count++
}
