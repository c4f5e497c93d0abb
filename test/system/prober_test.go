package system

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/userapi"
)

// answer is how a probe went.
type answer struct {
	sent       time.Time
	took       time.Duration
	status     int // 0: none
	retryAfter string
	problem    string
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s after %v", a.status, a.problem, a.took.Round(time.Millisecond))
}

// prober asks a node for a seat, ten times a second.
type prober struct {
	stop chan struct{}
	done chan struct{}
	mu   sync.Mutex
	all  []answer
}

// probe begins to ask a node for seats of an event, each for itself, without
// waiting for earlier answers.
func probe(t *testing.T, s *server, fans []userapi.Fan, event string, seats []string) *prober {
	t.Helper()
	p := &prober{stop: make(chan struct{}), done: make(chan struct{})}
	clients := make([]*client, len(fans))
	for i, f := range fans {
		clients[i] = s.as(f)
	}
	go func() {
		defer close(p.done)
		var wg sync.WaitGroup
		defer wg.Wait()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			wg.Go(func() {
				a := answer{sent: time.Now()}
				r, err := clients[n%len(clients)].do("POST", "/bookings", map[string]any{"event_id": event, "seats": []string{seats[n%len(seats)]}})
				a.took = time.Since(a.sent)
				if err == nil {
					a.status, a.retryAfter, a.problem = r.status, r.header.Get("Retry-After"), r.problem()
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				p.all = append(p.all, a)
			})
		}
	}()
	t.Cleanup(p.end)
	return p
}

func (p *prober) end() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	<-p.done
}

// success waits for a probe that was sent after a time and got its seat, and
// answers when that was.
func (p *prober) success(t *testing.T, after time.Time) time.Time {
	t.Helper()
	a := p.find(t, func(a answer) bool { return a.sent.After(after) && a.status == 201 })
	return a.sent.Add(a.took)
}

// find waits for a probe's answer.
func (p *prober) find(t *testing.T, fits func(answer) bool) answer {
	t.Helper()
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		for _, a := range p.all {
			if fits(a) {
				p.mu.Unlock()
				return a
			}
		}
		last := p.all[max(0, len(p.all)-5):]
		p.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("long after no such answer has come; the last were %v", last)
		}
	}
}

// refusals checks the probes that were sent between two times: all must have been
// refused with 503 and Retry-After, fast.
func (p *prober) refusals(t *testing.T, from, to time.Time) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	n, slowest := 0, time.Duration(0)
	for _, a := range p.all {
		if a.sent.Before(from) || a.sent.Add(a.took).After(to) {
			continue
		}
		if a.status != 503 || a.retryAfter == "" {
			t.Errorf("while the database is gone: %v, Retry-After %q", a, a.retryAfter)
		}
		n, slowest = n+1, max(slowest, a.took)
	}
	if n == 0 {
		t.Error("nobody asked while the database was gone: the test does not test")
	}
	t.Logf("%d refusals, the slowest after %v", n, slowest.Round(time.Millisecond))
}
