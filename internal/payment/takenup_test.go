package payment

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
)

// A node that stops for a while goes on when another one has read its payment as it
// was then, over an amount that was only remembered. The payment comes to what the
// booking costs, and that is taken: whether the other one asks for the booking after
// it was confirmed over that, or before.
func TestTakenUpBeforeItCameToAnotherAmount(t *testing.T) {
	for _, c := range []struct {
		name string
		then string // where the first node stops again, for the other one
	}{{"confirmed over it", "before capture"}, {"not confirmed yet", "before confirm"}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, w := t.Context(), newWorld(t)
			w.Service.patience *= 100
			other, err := New(context.Background(), Config{DB: w.db, Bookings: w.house, Gateway: w.bank, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close(context.Background()) })
			other.stale = 0
			b := w.house.hold(fan.UserID, 1)
			w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
			stopped, takenUp, goOn, again, ended := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
			confirms, stops := 0, false
			stop := func(_ context.Context, at string) error {
				if at == "before confirm" {
					confirms++
				}
				switch {
				case at == "before confirm" && confirms == 1:
					close(stopped)
					<-goOn
				case at == "before confirm" && confirms == 2: // the other one
					close(takenUp)
					<-again
				case at == c.then && !stops && confirms == 3:
					stops = true
					close(again)
					<-ended
				}
				return nil
			}
			w.house.cut, w.bank.cut = stop, stop
			paid := make(chan error)
			go func() { _, err := w.pay(b, "tok_sure", ""); paid <- err }()
			<-stopped
			if n, err := other.Recover(ctx); err != nil || n != 1 {
				t.Fatal(n, err)
			}
			<-takenUp
			close(goOn)
			if err := other.settle(ctx); err != nil {
				t.Error(err)
			}
			close(ended)
			if err := <-paid; err != nil {
				t.Error(err)
			}
			w.agree()
			for id, a := range w.bank.charges {
				if a.amount != b.Amount {
					t.Errorf("%s: %d are taken, the booking costs %d", id, a.amount, b.Amount)
				}
			}
		})
	}
}
