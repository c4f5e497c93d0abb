package payment

import (
	"context"
	"errors"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// remember makes the node remember a booking as it was, changed by as; other nodes
// may have changed it since.
func (w *world) remember(b bookingapi.Booking, as func(*bookingapi.Booking)) {
	b.ExpiresAt = readAt + 1
	as(&b)
	w.Service.shared = true
	w.house.memory = map[string]bookingapi.Booking{b.ID: b}
}

// Whatever a node remembers of a booking that another one has changed, its first
// payment succeeds, over what the booking costs now, and nothing else is taken.
// What the bank has not been asked for needs no reading.
func TestPaidAsItIsNow(t *testing.T) {
	for _, c := range []struct {
		name   string
		method string
		was    func(*bookingapi.Booking)
	}{
		{"as it is", "tok_sure", func(*bookingapi.Booking) {}},
		{"as it is, for an address that nobody has proved", "tok_sure", func(b *bookingapi.Booking) { b.Unproved = true }},
		{"cheaper", "tok_sure", func(b *bookingapi.Booking) { b.Amount = 4000 }},
		{"dearer", "tok_sure", func(b *bookingapi.Booking) { b.Amount = 7000 }},
		{"free", "tok_sure", func(b *bookingapi.Booking) { b.Amount = 0 }},
		{"somebody else's", "tok_sure", func(b *bookingapi.Booking) { b.UserID = "another" }},
		{"cancelled", "tok_sure", func(b *bookingapi.Booking) { b.Status = bookingapi.Cancelled }},
		{"lapsed", "tok_sure", func(b *bookingapi.Booking) { b.ExpiresAt = readAt; b.Amount = 4000 }},
		{"cheaper, and the bank must be asked", paymentapi.SandboxOK, func(b *bookingapi.Booking) { b.Amount = 4000 }},
	} {
		for _, key := range []string{"", "key"} {
			t.Run(c.name+key, func(t *testing.T) {
				w := newWorld(t)
				b := w.house.hold(fan.UserID, 1)
				w.remember(b, c.was)
				p, err := w.pay(b, c.method, key)
				if statusOf(t, p, err) != paymentapi.Captured || p.Attempt != 1 || p.Amount != b.Amount || p.Currency != b.Currency || p.StartedAt != readAt {
					t.Errorf("%+v", p)
				}
				if cached := strings.HasPrefix(c.name, "as it is"); cached != (w.house.reads == 0) {
					t.Errorf("%d reads", w.house.reads)
				}
				if again, err := w.pay(b, c.method, key); statusOf(t, again, err) != paymentapi.Captured || again.ID != p.ID {
					t.Errorf("asked again: %+v", again)
				}
				if n := len(w.ledgerRows()); n != 1 {
					t.Errorf("%d payments", n)
				}
				for id, a := range w.bank.charges {
					if a.standing == provider.Taken != (id == p.ID+".1") {
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
	w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
	for range 2 {
		if p, err := w.pay(b, "tok_sure", "key"); statusOf(t, p, err) != paymentapi.Captured || p.Amount != 0 || p.Method != paymentapi.Free {
			t.Errorf("%+v", p)
		}
		w.house.memory = nil // it has heard since
	}
}

// A payment comes to what its booking costs once, before its first confirmation:
// whatever is refused then is told, and no money is taken.
func TestCostsOtherOnce(t *testing.T) {
	for slug, confirms := range map[string]int{"amount-differs": 2, "seats-gone": 1, "booking-cancelled": 1} {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
		n := 0
		w.house.cut = func(_ context.Context, at string) error {
			if at != "before confirm" {
				return nil
			}
			n++
			return errs.New(errs.Conflict, slug, "No.")
		}
		for range 2 {
			if _, err := w.pay(b, "tok_sure", "key"); errs.KindOf(err) != errs.Conflict || !errs.Is(err, slug) || n != confirms {
				t.Errorf("%s: %v after %d confirmations", slug, err, n)
			}
		}
		for id, a := range w.bank.charges {
			if a.standing == provider.Taken {
				t.Errorf("%s: %s was taken", slug, id)
			}
		}
	}
}

// A remembered amount is charged as it was asked for once a confirmation was
// unclear: whoever changes their booking after that has seen another one.
func TestCostsOtherOnlyAtFirst(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(*bookingapi.Booking) {})
	n := 0
	w.house.cut = func(_ context.Context, at string) error {
		if n++; at == "before confirm" && n == 1 {
			w.house.cost(b.ID, 7000)
			return errors.New("no answer")
		}
		return nil
	}
	if _, err := w.pay(b, "tok_sure", ""); !errs.Is(err, amountDiffers) {
		t.Error(err)
	}
	w.agree()
}

// Everybody who asks for the payment meanwhile, with the same key or none, and whoever
// goes away, comes to the same one; whoever has another key is told of it.
func TestCostsOtherForEverybody(t *testing.T) {
	for _, key := range []string{"key", "other", ""} {
		w := newWorld(t)
		w.Service.patience *= 100
		b := w.house.hold(fan.UserID, 1)
		w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
		reached, goOn := make(chan struct{}), make(chan struct{})
		n := 0
		w.house.cut = func(_ context.Context, at string) error {
			if n++; at == "before confirm" && n == 1 {
				close(reached)
				<-goOn
			}
			return nil
		}
		gone, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := w.Service.pay(gone, fan, ask(b.ID, "tok_sure", "key", nil))
			left <- err
		}()
		<-reached
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		second := make(chan error)
		go func() {
			p, err := w.Service.pay(t.Context(), fan, ask(b.ID, "tok_sure", key, nil))
			if key == "other" && errs.Is(err, "payment-under-way") {
				second <- nil
				return
			}
			if err == nil && (p.Status != paymentapi.Captured || p.Attempt != 1 || p.Amount != b.Amount) {
				err = errors.New(string(p.Status))
			}
			second <- err
		}()
		close(goOn)
		if err := <-second; err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(w.ledgerRows()); n != 1 {
			t.Errorf("%d payments", n)
		}
		w.agree()
	}
}

// One that its owner gives up meanwhile stays given up.
func TestCostsOtherButGivenUp(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
	w.house.readErr = func() error { // as the booking is read
		w.house.readErr = nil
		w.house.mu.Unlock()
		defer w.house.mu.Lock()
		v := &ownerChange{id: b.ID + "-1", event: event{kind: evWished}, now: w.micros()}
		if err := w.store.do(t.Context(), v); err != nil || !v.found || v.late {
			t.Errorf("%+v, %v", v, err)
		}
		return nil
	}
	p, err := w.pay(b, "tok_sure", "")
	if !errs.Is(err, givenUp) {
		t.Errorf("%+v, %v", p, err)
	}
	w.agree()
}
