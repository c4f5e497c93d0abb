package payment

import (
	"context"
	"errors"
	"strings"
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// remember makes the node remember a booking as it was, changed by as; other nodes
// may have changed it since.
func (w *world) remember(b message.Booking, as func(*message.Booking)) {
	b.ExpiresAt = readAt + 1
	as(&b)
	w.Service.shared = true
	w.house.memory = map[string]message.Booking{b.ID: b}
}

// Whatever a node remembers of a booking that another one has changed, its first
// payment succeeds, over what the booking costs now, and nothing else is taken.
// What the bank has not been asked for needs no reading.
func TestPaidAsItIsNow(t *testing.T) {
	for _, c := range []struct {
		name   string
		method string
		was    func(*message.Booking)
		tries  int64 // payments that it takes
	}{
		{"as it is", "tok_sure", func(*message.Booking) {}, 1},
		{"as it is, for an address that nobody has proved", "tok_sure", func(b *message.Booking) { b.Unproved = true }, 1},
		{"cheaper", "tok_sure", func(b *message.Booking) { b.Amount = 4000 }, 2},
		{"dearer", "tok_sure", func(b *message.Booking) { b.Amount = 7000 }, 2},
		{"another currency", "tok_sure", func(b *message.Booking) { b.Currency = "EUR" }, 2},
		{"free", "tok_sure", func(b *message.Booking) { b.Amount = 0 }, 1},
		{"somebody else's", "tok_sure", func(b *message.Booking) { b.UserID = "another" }, 1},
		{"cancelled", "tok_sure", func(b *message.Booking) { b.Status = message.BookingCancelled }, 1},
		{"lapsed", "tok_sure", func(b *message.Booking) { b.ExpiresAt = readAt; b.Amount = 4000 }, 1},
		{"cheaper, and the bank must be asked", "tok_ok", func(b *message.Booking) { b.Amount = 4000 }, 1},
	} {
		for _, key := range []string{"", "key"} {
			t.Run(c.name+key, func(t *testing.T) {
				w := newWorld(t)
				b := w.house.hold(fan.UserID, 1)
				w.remember(b, c.was)
				p, err := w.pay(b, c.method, key)
				if statusOf(t, p, err) != Captured || p.Attempt != c.tries || p.Amount != b.Amount || p.Currency != b.Currency || p.StartedAt != readAt {
					t.Errorf("%+v", p)
				}
				if believed := strings.HasPrefix(c.name, "as it is"); believed != (w.house.reads == 0) {
					t.Errorf("%d reads", w.house.reads)
				}
				if again, err := w.pay(b, c.method, key); statusOf(t, again, err) != Captured || again.ID != p.ID {
					t.Errorf("asked again: %+v", again)
				}
				if n := len(w.ledgerRows()); int64(n) != c.tries {
					t.Errorf("%d payments", n)
				}
				for id, a := range w.bank.charges {
					if a.standing == Taken != (id == p.ID+".1") {
						t.Errorf("charge %s: %+v", id, a)
					}
				}
				w.agree()
			})
		}
	}
}

// What is remembered as paid for may cost nothing by now.
func TestPaidForNothingNow(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID)
	w.remember(b, func(b *message.Booking) { b.Amount = 4000 })
	for range 2 {
		if p, err := w.pay(b, "tok_sure", "key"); statusOf(t, p, err) != Captured || p.Amount != 0 || p.Method != Free {
			t.Errorf("%+v", p)
		}
		w.house.memory = nil // it has heard since
	}
}

// It is begun anew once, and only over what the booking costs; what is refused
// then is told, and the money stays where it is.
func TestBegunAnewOnce(t *testing.T) {
	for slug, kind := range map[string]errs.Kind{"amount-differs": errs.Conflict, "seats-gone": errs.Conflict} {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		w.remember(b, func(b *message.Booking) { b.Amount = 4000 })
		n := 0
		w.house.cut = func(_ context.Context, at string) error {
			if at != "before confirm" {
				return nil
			}
			if n++; n == 1 && slug != "amount-differs" {
				return nil // as the house finds
			}
			return errs.New(errs.Conflict, slug, "No.")
		}
		_, err := w.pay(b, "tok_sure", "key")
		if errs.KindOf(err) != kind || !errs.Is(err, slug) || n != 2 {
			t.Errorf("%s: %v after %d confirmations", slug, err, n)
		}
		for id, a := range w.bank.charges {
			if a.standing == Taken {
				t.Errorf("%s: %s was taken", slug, id)
			}
		}
	}
}

// The client who goes away, and the one who asks at the same time, come to the same
// payment as the one who waits.
func TestBegunAnewForEverybody(t *testing.T) {
	w := newWorld(t)
	w.Service.patience *= 100 // before the first payment, which makes a limit of it
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(b *message.Booking) { b.Amount = 4000 })
	reached, goOn := make(chan struct{}), make(chan struct{})
	n := 0
	w.house.cut = func(_ context.Context, at string) error {
		switch at {
		case "before confirm":
			if n++; n == 1 {
				close(reached)
				<-goOn
			}
			if n == 2 {
				return errors.New("no answer") // and another try
			}
		}
		return nil
	}
	gone, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := w.Pay(gone, fan, Order{b.ID, "tok_sure", "key"})
		left <- err
	}()
	<-reached
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	second := make(chan error)
	go func() {
		p, err := w.Pay(t.Context(), fan, Order{b.ID, "tok_sure", "key"})
		if err == nil && (p.Status != Captured || p.Attempt != 2) {
			err = errors.New(string(p.Status))
		}
		second <- err
	}()
	close(goOn)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if err := w.settle(t.Context()); err != nil {
		t.Error(err)
	}
	w.agree()
}

// A payment is begun anew only for the request that waits for it: what was told, or
// what nobody waits for, stays as it is.
func TestBegunAnewForWhoeverWaits(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(b *message.Booking) { b.Amount = 4000 })
	gone, leave := context.WithCancel(t.Context())
	w.bank.cut = func(_ context.Context, at string) error {
		if at == "before void" {
			leave()
		}
		return nil
	}
	if _, err := w.Pay(gone, fan, Order{b.ID, "tok_sure", "key"}); !errors.Is(err, context.Canceled) && !errs.Is(err, amountDiffers) {
		t.Error(err)
	}
	if err := w.settle(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(w.ledgerRows()); n != 1 {
		t.Errorf("%d payments", n)
	}
	w.bank.cut = func(context.Context, string) error { return nil }
	for range 2 { // asked again at once it is paid, once
		if p, err := w.pay(b, "tok_sure", "key"); statusOf(t, p, err) != Captured || p.Attempt != 2 {
			t.Errorf("%+v", p)
		}
	}
	w.agree()
}

// Whoever was faster to pay for the booking, or failed to, is the answer.
func TestBegunAnewAfterAnother(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(b *message.Booking) { b.Amount = 4000 })
	w.house.readErr = func() error { // as the request reads the booking, another is declined
		w.house.readErr = nil
		w.house.mu.Unlock()
		_, err := w.Pay(context.Background(), fan, Order{b.ID, "tok_decline", "other"})
		w.house.mu.Lock()
		if errs.KindOf(err) != errs.PaymentRequired {
			t.Errorf("the other: %v", err)
		}
		return nil
	}
	for range 2 { // sent again it is answered alike, and begins nothing
		if _, err := w.pay(b, "tok_sure", "key"); errs.KindOf(err) != errs.PaymentRequired {
			t.Error(err)
		}
	}
	if n := len(w.ledgerRows()); n != 2 {
		t.Errorf("%d payments", n)
	}
	w.agree()
}
