package payment

import (
	"context"
	"runtime"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// A request with a key that meets the payment of one without stays with it: after the
// owner has given that payment up, the same request begins no second one.
func TestKeyStaysWithThePaymentThatItMet(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	first, err := w.pay(b, "tok_never", "")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := w.pay(b, "tok_never", "key"); err != nil || p.ID != first.ID {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err := w.pay(b, "tok_never", "other"); !errs.Is(err, "payment-under-way") {
		t.Errorf("another key: %+v, %v", p, err)
	}
	if p, err := w.pay(b, "tok_never", ""); err != nil || p.ID != first.ID {
		t.Errorf("no key: %+v, %v", p, err)
	}
	if p, err := w.pay(b, paymentapi.SandboxSlow, "key"); !errs.Is(err, "idempotency-key-reused") {
		t.Errorf("another request: %+v, %v", p, err)
	}
	if _, err := w.void(t.Context(), fan, first.ID, 0); err != nil {
		t.Fatal(err)
	}
	if p, err := w.pay(b, "tok_never", "key"); !errs.Is(err, givenUp) {
		t.Errorf("again: %+v, %v", p, err)
	}
	if n := len(w.ledgerRows()); n != 1 {
		t.Errorf("%d payments", n)
	}
	if p, err := w.pay(b, paymentapi.SandboxOK, "new"); err != nil || p.Status != paymentapi.Captured {
		t.Errorf("a new request: %+v, %v", p, err)
	}
	w.agree()
}

// A payment under way that its key has begun is met with the same key only.
func TestKeysOfTwoRequests(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, "tok_never", "key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.pay(b, "tok_never", "other"); !errs.Is(err, "payment-under-way") {
		t.Error(err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.agree()
}

// Nothing is taken but what the buyer has agreed to, also where it was remembered.
func TestAmountAgreedTo(t *testing.T) {
	const cost = 5000
	for _, c := range []struct {
		name       string
		method     string
		remembered int64 // 0: nothing
		agreed     int64
		ok         bool
	}{
		{"as it is", paymentapi.SandboxOK, 0, cost, true},
		{"less", paymentapi.SandboxOK, 0, cost - 1, false},
		{"more", paymentapi.SandboxOK, 0, cost + 1, false},
		{"nothing", paymentapi.SandboxOK, 0, 0, false},
		{"as it is, remembered", "tok_sure", cost, cost, true},
		{"as it is, remembered otherwise", "tok_sure", 4000, cost, true},
		{"as it was, remembered so", "tok_sure", 4000, 4000, false},
		{"as it never was", "tok_sure", 4000, 3000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.house.hold(fan.UserID, 1)
			w.house.cost(b.ID, cost)
			if c.remembered != 0 {
				w.remember(b, func(b *bookingapi.Booking) { b.Amount = c.remembered })
			}
			request := ask(b.ID, c.method, "key", &c.agreed)
			for range 2 {
				p, err := w.Service.pay(t.Context(), fan, request)
				switch {
				case c.ok && (err != nil || p.Status != paymentapi.Captured || p.Amount != cost):
					t.Errorf("%+v, %v", p, err)
				case !c.ok && !errs.Is(err, amountDiffers):
					t.Errorf("%+v, %v", p, err)
				}
				w.house.memory = nil
			}
			for id, a := range w.bank.charges {
				if a.standing == provider.Taken && !c.ok {
					t.Errorf("%s was taken", id)
				}
			}
			if p, err := w.pay(b, paymentapi.SandboxOK, "whatever it costs"); !c.ok && (err != nil || p.Amount != cost) {
				t.Errorf("%+v, %v", p, err)
			}
			w.agree()
		})
	}
}

// The answer to a request that was carried out stays, whatever the booking costs later;
// and a payment that there is is no other request's over another amount.
func TestAmountAgreedToBefore(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	request := ask(b.ID, paymentapi.SandboxDecline, "key", &b.Amount)
	if _, err := w.Service.pay(t.Context(), fan, request); !errs.Is(err, "payment-declined") {
		t.Fatal(err)
	}
	w.house.cost(b.ID, 7000)
	if _, err := w.Service.pay(t.Context(), fan, request); !errs.Is(err, "payment-declined") {
		t.Error(err)
	}
	request.Key = "later"
	_, err := w.Service.pay(t.Context(), fan, request)
	if e := errs.Of(err); e == nil || e.Type != amountDiffers || e.Extra["amount"] != int64(7000) || e.Extra["currency"] != b.Currency {
		t.Errorf("%+v", e)
	}
	p, err := w.pay(b, "tok_never", "")
	if err != nil {
		t.Fatal(err)
	}
	other := int64(7001)
	if _, err := w.Service.pay(t.Context(), fan, ask(b.ID, "tok_never", "", &other)); !errs.Is(err, amountDiffers) {
		t.Error(err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.agree()
}

// A booking that costs something is not paid by the method of one that does not,
// neither at first nor later.
func TestMethodNoneOverAnAmount(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, "tok_never", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{paymentapi.Free, ""} {
		if _, err := w.amend(t.Context(), fan, p.ID, method, 0); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", method, err)
		}
	}
	if p, err := w.Payment(t.Context(), fan, p.ID); err != nil || p.Status != paymentapi.Pending || p.Method != "tok_never" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
		t.Fatal(err)
	}
}

// A payment that came to another amount, since whoever asked for it would pay whatever
// the booking costs, is told neither as paid nor as returned to those who have agreed to
// the old amount, also when they ask again.
func TestAmountAgreedToOfAnotherRequest(t *testing.T) {
	for _, c := range []struct {
		key    string
		refuse string // the confirmation of the other amount
		want   string
	}{{"", "", "already-paid"}, {"other", "", "already-paid"}, {"other", "seats-gone", amountDiffers}} {
		key := c.key
		w := newWorld(t)
		w.Service.patience *= 100
		b := w.house.hold(fan.UserID, 1)
		old := int64(4000)
		w.remember(b, func(b *bookingapi.Booking) { b.Amount = old })
		reached, goOn := make(chan struct{}), make(chan struct{})
		n := 0
		w.house.cut = func(_ context.Context, at string) error {
			if n++; at == "before confirm" && n == 1 {
				close(reached)
				<-goOn
			} else if at == "before confirm" && c.refuse != "" {
				return errs.New(errs.Conflict, c.refuse, "No.")
			}
			return nil
		}
		first, second := make(chan error), make(chan error)
		go func() { _, err := w.pay(b, "tok_sure", ""); first <- err }()
		<-reached
		go func() {
			_, err := w.Service.pay(t.Context(), fan, ask(b.ID, "tok_sure", key, &old))
			second <- err
		}()
		for w.store.committed.Load() < 2 { // until it waits for the other's
			runtime.Gosched()
		}
		close(goOn)
		if err := <-first; errs.Is(err, c.refuse) != (c.refuse != "") || (err == nil) != (c.refuse == "") {
			t.Error(err)
		}
		told := func(err error) {
			t.Helper()
			e := errs.Of(err)
			if e == nil || e.Type != c.want || e.Extra["amount"] != b.Amount || e.Extra["money"] != nil || (e.Extra["payment_id"] == b.ID+"-1") != (c.want == "already-paid") {
				t.Errorf("%q: %+v", key, e)
			}
		}
		told(<-second)
		if key != "" {
			_, err := w.Service.pay(t.Context(), fan, ask(b.ID, "tok_sure", key, &old))
			told(err)
		}
		w.agree()
	}
}
