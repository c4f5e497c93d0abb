package shop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
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
		places := runtime.GOMAXPROCS(0)
		leaving, leave := context.WithCancel(t.Context())
		results := make(chan error, 100)
		for i := range places {
			ctx := t.Context()
			if i == 0 {
				ctx = leaving
			}
			go func() {
				_, err := p.pdf(ctx, fmt.Sprint(i), ticket.Document{Reference: fmt.Sprint(i)})
				results <- err
			}()
		}
		synctest.Wait()
		_, err := p.pdf(t.Context(), "200", ticket.Document{Reference: "one more"})
		var busy *errs.Error
		if !errors.As(err, &busy) || busy.Kind != errs.Unavailable || busy.RetryAfter == 0 {
			t.Errorf("one too many: %v", err)
		}
		for range printsEach { // they wait for a place
			go func() {
				_, err := p.pdf(t.Context(), "201", ticket.Document{Reference: "waits"})
				results <- err
			}()
		}
		synctest.Wait()
		if _, err := p.pdf(t.Context(), "201", ticket.Document{Reference: "waits"}); errs.KindOf(err) != errs.Unavailable {
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
		file, err := p.pdf(t.Context(), "201", ticket.Document{Reference: "waits"})
		if err != nil || string(file) != "waits" || made.Load() != before {
			t.Errorf("%q %v, made %d times more", file, err, made.Load()-before)
		}
		if len(p.clients) != 0 {
			t.Errorf("%v are remembered", p.clients)
		}
	})
}

// Verified people behind one address do not share its places; whoever has only
// typed an address does.
func TestPrintClient(t *testing.T) {
	order := func(owner string, unproved bool) *orderPage {
		o := &orderPage{}
		o.UserID, o.Unproved = owner, unproved
		return o
	}
	nobody, ann, bob := caller.Caller{}, caller.Caller{UserID: "ann", Role: caller.Customer, Verified: true}, caller.Caller{UserID: "bob", Role: caller.Guest}
	for _, c := range []struct {
		name   string
		caller caller.Caller
		order  *orderPage
		want   string
	}{
		{"a verified account", ann, order("ann", false), "account ann"},
		{"a verified account, a seat before it was", ann, order("ann", true), "account ann"},
		{"a verified account with another's link", ann, order("cleo", false), "account ann"},
		{"a link of a verified guest", nobody, order("cleo", false), "owner cleo"},
		{"somebody unverified with that link", bob, order("cleo", false), "owner cleo"},
		{"a link of somebody who typed an address", nobody, order("bob", true), "address 192.0.2.1"},
		{"who typed an address", bob, order("bob", true), "address 192.0.2.1"},
	} {
		ctx := context.WithValue(caller.With(t.Context(), c.caller), caller.ClientKey{}, "192.0.2.1")
		if got := printClient(ctx, c.order); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Documents for mails are made one at a time, with a rest after each that is three times
// as long; a reader's document does not wait for them.
func TestPrinterForMails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter()
		p.print = func(_ context.Context, d *ticket.Document) ([]byte, error) {
			time.Sleep(time.Second)
			return []byte(d.Reference), nil
		}
		began := time.Now()
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if _, err := p.forMail(t.Context(), ticket.Document{Reference: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		before := time.Now()
		if _, err := p.pdf(t.Context(), "reader", ticket.Document{Reference: "reader"}); err != nil || time.Since(before) != time.Second {
			t.Errorf("a reader waits %v, %v", time.Since(before), err)
		}
		all.Wait()
		if took := time.Since(began); took != 17*time.Second { // 5 of them and 4 rests
			t.Errorf("mails took %v", took)
		}
		time.Sleep(time.Minute)
	})
}
