package session

import (
	"context"
	"database/sql"
	"fmt"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

// How long a node trusts what it knows of a session.
const (
	TrustFor   = time.Second // without looking again
	PollEvery  = 400 * time.Millisecond
	shards     = 64
	minSweep   = 256   // trusted sessions in a shard before lapsed ones are dropped
	maxTrusted = 4_096 // in a shard
)

// trusted is a session that was checked. It is trusted for a second, and on for
// as long as the node has heard within a second that no session at all was
// ended before its time: each such end raises a number, the epoch.
type trusted struct {
	caller caller.Caller
	until  int64 // ns since 1970
	ends   int64 // ns since 1970
	epoch  int64 // as heard last before it was checked
	term   *term // nil until it is remembered
}

// term is what the trusted sessions of an account have in common, so that ending
// them all does not need a look at each. A new one begins with the next session.
type term struct{ over atomic.Bool }

// accounts is a part of the accounts that have trusted sessions. A term is held
// by its sessions alone: once none is left, the next sweep drops its entry.
type accounts struct {
	sync.Mutex
	m     map[string]weak.Pointer[term]
	ended uint64 // value of Sessions.ends when an account's sessions were ended last
	sweep int    // size at which entries without sessions are dropped
}

// shard is a part of the sessions that are trusted.
type shard struct {
	sync.RWMutex
	m     map[TokenHash]trusted
	ended uint64 // counts sessions ended here: a look-up begun before must not be trusted
	sweep int    // size at which lapsed entries are dropped
}

// Config configures the sessions.
type Config struct {
	DB  *sqldb.DB
	Now func() time.Time
	// Role is what an account of a role may do in its sessions, with or without a second
	// factor.
	Role func(r caller.Role, twoFactor bool) caller.Role
	// EmailKey is the key of an account's address.
	EmailKey func(address string) caller.EmailKey
}

// Sessions answers whose session a token is.
type Sessions struct {
	cfg    Config
	queue  *batch.Queue[*lookUp]
	epoch  atomic.Int64 // as heard last; written before heard, read after it
	heard  atomic.Int64 // when that was asked for, ns since 1970
	shards [shards]shard

	ends     atomic.Uint64 // counts accounts whose sessions were ended here
	accounts [shards]accounts
	seed     maphash.Seed

	stmtMu  sync.Mutex
	lookUps map[int]*sql.Stmt // by how many tokens; 0: any number
}

// marks tell, when a look-up is over, whether something was ended since it began.
type marks struct {
	session uint64 // shard.ended
	account uint64 // Sessions.ends
}

// New makes the sessions of a database that has the user service's tables.
func New(cfg Config) *Sessions {
	ss := &Sessions{cfg: cfg, seed: maphash.MakeSeed(), lookUps: map[int]*sql.Stmt{}}
	for i := range ss.shards {
		ss.shards[i].m, ss.shards[i].sweep = map[TokenHash]trusted{}, minSweep
		ss.accounts[i].m, ss.accounts[i].sweep = map[string]weak.Pointer[term]{}, minSweep
	}
	ss.queue = batch.New(lookedUpAtOnce, 50_000, ss.look)
	return ss
}

// Close ends the look-ups. It is called when no requests come any more.
func (ss *Sessions) Close() { ss.queue.Close() }

// Authenticate answers whose session a token is. The error is of kind Unauthenticated
// when the token is unknown, or its session or account has ended.
func (ss *Sessions) Authenticate(ctx context.Context, token string) (caller.Caller, error) {
	hash := Hash(token)
	now := ss.cfg.Now().UnixNano()
	sh := ss.shard(hash)
	sh.RLock()
	t, ok := sh.m[hash]
	before := marks{session: sh.ended}
	sh.RUnlock()
	if ok && ss.trusts(&t, now) {
		return t.caller, nil
	}
	before.account = ss.ends.Load()
	epoch := ss.epoch.Load()
	l := &lookUp{hash: hash}
	if err := ss.queue.Do(ctx, l); err != nil {
		return caller.Caller{}, err
	}
	ends := l.ends * 1000
	if !l.found || ends <= now {
		return caller.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "This session has ended; please sign in again.")
	}
	ss.remember(hash, trusted{caller: l.who, until: now + int64(TrustFor), ends: ends, epoch: epoch}, before, now)
	return l.who, nil
}

func (ss *Sessions) shard(hash TokenHash) *shard { return &ss.shards[hash[0]%shards] }

func (ss *Sessions) account(userID string) *accounts {
	return &ss.accounts[maphash.String(ss.seed, userID)%shards]
}

// trusts reports whether a session that was checked needs no look now.
func (ss *Sessions) trusts(t *trusted, now int64) bool {
	switch {
	case now >= t.ends, t.term.over.Load():
		return false
	case now < t.until:
		return true
	}
	fresh := now-ss.heard.Load() < int64(TrustFor)
	return fresh && t.epoch == ss.epoch.Load()
}

// remember trusts a session, unless one that may be the same, or an account that
// may be the same, has been ended here since the look-up began.
func (ss *Sessions) remember(hash TokenHash, t trusted, before marks, now int64) {
	if t.term = ss.account(t.caller.UserID).term(t.caller.UserID, before.account); t.term == nil {
		return
	}
	sh := ss.shard(hash)
	sh.Lock()
	defer sh.Unlock()
	if sh.ended != before.session {
		return
	}
	if len(sh.m) >= sh.sweep {
		for k, old := range sh.m {
			if !ss.trusts(&old, now) {
				delete(sh.m, k)
			}
		}
		if len(sh.m) >= maxTrusted {
			clear(sh.m) // they are looked up again as they come
		}
		sh.sweep = min(maxTrusted, max(minSweep, 2*len(sh.m))) // so that sweeping stays cheap per session
	}
	sh.m[hash] = t
}

// Forget ends this node's trust in one session.
func (ss *Sessions) Forget(hash TokenHash) {
	sh := ss.shard(hash)
	sh.Lock()
	defer sh.Unlock()
	sh.ended++
	delete(sh.m, hash)
}

// term is the present term of an account; nil when some were ended since ends had
// a value.
func (a *accounts) term(userID string, before uint64) *term {
	a.Lock()
	defer a.Unlock()
	if a.ended > before {
		return nil
	}
	if now := a.m[userID].Value(); now != nil {
		return now
	}
	if len(a.m) >= a.sweep {
		maps.DeleteFunc(a.m, func(_ string, p weak.Pointer[term]) bool { return p.Value() == nil })
		a.sweep = max(minSweep, 2*len(a.m)) // sessions are bounded, and so are the accounts that have some
	}
	begun := &term{}
	a.m[userID] = weak.Make(begun)
	return begun
}

// ForgetAll ends this node's trust in an account's sessions, at the same cost
// however many sessions are trusted.
func (ss *Sessions) ForgetAll(userID string) {
	a := ss.account(userID)
	a.Lock()
	defer a.Unlock()
	a.ended = ss.ends.Add(1)
	if ended := a.m[userID].Value(); ended != nil {
		ended.over.Store(true)
	}
	delete(a.m, userID)
}

// Poll hears of sessions that ended on other nodes. While it was not called for a
// second, sessions are looked up again.
func (ss *Sessions) Poll(ctx context.Context) error {
	asked := ss.cfg.Now().UnixNano()
	var epoch int64
	row := ss.cfg.DB.Reader().QueryRowContext(ctx, `SELECT epoch FROM session_epoch WHERE id = 1`) // primary key
	if err := row.Scan(&epoch); err != nil {
		return fmt.Errorf("hear of ended sessions: %w", err)
	}
	ss.epoch.Store(epoch)
	ss.heard.Store(asked)
	return nil
}
