package rush

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest duration that a hist can represent; longer ones count as
// this.
const longest = time.Hour

// hist counts durations, in microseconds with three significant digits. Any
// number of goroutines may add to it.
type hist struct {
	mu     sync.Mutex
	counts *hdrhistogram.Histogram
	most   time.Duration // the longest, to the nanosecond
}

func (h *hist) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = hdrhistogram.New(1, int64(longest/time.Microsecond), 3)
	}
	_ = h.counts.RecordValue(int64(min(d, longest) / time.Microsecond)) // within the range
	h.most = max(h.most, d)
}

// mean returns the average, 0 of nothing.
func (h *hist) mean() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		return 0
	}
	return time.Duration(h.counts.Mean() * float64(time.Microsecond))
}

// count returns how many durations were added.
func (h *hist) count() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		return 0
	}
	return h.counts.TotalCount()
}

// max returns the longest duration.
func (h *hist) max() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most
}

// quantile returns the duration within which a share q of all lies, rounded up by
// less than a thousandth but not beyond the longest; 0 without any.
func (h *hist) quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		return 0
	}
	us := h.counts.ValueAtQuantile(100 * q)
	return min(time.Duration(us+1)*time.Microsecond, h.most)
}

func ms(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }
