package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// suite is what every backend must do.
func suite(t *testing.T, open func(now func() time.Time) Limiter) {
	var clock atomic.Int64
	clock.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	l := open(func() time.Time { return time.Unix(0, clock.Load()) })
	rate := Rate{Burst: 10, Per: time.Minute}
	take := func(key Key) Result {
		t.Helper()
		r, err := l.Take(t.Context(), key, rate)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := Key{"login", "a"}, Key{"other", "a"}
	for i := range int64(10) {
		if r := take(a); !r.Allowed || r.Remaining != 9-i || r.Reset != time.Duration(i+1)*6*time.Second {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	if r := take(a); r.Allowed || r.Remaining != 0 || r.Retry != 6*time.Second || r.Reset != time.Minute {
		t.Fatalf("%+v", r)
	}
	if r := take(b); !r.Allowed {
		t.Fatalf("another class: %+v", r)
	}
	clock.Add(int64(6*time.Second) - 1)
	if take(a).Allowed {
		t.Fatal("too early")
	}
	clock.Add(1)
	if !take(a).Allowed || take(a).Allowed {
		t.Fatal("one comes back every six seconds")
	}
	clock.Add(int64(time.Hour))
	if r := take(a); !r.Allowed || r.Remaining != 9 {
		t.Fatalf("after an hour: %+v", r)
	}
	// Many at once get no more than few.
	var wg sync.WaitGroup
	var allowed atomic.Int32
	for range 50 {
		wg.Go(func() {
			r, err := l.Take(t.Context(), Key{"login", "crowd"}, rate)
			if err != nil {
				t.Error(err)
			}
			if r.Allowed {
				allowed.Add(1)
			}
		})
	}
	if wg.Wait(); allowed.Load() != 10 {
		t.Errorf("%d of 50 were allowed", allowed.Load())
	}
}

func TestMemory(t *testing.T) {
	suite(t, func(now func() time.Time) Limiter { return NewMemory(now) })
}

func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("a million keys")
	}
	m := NewMemory(time.Now)
	for i := range shards * maxKeys * 5 / 4 {
		if _, err := m.Take(t.Context(), Key{"x", fmt.Sprint(i)}, Rate{1, time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range m.shards {
		if n := len(m.shards[i].full); n > maxKeys {
			t.Fatalf("%d keys in a shard", n)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	m := NewMemory(time.Now)
	ctx := b.Context()
	for b.Loop() {
		_, _ = m.Take(ctx, Key{"account", "06a1b2c3d4e5f6g7"}, Rate{1_000_000, time.Millisecond})
	}
}
