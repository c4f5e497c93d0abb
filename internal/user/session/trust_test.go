package session

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"boxoffice/internal/caller"
)

// A look-up that was under way when its session ended must not be remembered.
func TestEndedWhileLookedUp(t *testing.T) {
	ss := New(Config{Now: time.Now})
	t.Cleanup(ss.Close)
	hash := sha256.Sum256([]byte("x"))
	now := time.Now().UnixNano()
	live := trusted{caller: caller.Caller{UserID: "u"}, until: now + int64(TrustFor), ends: now + int64(time.Hour)}
	sh := ss.shard(hash)
	marked := func() marks { return marks{sh.ended, ss.ends.Load()} }
	before := marked()
	ss.Forget(hash)
	ss.remember(hash, live, before, now)
	if len(sh.m) != 0 {
		t.Error("remembered after a log-out")
	}
	before = marked()
	ss.ForgetAll("u")
	ss.remember(hash, live, before, now)
	if len(sh.m) != 0 {
		t.Error("remembered after the account was disabled")
	}
	ss.remember(hash, live, marked(), now)
	if len(sh.m) != 1 {
		t.Error("not remembered")
	}
}

// Ending an account's sessions costs what that account has, and leaves all others
// alone: also sessions that are just being looked up.
func TestEndingAnAccountsSessionsLeavesOthersAlone(t *testing.T) {
	ss := New(Config{Now: time.Now})
	t.Cleanup(ss.Close)
	now := time.Now().UnixNano()
	remember := func(user string, n int, before marks) *trusted {
		hash := sha256.Sum256([]byte(fmt.Sprint(user, n)))
		before.session = ss.shard(hash).ended
		ss.remember(hash, trusted{caller: caller.Caller{UserID: user}, until: now + int64(TrustFor), ends: now + int64(time.Hour)}, before, now)
		if one, ok := ss.shard(hash).m[hash]; ok {
			return &one
		}
		return nil
	}
	var ended, others []*trusted
	for i := range 100 {
		ended = append(ended, remember("gone", i, marks{}))
		others = append(others, remember(fmt.Sprint("other", i), 0, marks{}))
	}
	// While ends are counted nothing else is held: no part of the sessions is locked.
	for i := range ss.shards {
		ss.shards[i].Lock()
	}
	ss.ForgetAll("gone")
	for i := range ss.shards {
		ss.shards[i].Unlock()
	}
	for i := range ended {
		if ss.trusts(ended[i], now) || !ss.trusts(others[i], now) {
			t.Fatalf("session %d: ended %v, another one %v", i, ss.trusts(ended[i], now), ss.trusts(others[i], now))
		}
	}
	// A look-up that began before the end is not trusted; one that begins now is.
	if remember("gone", 0, marks{}) != nil && ss.trusts(remember("gone", 0, marks{}), now) {
		t.Error("trusted again by a look-up from before")
	}
	if again := remember("gone", 1000, marks{account: ss.ends.Load()}); again == nil || !ss.trusts(again, now) {
		t.Error("a new session is not trusted")
	}
	// Terms without sessions do not pile up.
	for i := range 100 * minSweep {
		ss.account("x").term(fmt.Sprint("passing", i), ss.ends.Load())
		if i%minSweep == 0 {
			runtime.GC()
		}
	}
	if n := len(ss.account("x").m); n > 8*minSweep {
		t.Errorf("%d accounts without sessions are kept", n)
	}
}

func TestTrustedAreBounded(t *testing.T) {
	ss := New(Config{Now: time.Now})
	t.Cleanup(ss.Close)
	now := time.Now().UnixNano()
	for i := range 3 * maxTrusted {
		hash := sha256.Sum256([]byte(fmt.Sprint(i)))
		hash[0] = 0
		sh := ss.shard(hash)
		ss.remember(hash, trusted{until: now + int64(TrustFor), ends: now + int64(time.Hour)}, marks{session: sh.ended}, now)
	}
	if n := len(ss.shards[0].m); n > maxTrusted {
		t.Errorf("%d are trusted", n)
	}
	later := now + int64(time.Hour)
	for i := range maxTrusted {
		hash := sha256.Sum256([]byte(fmt.Sprint("later", i)))
		hash[0] = 0
		ss.remember(hash, trusted{until: later - 1, ends: later}, marks{session: ss.shards[0].ended}, later)
	}
	if n := len(ss.shards[0].m); n > minSweep {
		t.Errorf("%d that have ended are kept", n)
	}
}

// air carries signals between two nodes.
type air struct{ other *Sessions }

func (a *air) Connected() bool                      { return true }
func (a *air) Subscribe(string, func([]byte)) error { return nil }
func (a *air) Publish(subject string, body []byte) {
	if subject == Signal {
		a.other.HearEnded(body)
	}
}

// Sessions that end on one node are not trusted on the others from then on, nor those
// that are being looked up there. The signal goes no further.
func TestEndedSessionsAreSignalled(t *testing.T) {
	there := New(Config{Now: time.Now, Signals: &air{}}) // a signal from here would panic
	t.Cleanup(there.Close)
	here := New(Config{Now: time.Now, Signals: &air{there}})
	t.Cleanup(here.Close)
	now := time.Now().UnixNano()
	hash := sha256.Sum256([]byte("x"))
	live := trusted{caller: caller.Caller{UserID: "u"}, until: now + int64(TrustFor), ends: now + int64(time.Hour)}
	before := marks{account: there.ends.Load()}
	there.remember(hash, live, before, now)
	known := there.shard(hash).m[hash]
	if !there.trusts(&known, now) {
		t.Fatal("it is not trusted")
	}
	here.ForgetAll("u")
	if there.trusts(&known, now) {
		t.Error("an ended session is trusted")
	}
	if there.remember(sha256.Sum256([]byte("y")), live, before, now); len(there.shard(sha256.Sum256([]byte("y"))).m) != 0 {
		t.Error("one that was being looked up is trusted")
	}
}
