package server

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/sandbox/wire"
)

// hooks sends webhooks: each until it is taken, with growing pauses; some late, out of
// order, and twice, as the switches say.
type hooks struct {
	cfg     Config
	trouble *trouble
	client  *http.Client

	mu      sync.Mutex
	waiting []delivery
	wake    chan struct{}
}

// delivery is a webhook that is to be sent at a time.
type delivery struct {
	n     int
	e     wire.Event
	at    time.Time
	tries int
	again bool // it was taken already
}

const (
	hooksAtOnce = 64
	hookTimeout = 10 * time.Second
	firstAgain  = time.Second
	longAgain   = time.Minute
)

func newHooks(cfg Config, t *trouble) *hooks {
	return &hooks{cfg: cfg, trouble: t, client: &http.Client{Timeout: hookTimeout}, wake: make(chan struct{}, 1)}
}

// add takes an event, unless nobody wants to hear of it.
func (h *hooks) add(n int, e wire.Event) bool {
	if h.cfg.Webhook == "" {
		return false
	}
	late, twice := h.trouble.webhook()
	d := delivery{n: n, e: e, at: time.Now().Add(late)}
	h.put(d)
	if twice {
		d.again, d.at = true, d.at.Add(late)
		h.put(d)
	}
	return true
}

func (h *hooks) put(d delivery) {
	h.mu.Lock()
	h.waiting = append(h.waiting, d)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// due takes out what is to be sent now, and says how long the next one has time.
func (h *hooks) due() (list []delivery, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next = time.Minute
	kept := h.waiting[:0]
	for _, d := range h.waiting {
		if left := time.Until(d.at); left > 0 || len(list) == hooksAtOnce {
			kept = append(kept, d)
			next = min(next, max(left, 0))
			continue
		}
		list = append(list, d)
	}
	h.waiting = kept
	return list, next
}

// run sends until ctx ends. told records that a webhook was taken.
func (h *hooks) run(ctx context.Context, told func(context.Context, int) error) {
	for ctx.Err() == nil {
		list, next := h.due()
		var wg sync.WaitGroup
		for _, d := range list {
			wg.Go(func() {
				taken := h.send(ctx, d.e)
				switch {
				case taken && !d.again:
					if err := told(ctx, d.n); err != nil && ctx.Err() == nil {
						h.cfg.Log.ErrorContext(ctx, "a webhook is not noted as taken", "event", d.e.ID, "error", err)
					}
				case !taken:
					d.at = time.Now().Add(min(firstAgain<<min(d.tries, 10), longAgain))
					d.tries++
					h.put(d)
				}
			})
		}
		wg.Wait()
		if len(list) > 0 {
			continue
		}
		t := time.NewTimer(next)
		select {
		case <-t.C:
		case <-h.wake:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// send reports whether a webhook was taken.
func (h *hooks) send(ctx context.Context, e wire.Event) bool {
	body, err := codec.Marshal(e)
	if err != nil {
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.Webhook, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(wire.SignatureHeader, wire.Sign(h.cfg.Secret, time.Now(), "", body))
	res, err := h.client.Do(r)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode >= 200 && res.StatusCode < 300
}
