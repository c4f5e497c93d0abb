package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
)

// How long a node trusts what it knows of a session.
const (
	trustFor   = time.Second // without looking again
	pollEvery  = 400 * time.Millisecond
	postEvery  = 5 * time.Second // look for mails and adoptions that wait
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
	ended uint64 // value of sessions.ends when an account's sessions were ended last
	sweep int    // size at which entries without sessions are dropped
}

// shard is a part of the sessions that are trusted.
type shard struct {
	sync.RWMutex
	m     map[tokenHash]trusted
	ended uint64 // counts sessions ended here: a look-up begun before must not be trusted
	sweep int    // size at which lapsed entries are dropped
}

// sessions answers who a token belongs to.
type sessions struct {
	svc    *Service
	queue  *batch.Queue[*lookUp]
	epoch  atomic.Int64 // as heard last; written before heard, read after it
	heard  atomic.Int64 // when that was asked for, ns since 1970
	shards [shards]shard

	ends     atomic.Uint64 // counts accounts whose sessions were ended here
	accounts [shards]accounts
	seed     maphash.Seed
}

// marks tell, when a look-up is over, whether something was ended since it began.
type marks struct {
	session uint64 // shard.ended
	account uint64 // sessions.ends
}

func newSessions(s *Service) *sessions {
	ss := &sessions{svc: s, seed: maphash.MakeSeed()}
	for i := range ss.shards {
		ss.shards[i].m, ss.shards[i].sweep = map[tokenHash]trusted{}, minSweep
		ss.accounts[i].m, ss.accounts[i].sweep = map[string]weak.Pointer[term]{}, minSweep
	}
	ss.queue = batch.New(lookUps, 50_000, ss.look)
	return ss
}

// Authenticate is the account of a session token. The error is of kind
// Unauthenticated when the token is unknown, or its session or account has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (caller.Caller, error) {
	ss := s.sessions
	hash := sha256.Sum256([]byte(token))
	now := s.now().UnixNano()
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
	ss.remember(hash, trusted{caller: l.who, until: now + int64(trustFor), ends: ends, epoch: epoch}, before, now)
	return l.who, nil
}

func (ss *sessions) shard(hash tokenHash) *shard { return &ss.shards[hash[0]%shards] }

func (ss *sessions) account(userID string) *accounts {
	return &ss.accounts[maphash.String(ss.seed, userID)%shards]
}

// trusts reports whether a session that was checked needs no look now.
func (ss *sessions) trusts(t *trusted, now int64) bool {
	switch {
	case now >= t.ends, t.term.over.Load():
		return false
	case now < t.until:
		return true
	}
	fresh := now-ss.heard.Load() < int64(trustFor)
	return fresh && t.epoch == ss.epoch.Load()
}

// remember trusts a session, unless one that may be the same, or an account that
// may be the same, has been ended here since the look-up began.
func (ss *sessions) remember(hash tokenHash, t trusted, before marks, now int64) {
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

// forget ends this node's trust in one session.
func (ss *sessions) forget(hash tokenHash) {
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

// forgetAll ends this node's trust in an account's sessions, at the same cost
// however many sessions are trusted.
func (ss *sessions) forgetAll(userID string) {
	a := ss.account(userID)
	a.Lock()
	defer a.Unlock()
	a.ended = ss.ends.Add(1)
	if ended := a.m[userID].Value(); ended != nil {
		ended.over.Store(true)
	}
	delete(a.m, userID)
}

// raiseEpoch tells all nodes to look at sessions again, in the transaction that
// ends one before its time or changes what its account may do.
func raiseEpoch(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE session_epoch SET epoch = epoch + 1 WHERE id = 1`)
	return err
}

// Run listens for sessions that end on other nodes, and ends the accounts of
// visitors who are gone, until ctx ends. Without it each session is looked up
// again every second.
func (s *Service) Run(ctx context.Context) {
	var kicked time.Time
	left := time.Now()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, pollEvery, nil, func(ctx context.Context) error {
		// A poll that fails leaves the epoch unheard, and trust lapses by itself.
		_ = s.sessions.poll(ctx)
		if time.Since(kicked) >= postEvery { // left by other nodes, or by this one before it started anew
			kicked = time.Now()
			s.post.kick()
		}
		if time.Since(left) >= endEvery {
			left = time.Now()
			_, err := s.EndVisits(ctx)
			trouble.Log(ctx, s.log, slog.LevelError, "visitors who are gone keep their accounts", err)
		}
		return nil
	})
}

// poll hears the epoch.
func (ss *sessions) poll(ctx context.Context) error {
	asked := ss.svc.now().UnixNano()
	var epoch int64
	row := ss.svc.db.Reader().QueryRowContext(ctx, `SELECT epoch FROM session_epoch WHERE id = 1`) // primary key
	if err := row.Scan(&epoch); err != nil {
		return fmt.Errorf("hear of ended sessions: %w", err)
	}
	ss.epoch.Store(epoch)
	ss.heard.Store(asked)
	return nil
}
