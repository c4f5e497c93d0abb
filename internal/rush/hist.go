package rush

import (
	"math"
	"sync/atomic"
	"time"
)

// hist counts durations in buckets that grow by about 3 %, from 10 µs to
// beyond a minute. It may be added to from anywhere at once.
type hist struct {
	buckets [512]atomic.Uint32
	n       atomic.Int64
	most    atomic.Int64 // the longest, ns
}

const (
	histBase  = float64(10 * time.Microsecond)
	histScale = 32 // buckets each time the duration doubles, over ln 2
)

func (h *hist) add(d time.Duration) {
	i := 0
	if f := float64(d); f > histBase {
		i = min(len(h.buckets)-1, 1+int(math.Log(f/histBase)*histScale))
	}
	for was := h.most.Load(); int64(d) > was && !h.most.CompareAndSwap(was, int64(d)); was = h.most.Load() {
	}
	h.buckets[i].Add(1)
	h.n.Add(1)
}

// max is the longest duration.
func (h *hist) max() time.Duration { return time.Duration(h.most.Load()) }

// quantile is the duration that a share q of all stays within, rounded up to
// the end of its bucket, but no longer than the longest; 0 when there are none.
func (h *hist) quantile(q float64) time.Duration {
	n := h.n.Load()
	if n == 0 {
		return 0
	}
	rank := int64(math.Ceil(q * float64(n)))
	var seen int64
	for i := range h.buckets {
		if seen += int64(h.buckets[i].Load()); seen >= rank {
			return min(time.Duration(histBase*math.Exp(float64(i)/histScale)), h.max())
		}
	}
	return h.max()
}

func ms(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }
