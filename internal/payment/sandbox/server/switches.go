package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is a way in which an answer goes wrong.
type Fault string

// The faults. Those that act carry the step out; the client cannot tell.
const (
	ErrorBefore   Fault = "error-before"   // 500, without acting
	ErrorAfter    Fault = "error-after"    // acts, then 500
	TimeoutBefore Fault = "timeout-before" // no answer, without acting
	TimeoutAfter  Fault = "timeout-after"  // acts, then no answer
	Lost          Fault = "lost"           // acts, then closes the connection
	Cut           Fault = "cut"            // acts, and sends half of the answer
	HTML          Fault = "html"           // acts, and sends a page
	Empty         Fault = "empty"          // acts, and sends nothing with status 200
	NotFound      Fault = "not-found"      // a proxy's 404, without acting
	BadGateway    Fault = "bad-gateway"    // a proxy's 502, without acting
	Stranger      Fault = "stranger"       // somebody else's answer that the card was declined, without acting
	Stale         Fault = "stale"          // acts, and sends the answer to another request
	Outage        Fault = "outage"         // connections are closed, without acting
)

// Faults are all faults.
var Faults = []Fault{ErrorBefore, ErrorAfter, TimeoutBefore, TimeoutAfter, Lost, Cut, HTML, Empty, NotFound, BadGateway, Stranger, Stale, Outage}

// acts reports whether the step is carried out.
func (f Fault) acts() bool {
	return slices.Contains([]Fault{ErrorAfter, TimeoutAfter, Lost, Cut, HTML, Empty, Stale}, f)
}

// Switches say how badly the gateway behaves.
type Switches struct {
	LatencyMin time.Duration     `json:"latency_min_ns"`
	LatencyMax time.Duration     `json:"latency_max_ns"`
	Shares     map[Fault]float64 `json:"shares"`   // of the requests that go wrong, by fault: 0.05 is 5 %
	Webhooks   float64           `json:"webhooks"` // share of webhooks that come late, out of order, and twice
}

// Check refuses what cannot be.
func (s Switches) Check() error {
	if s.LatencyMin < 0 || s.LatencyMax < s.LatencyMin || s.LatencyMax > time.Hour {
		return fmt.Errorf("latency: %v to %v is not a range of durations up to 1h", s.LatencyMin, s.LatencyMax)
	}
	sum := 0.0
	for f, share := range s.Shares {
		if !slices.Contains(Faults, f) {
			return fmt.Errorf("faults: %q is none; there are %s", f, names())
		}
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("faults: the share of %s is not between 0 and 1", f)
		}
		sum += share
	}
	if sum > 1.000001 {
		return fmt.Errorf("faults: their shares come to %.2f, which is more than 1", sum)
	}
	if !(s.Webhooks >= 0 && s.Webhooks <= 1) {
		return fmt.Errorf("webhooks: the share is not between 0 and 1")
	}
	return nil
}

func names() string {
	list := make([]string, len(Faults))
	for i, f := range Faults {
		list[i] = string(f)
	}
	return strings.Join(list, ", ")
}

// trouble draws faults. It is safe for concurrent use.
type trouble struct {
	mu     sync.Mutex
	s      Switches
	random *rand.Rand
}

func newTrouble(s Switches, seed uint64) *trouble {
	return &trouble{s: s, random: rand.New(rand.NewPCG(seed, 2))} //nolint:gosec // chance, not secrecy
}

func (t *trouble) set(s Switches) {
	t.mu.Lock()
	t.s = s
	t.mu.Unlock()
}

func (t *trouble) get() Switches {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s
}

// draw chooses what becomes of a request: "" is that it is answered.
func (t *trouble) draw() (f Fault, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait = t.s.LatencyMin
	if span := t.s.LatencyMax - t.s.LatencyMin; span > 0 {
		wait += time.Duration(t.random.Int64N(int64(span)))
	}
	at := t.random.Float64()
	for _, f := range Faults {
		if at -= t.s.Shares[f]; at < 0 {
			return f, wait
		}
	}
	return "", wait
}

// webhook chooses whether a webhook comes late, and twice.
func (t *trouble) webhook() (late time.Duration, twice bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.random.Float64() >= t.s.Webhooks {
		return 0, false
	}
	return time.Duration(t.random.Int64N(int64(3 * time.Second))), t.random.IntN(2) == 0
}
