package web

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
	"boxoffice/internal/ticket"
)

// Documents are made few at once, on a node and for a client; what is too much is
// refused, what was made is remembered, and who goes away stops it.
func TestPrinter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter()
		var made atomic.Int64
		open := make(chan struct{})
		p.print = func(ctx context.Context, d *ticket.Document) ([]byte, error) {
			select {
			case <-open:
				made.Add(1)
				return []byte(d.Reference), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		from := func(ctx context.Context, client int) context.Context {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(client)}).String()
			return context.WithValue(ctx, message.ClientKey{}, addr)
		}
		places := runtime.GOMAXPROCS(0)
		leaving, leave := context.WithCancel(t.Context())
		results := make(chan error, 100)
		for i := range places {
			ctx := from(t.Context(), i)
			if i == 0 {
				ctx = from(leaving, i)
			}
			go func() {
				_, err := p.pdf(ctx, ticket.Document{Reference: fmt.Sprint(i)})
				results <- err
			}()
		}
		synctest.Wait()
		_, err := p.pdf(from(t.Context(), 200), ticket.Document{Reference: "one more"})
		var busy *errs.Error
		if !errors.As(err, &busy) || busy.Kind != errs.Unavailable || busy.RetryAfter == 0 {
			t.Errorf("one too many: %v", err)
		}
		for range printsEach { // they wait for a place
			go func() {
				_, err := p.pdf(from(t.Context(), 201), ticket.Document{Reference: "waits"})
				results <- err
			}()
		}
		synctest.Wait()
		if _, err := p.pdf(from(t.Context(), 201), ticket.Document{Reference: "waits"}); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("a client's third at once: %v", err)
		}
		leave()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who goes away: %v", err)
		}
		close(open)
		for range places - 1 + printsEach {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		before := made.Load()
		file, err := p.pdf(from(t.Context(), 201), ticket.Document{Reference: "waits"})
		if err != nil || string(file) != "waits" || made.Load() != before {
			t.Errorf("%q %v, made %d times more", file, err, made.Load()-before)
		}
		if len(p.clients) != 0 {
			t.Errorf("%v are remembered", p.clients)
		}
	})
}
