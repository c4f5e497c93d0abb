package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
	"boxoffice/internal/message"
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
	caller message.Caller
	until  int64 // ns since 1970
	ends   int64 // ns since 1970
	epoch  int64 // as heard last before it was checked
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
}

func newSessions(s *Service) *sessions {
	ss := &sessions{svc: s}
	for i := range ss.shards {
		ss.shards[i].m, ss.shards[i].sweep = map[tokenHash]trusted{}, minSweep
	}
	ss.queue = batch.New(lookUps, 50_000, ss.look)
	return ss
}

// Authenticate is the account of a session token. The error is of kind
// Unauthenticated when the token is unknown, or its session or account has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (message.Caller, error) {
	ss := s.sessions
	hash := sha256.Sum256([]byte(token))
	now := s.now().UnixNano()
	sh := ss.shard(hash)
	sh.RLock()
	t, ok := sh.m[hash]
	ended := sh.ended
	sh.RUnlock()
	if ok && ss.trusts(&t, now) {
		return t.caller, nil
	}
	epoch := ss.epoch.Load()
	l := &lookUp{hash: hash}
	if err := ss.queue.Do(ctx, l); err != nil {
		return message.Caller{}, err
	}
	ends := l.ends * 1000
	if !l.found || ends <= now {
		return message.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "This session has ended; please sign in again.")
	}
	ss.remember(hash, trusted{l.who, now + int64(trustFor), ends, epoch}, ended, now)
	return l.who, nil
}

func (ss *sessions) shard(hash tokenHash) *shard { return &ss.shards[hash[0]%shards] }

// trusts reports whether a session that was checked needs no look now.
func (ss *sessions) trusts(t *trusted, now int64) bool {
	switch {
	case now >= t.ends:
		return false
	case now < t.until:
		return true
	}
	fresh := now-ss.heard.Load() < int64(trustFor)
	return fresh && t.epoch == ss.epoch.Load()
}

// remember trusts a session, unless one has ended here since the look-up began:
// it may be the same one.
func (ss *sessions) remember(hash tokenHash, t trusted, ended uint64, now int64) {
	sh := ss.shard(hash)
	sh.Lock()
	defer sh.Unlock()
	if sh.ended != ended {
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

// forgetAll ends this node's trust in an account's sessions.
func (ss *sessions) forgetAll(userID string) {
	for i := range ss.shards {
		sh := &ss.shards[i]
		sh.Lock()
		sh.ended++
		for k, t := range sh.m {
			if t.caller.UserID == userID {
				delete(sh.m, k)
			}
		}
		sh.Unlock()
	}
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
	tick, leaving := time.NewTicker(pollEvery), time.NewTicker(endEvery)
	defer tick.Stop()
	defer leaving.Stop()
	waiting := time.NewTicker(postEvery)
	defer waiting.Stop()
	s.post.kick()
	for {
		// A poll that fails leaves the epoch unheard, and trust lapses by itself.
		_ = s.sessions.poll(ctx)
		select {
		case <-tick.C:
		case <-waiting.C: // left by other nodes, or by this one before it started anew
			s.post.kick()
		case <-leaving.C:
			if _, err := s.EndVisits(ctx); err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "visitors who are gone keep their accounts", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
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
