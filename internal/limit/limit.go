// Package limit counts how often something is done, and says when it is too
// often. There is one interface; the backend in memory counts for one node.
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

// Key names what is counted: who, and of which kind.
type Key struct{ Class, Name string }

// Result is what came of asking.
type Result struct {
	Allowed   bool
	Remaining int64         // that may be done at once now
	Reset     time.Duration // until the whole burst may be done again
	Retry     time.Duration // until it is worth asking again; 0 when allowed
}

// Limiter counts.
type Limiter interface {
	// Take asks to do something now. An error means that nothing was counted.
	Take(ctx context.Context, key Key, r Rate) (Result, error)
}

const (
	shards  = 64
	maxKeys = 16_384 // in a shard; the million that are known at most take some 100 MB
)

// Memory counts in memory by the generic cell rate algorithm (ITU-T I.371): one
// number for each key, the time at which its burst will be whole again.
type Memory struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]struct {
		sync.Mutex
		full map[Key]int64 // ns since 1970
	}
}

// NewMemory makes a limiter with nothing counted.
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

// forget makes room: keys that are whole again mean nothing. When that is not
// enough, some others are let off.
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
