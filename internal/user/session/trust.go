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
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

// How long a node trusts what it knows about a session.
const (
	TrustFor   = time.Second // without looking again
	PollEvery  = 400 * time.Millisecond
	shards     = 64
	minSweep   = 256   // trusted sessions in a shard before expired ones are dropped
	maxTrusted = 4_096 // in a shard
)

// trusted is a session that was looked up. It is trusted for a second, and longer as
// long as the node has confirmed within the last second that no session at all was
// ended early: each such end increments a number, the epoch.
type trusted struct {
	caller caller.Caller
	until  int64 // ns since 1970
	ends   int64 // ns since 1970
	epoch  int64 // last known before the look-up
	term   *term // nil until it is remembered
}

// term is shared by the trusted sessions of an account, so that all of them can be
// ended without visiting each. The next session after that gets a new one.
type term struct{ over atomic.Bool }

// accounts is one shard of the accounts that have trusted sessions. Only the
// sessions keep a term alive; once none is left, the next sweep drops the entry.
type accounts struct {
	sync.Mutex
	m     map[string]weak.Pointer[term]
	ended uint64 // value of Sessions.ends when an account's sessions were ended last
	sweep int    // size at which entries without sessions are dropped
}

// shard is one shard of the trusted sessions.
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
	// Role returns what an account of a role may do in its sessions, with or without
	// a second factor.
	Role func(r caller.Role, twoFactor bool) caller.Role
	// EmailKey returns the key of an account's address.
	EmailKey func(address string) caller.EmailKey
	Signals  bus.Signals // to other nodes; nil: none
}

// Sessions finds out whose session a token is.
type Sessions struct {
	cfg    Config
	queue  *batch.Queue[*lookUp]
	epoch  atomic.Int64 // as heard last; written before heard, read after it
	heard  atomic.Int64 // when that was requested, ns since 1970
	shards [shards]shard

	ends     atomic.Uint64 // counts accounts whose sessions were ended here
	accounts [shards]accounts
	seed     maphash.Seed

	stmtMu  sync.Mutex
	lookUps map[int]*sql.Stmt // by number of tokens; 0: any number
}

// marks record the counters at the start of a look-up, to notice afterwards that
// something ended meanwhile.
type marks struct {
	session uint64 // shard.ended
	account uint64 // Sessions.ends
}

// New uses the session tables of a migrated user database.
func New(cfg Config) *Sessions {
	ss := &Sessions{cfg: cfg, seed: maphash.MakeSeed(), lookUps: map[int]*sql.Stmt{}}
	for i := range ss.shards {
		ss.shards[i].m, ss.shards[i].sweep = map[TokenHash]trusted{}, minSweep
		ss.accounts[i].m, ss.accounts[i].sweep = map[string]weak.Pointer[term]{}, minSweep
	}
	ss.queue = batch.New(lookedUpAtOnce, 50_000, ss.look)
	return ss
}

// Close ends the look-ups. Call it when no more requests arrive.
func (ss *Sessions) Close() { ss.queue.Close() }

// Authenticate returns whose session a token is. The error has kind Unauthenticated
// if the token is unknown, or its session or account has ended.
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

// trusts reports whether a session can be used without another look-up.
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

// remember trusts a session, unless one that may be the same, or an account that may
// be the same, was ended here since the look-up began.
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
			clear(sh.m) // they are looked up again as needed
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

// term returns the current term of an account, or nil if sessions were ended since
// the given value of ends.
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
		a.sweep = max(minSweep, 2*len(a.m)) // the number of sessions is bounded, and so is the number of accounts
	}
	begun := &term{}
	a.m[userID] = weak.Make(begun)
	return begun
}

// Signal is the subject of signals that the sessions of an account have ended, or may do
// something else. Their body is the account's id.
const Signal = "sessions"

// ForgetAll ends this node's trust in an account's sessions, and signals other nodes to
// do the same. Its cost does not depend on how many sessions are trusted.
func (ss *Sessions) ForgetAll(userID string) {
	ss.forgetAll(userID)
	if ss.cfg.Signals != nil {
		ss.cfg.Signals.Publish(Signal, []byte(userID))
	}
}

// HearEnded takes a Signal of another node.
func (ss *Sessions) HearEnded(body []byte) { ss.forgetAll(string(body)) }

func (ss *Sessions) forgetAll(userID string) {
	a := ss.account(userID)
	a.Lock()
	defer a.Unlock()
	a.ended = ss.ends.Add(1)
	if ended := a.m[userID].Value(); ended != nil {
		ended.over.Store(true)
	}
	delete(a.m, userID)
}

// Poll learns of sessions that ended on other nodes. If it has not succeeded for a
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
