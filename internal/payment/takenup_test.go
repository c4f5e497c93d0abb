package payment

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
)

// A node that stops for a while goes on when another one has taken its payment up as
// it was then, over an amount that was only remembered. Whoever takes the money takes
// what the booking costs.
func TestTakenUpBeforeItCameToAnotherAmount(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	w.Service.patience *= 100
	other, err := New(context.Background(), w.db, w.house, w.bank, time.Now, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	other.stale = 0
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
	stopped, goOn := make(chan struct{}), make(chan struct{})
	takenUp, confirmed, taken := make(chan struct{}), make(chan struct{}), make(chan struct{})
	n := 0
	w.house.cut = func(_ context.Context, at string) error {
		if at != "before confirm" {
			return nil
		}
		switch n++; n {
		case 1: // the first node stops
			close(stopped)
			<-goOn
		case 2: // the other one has read the payment
			close(takenUp)
			<-confirmed
		}
		return nil
	}
	reached, first := 0, true
	w.bank.cut = func(_ context.Context, at string) error {
		switch at {
		case "before capture":
			if reached++; reached == 1 { // the first node has confirmed the booking
				close(confirmed)
				<-taken
			}
		case "after capture":
			if first {
				first = false
				close(taken)
			}
		}
		return nil
	}
	paid := make(chan error)
	go func() { _, err := w.pay(b, "tok_sure", ""); paid <- err }()
	<-stopped
	if n, err := other.Recover(ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	<-takenUp
	close(goOn)
	if err := <-paid; err != nil {
		t.Error(err)
	}
	if err := other.settle(ctx); err != nil {
		t.Error(err)
	}
	w.agree()
	for id, a := range w.bank.charges {
		if a.amount != b.Amount {
			t.Errorf("%s: %d are taken, the booking costs %d", id, a.amount, b.Amount)
		}
	}
}
