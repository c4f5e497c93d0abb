// Package limit counts how often something is done, and decides when it is too
// often. The backend in memory counts for one node.
package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// Rate allows Burst at once, and as many again in each Per.
type Rate struct {
	Burst int64
	Per   time.Duration
}

// Key identifies what is counted: a client and its class.
type Key struct{ Class, Name string }

// Result is the answer to Take.
type Result struct {
	Allowed   bool
	Remaining int64         // that may be done at once now
	Reset     time.Duration // until the whole burst may be done again
	Retry     time.Duration // until it is worth asking again; 0 when allowed
}

// Limiter counts.
type Limiter interface {
	// Take counts one attempt, if it is allowed. After an error, nothing was
	// counted.
	Take(ctx context.Context, key Key, r Rate) (Result, error)
}

const (
	shards  = 64
	maxKeys = 16_384 // in a shard; all shards together use at most about 100 MB
)

// Memory counts in memory by the generic cell rate algorithm (ITU-T I.371): one
// number for each key, the time at which its whole burst will be available again.
type Memory struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]struct {
		sync.Mutex
		full map[Key]int64 // ns since 1970
	}
}

// NewMemory makes an empty limiter.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{now: now, seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].full = map[Key]int64{}
	}
	return m
}

// Take implements Limiter; it never fails.
func (m *Memory) Take(_ context.Context, key Key, r Rate) (Result, error) {
	now, per := m.now().UnixNano(), int64(r.Per)
	each := max(1, per/r.Burst)
	s := &m.shards[maphash.Comparable(m.seed, key)%shards]
	s.Lock()
	defer s.Unlock()
	at, known := s.full[key]
	at = max(at, now)
	if next := at + each; next-now <= per {
		if !known && len(s.full) >= maxKeys {
			forget(s.full, now)
		}
		s.full[key] = next
		return Result{Allowed: true, Remaining: (per - (next - now)) / each, Reset: time.Duration(next - now)}, nil
	} else {
		return Result{Reset: time.Duration(at - now), Retry: time.Duration(next - now - per)}, nil
	}
}

// forget makes room by dropping keys whose whole burst is available. If that is not
// enough, it also drops some others.
func forget(full map[Key]int64, now int64) {
	for k, at := range full {
		if at <= now {
			delete(full, k)
		}
	}
	for k := range full {
		if len(full) < maxKeys*3/4 {
			return
		}
		delete(full, k)
	}
}
