package payment

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

func statusOf(t testing.TB, p record, err error) paymentapi.Status {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return p.Status
}

func TestPay(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1, 2)
	p, err := w.pay(b, paymentapi.SandboxOK, "")
	if statusOf(t, p, err) != paymentapi.Captured || p.Amount != 10000 || p.ID != b.ID+"-1" || p.Currency != "USD" {
		t.Fatalf("%+v", p)
	}
	steps, err := p.steps()
	if err != nil || len(steps) != 3 || steps[0].Status != paymentapi.Pending || steps[1].Status != paymentapi.Authorized || steps[2].Status != paymentapi.Captured {
		t.Fatalf("history %v %v", steps, err)
	}
	stored, _, err := w.read(t.Context(), fan, p.ID)
	if err != nil || stored != p {
		t.Fatalf("stored %+v, answered %+v, %v", stored, p, err)
	}
	if stored.reference != "ch_"+p.ID+".1" {
		t.Errorf("reference %q", stored.reference)
	}
	w.agree()
}

// A gateway that is sure of a method is not asked before the capture, and the
// payment is authorized from its first row on.
func TestPaySure(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1, 2)
	p, err := w.pay(b, "tok_sure", "k")
	if statusOf(t, p, err) != paymentapi.Captured || p.Version != 2 {
		t.Fatalf("%+v", p)
	}
	steps, err := p.steps()
	if err != nil || len(steps) != 3 || steps[0].Status != paymentapi.Pending || steps[1].Status != paymentapi.Authorized || steps[2].Status != paymentapi.Captured {
		t.Fatalf("history %v %v", steps, err)
	}
	for key := range w.bank.keys {
		if strings.HasSuffix(key, ".authorize") {
			t.Error("it was asked:", key)
		}
	}
	if again, err := w.pay(b, "tok_sure", "k"); statusOf(t, again, err) != paymentapi.Captured || again != p {
		t.Errorf("replay %+v", again)
	}
	w.agree()

	c := w.house.hold(fan.UserID, 3)
	w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
	if _, err := w.pay(c, "tok_sure", ""); !errs.Is(err, "seats-gone") {
		t.Errorf("%v", err)
	}
	w.agree()
}

func TestDeclinedThenPaid(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	_, err := w.pay(b, paymentapi.SandboxDecline, "one")
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.PaymentRequired || e.Extra["payment_id"] != b.ID+"-1" || e.Extra["reason"] != "card_declined" {
		t.Fatalf("%v", err)
	}
	if _, err := w.pay(b, paymentapi.SandboxDecline, "one"); !errs.Is(err, "payment-declined") {
		t.Fatalf("replay: %v", err)
	}
	p, err := w.pay(b, paymentapi.SandboxOK, "two")
	if statusOf(t, p, err) != paymentapi.Captured || p.Attempt != 2 {
		t.Fatalf("%+v", p)
	}
	// The first key still means the first attempt.
	if _, err := w.pay(b, paymentapi.SandboxDecline, "one"); !errs.Is(err, "payment-declined") {
		t.Fatalf("replay: %v", err)
	}
	w.agree()
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
	p, err := w.pay(b, paymentapi.SandboxOK, "k")
	again, err2 := w.pay(b, paymentapi.SandboxOK, "k")
	if err != nil || err2 != nil || p != again {
		t.Fatalf("%+v %v; again %+v %v", p, err, again, err2)
	}
	for _, o := range []request{ask(c.ID, paymentapi.SandboxOK, "k", nil), ask(b.ID, paymentapi.SandboxSlow, "k", nil)} {
		if _, err := w.Service.pay(t.Context(), fan, o); !errs.Is(err, "idempotency-key-reused") || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v: %v", o, err)
		}
	}
	// Keys are scoped to the user.
	other := w.house.hold("fan0000000000002", 3)
	if p, err := w.pay(other, paymentapi.SandboxOK, "k"); err != nil || p.Status != paymentapi.Captured {
		t.Errorf("%+v %v", p, err)
	}
	// The payment is answered as it is now, even for a cancelled booking.
	w.house.set(b.ID, bookingapi.Cancelled)
	if p, err := w.pay(b, paymentapi.SandboxOK, "k"); err != nil || p.Status != paymentapi.Captured {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := w.pay(b, paymentapi.SandboxOK, "new"); !errs.Is(err, "booking-cancelled") {
		t.Errorf("%v", err)
	}
}

func TestDoubleClicks(t *testing.T) {
	for _, key := range []string{"", "k"} {
		t.Run("key="+key, func(t *testing.T) {
			w := newWorld(t)
			b := w.house.hold(fan.UserID, 1)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if p, err := w.pay(b, paymentapi.SandboxOK, key); err != nil || p.ID != b.ID+"-1" || p.Status != paymentapi.Captured {
						t.Errorf("%+v %v", p, err)
					}
				})
			}
			wg.Wait()
			if rows := w.ledgerRows(); len(rows) != 1 {
				t.Errorf("%d payments", len(rows))
			}
			w.agree()
		})
	}
}

func TestPayAgainWithoutKey(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	if p, err := w.pay(b, paymentapi.SandboxOK, ""); err != nil || p.Status != paymentapi.Captured {
		t.Fatal(p, err)
	}
	if p, err := w.pay(b, paymentapi.SandboxOK, ""); err != nil || p.Attempt != 1 {
		t.Errorf("same method: %+v %v", p, err)
	}
	var e *errs.Error
	if _, err := w.pay(b, paymentapi.SandboxSlow, ""); !errors.As(err, &e) || e.Type != "already-paid" || e.Extra["payment_id"] != b.ID+"-1" {
		t.Errorf("other method: %v", err)
	}
	w.agree()
}

func TestRefusedOrders(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	cancelled := w.house.hold(fan.UserID, 2)
	w.house.set(cancelled.ID, bookingapi.Cancelled)
	booked := w.house.hold(fan.UserID, 3)
	w.house.set(booked.ID, bookingapi.Booked)
	stranger := caller.Caller{UserID: "fan0000000000009", Role: caller.Customer}
	for _, c := range []struct {
		name    string
		caller  caller.Caller
		request request
		kind    errs.Kind
		slug    string
		field   string
	}{
		{"nobody", caller.Caller{}, ask(b.ID, paymentapi.SandboxOK, "", nil), errs.Unauthenticated, "sign-in-required", ""},
		{"stranger", stranger, ask(b.ID, paymentapi.SandboxOK, "", nil), errs.NotFound, "not-found", ""},
		{"admin", caller.Caller{UserID: "root", Role: caller.Admin}, ask(b.ID, paymentapi.SandboxOK, "", nil), errs.NotFound, "not-found", ""},
		{"no such booking", fan, ask(event1+strings.Repeat("0", 20), paymentapi.SandboxOK, "", nil), errs.NotFound, "not-found", ""},
		{"no id", fan, ask("'; DROP TABLE payments", paymentapi.SandboxOK, "", nil), errs.Invalid, "invalid-field", "booking_id"},
		{"empty id", fan, ask("", paymentapi.SandboxOK, "", nil), errs.Invalid, "invalid-field", "booking_id"},
		{"no method", fan, ask(b.ID, "", "", nil), errs.Invalid, "invalid-field", "method"},
		{"method with NUL", fan, ask(b.ID, "tok\x00ok", "", nil), errs.Invalid, "invalid-field", "method"},
		{"long method", fan, ask(b.ID, strings.Repeat("t", 65), "", nil), errs.Invalid, "invalid-field", "method"},
		{"card number", fan, ask(b.ID, "4242 4242 4242 4242", "", nil), errs.Invalid, "invalid-field", "method"},
		{"wrapped card number", fan, ask(b.ID, "tok_4242424242424242", "", nil), errs.Invalid, "invalid-field", "method"},
		{"long key", fan, ask(b.ID, paymentapi.SandboxOK, strings.Repeat("k", 256), nil), errs.Invalid, "invalid-field", "Idempotency-Key"},
		{"broken key", fan, ask(b.ID, paymentapi.SandboxOK, "\xff", nil), errs.Invalid, "invalid-field", "Idempotency-Key"},
		{"cancelled", fan, ask(cancelled.ID, paymentapi.SandboxOK, "k", nil), errs.Conflict, "booking-cancelled", ""},
		{"booked", fan, ask(booked.ID, paymentapi.SandboxOK, "k", nil), errs.Conflict, "already-booked", ""},
	} {
		_, err := w.Service.pay(t.Context(), c.caller, c.request)
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Type != c.slug || c.field != "" && (len(e.Fields) != 1 || e.Fields[0].Name != c.field) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "4242") {
			t.Errorf("%s: the card number is repeated: %v", c.name, err)
		}
	}
	if rows := w.ledgerRows(); len(rows) != 0 {
		t.Errorf("refused orders left %v", rows)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	for range paymentapi.MaxAttempts {
		if _, err := w.pay(b, paymentapi.SandboxDecline, ""); !errs.Is(err, "payment-declined") {
			t.Fatal(err)
		}
	}
	if _, err := w.pay(b, paymentapi.SandboxOK, ""); !errs.Is(err, "too-many-payments") {
		t.Error(err)
	}
	if n := len(w.ledgerRows()); n != paymentapi.MaxAttempts {
		t.Errorf("%d payments", n)
	}
}

func TestPaidTooLate(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.house.set(b.ID, bookingapi.Expired)
	w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Somebody else has them.").With("seats", []string{"A-1"})
	_, err := w.pay(b, paymentapi.SandboxOK, "k")
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Conflict || e.Type != "seats-gone" || e.Extra["money"] != "returned" ||
		e.Extra["payment_id"] != b.ID+"-1" || e.Extra["seats"] == nil || e.Detail != "Somebody else has them." {
		t.Fatalf("%v", err)
	}
	if _, err := w.pay(b, paymentapi.SandboxOK, "k"); !errs.Is(err, "seats-gone") {
		t.Errorf("replay: %v", err)
	}
	// The booking is over: if the seats are free after all, they are held anew.
	w.house.mu.Lock()
	w.house.refuse = nil
	w.house.mu.Unlock()
	if _, err := w.pay(b, paymentapi.SandboxOK, ""); !errs.Is(err, "booking-cancelled") {
		t.Errorf("%v", err)
	}
	w.agree()
}

func TestCaptureFailsForGood(t *testing.T) {
	w := newWorld(t)
	w.bank.noTake = true
	b := w.house.hold(fan.UserID, 1)
	_, err := w.pay(b, paymentapi.SandboxOK, "")
	if !errs.Is(err, "payment-declined") {
		t.Fatal(err)
	}
	if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled {
		t.Errorf("booking is %s", got.Status)
	}
	w.agree()
}

func panicAt(point string) func(context.Context, string) error {
	return func(_ context.Context, at string) error {
		if at == point {
			panic("planned")
		}
		return nil
	}
}

func TestWhoMayRead(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, paymentapi.SandboxOK, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		caller caller.Caller
		want   errs.Kind
		ok     bool
	}{
		{fan, 0, true},
		{caller.Caller{UserID: "root", Role: caller.Admin}, 0, true},
		{caller.Caller{UserID: "organizer0000001", Role: caller.Organizer}, 0, true},
		{caller.Caller{UserID: "organizer0000002", Role: caller.Organizer}, errs.NotFound, false},
		{caller.Caller{UserID: "fan0000000000002", Role: caller.Customer}, errs.NotFound, false},
		{caller.Caller{}, errs.Unauthenticated, false},
	} {
		_, err := w.Payment(t.Context(), c.caller, p.ID)
		_, _, err2 := w.ofBooking(t.Context(), c.caller, b.ID)
		for _, err := range []error{err, err2} {
			if (err == nil) != c.ok || err != nil && errs.KindOf(err) != c.want {
				t.Errorf("%+v: %v", c.caller, err)
			}
		}
	}
	organizer := caller.Caller{UserID: "organizer0000001", Role: caller.Organizer}
	if _, err := w.void(t.Context(), organizer, p.ID, 0); errs.KindOf(err) != errs.Forbidden {
		t.Errorf("organizer voids: %v", err)
	}
	for _, bad := range []string{"", "x", b.ID, b.ID + "-0", b.ID + "-01", b.ID + "-2", b.ID + "-x"} {
		if _, err := w.Payment(t.Context(), fan, bad); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A hold that does not count for its payer's verified address is made to count
// before any money is asked for; when that breaks the limit, nothing is paid.
func TestHoldsCountForTheirPayer(t *testing.T) {
	w := newWorld(t)
	payer := fan
	payer.Email = caller.EmailKey{7}
	known, fits, over := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 1)
	for _, b := range []bookingapi.Booking{fits, over} {
		w.house.bookings[b.ID].Unproved = true
	}
	asked := 0
	w.house.adopt = func(address caller.EmailKey) error {
		asked++
		if address != payer.Email {
			t.Errorf("adopted with %x", address)
		}
		return errs.New(errs.Conflict, "too-many-seats", "Too many.").With("bookings", []string{over.ID})
	}
	for _, c := range []struct {
		b     bookingapi.Booking
		asked int
		ok    bool
	}{{known, 0, true}, {fits, 1, true}, {over, 2, false}} {
		_, err := w.Service.pay(t.Context(), payer, ask(c.b.ID, paymentapi.SandboxOK, "", nil))
		if (err == nil) != c.ok || asked != c.asked {
			t.Errorf("%v, adopted %d times, want %d", err, asked, c.asked)
		}
	}
	if _, _, err := w.ofBooking(t.Context(), payer, over.ID); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the payment that was refused: %v", err)
	}
}

// A payment is read and changed by whom its booking belongs to now: a guest's
// orders go to the account of the same person, and the guest is nobody then.
func TestPaymentsGoWithTheirBooking(t *testing.T) {
	w := newWorld(t)
	guest, heir := fan, caller.Caller{UserID: "fan0000000000009", Role: caller.Customer, Verified: true}
	b := w.house.hold(guest.UserID, 1)
	p, err := w.pay(b, paymentapi.SandboxOK, "")
	if err != nil {
		t.Fatal(err)
	}
	w.house.give(b.ID, heir.UserID)
	for _, c := range []struct {
		caller caller.Caller
		want   errs.Kind
	}{{heir, 0}, {guest, errs.NotFound}} {
		_, err1 := w.Payment(t.Context(), c.caller, p.ID)
		_, _, err2 := w.ofBooking(t.Context(), c.caller, b.ID)
		_, err3 := w.amend(t.Context(), c.caller, p.ID, p.Method, 0)
		for _, err := range []error{err1, err2, err3} {
			if err == nil && c.want != 0 || err != nil && errs.KindOf(err) != c.want {
				t.Errorf("%s: %v", c.caller.UserID, err)
			}
		}
	}
	list, err := w.ofUser(t.Context(), heir, heir.UserID, "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := w.void(t.Context(), guest, p.ID, 0); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the guest voids: %v", err)
	}
	w.runs()
	if p, err = w.void(t.Context(), heir, p.ID, 0); err != nil || p.Status != paymentapi.Refunded {
		t.Errorf("%+v %v", p, err)
	}
	w.agree()
}

// A client that goes away does not stop its payment.
func TestClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		if _, err := w.Service.pay(ctx, fan, ask(b.ID, paymentapi.SandboxSlow, "", nil)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, _, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Captured {
			t.Errorf("%+v", p)
		}
		w.agree()
	})
}

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
		go func() { _, _ = w.pay(b, paymentapi.SandboxSlow, "") }()
		synctest.Wait()
		s := w.Service
		w.shutDown()
		if rows := w.ledgerRows(); len(rows) != 1 || rows[0].Status != paymentapi.Captured {
			t.Errorf("%v", rows)
		}
		w.Service = s
		if _, err := w.pay(c, paymentapi.SandboxOK, ""); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("after Close: %v", err)
		}
		w.Service = nil
	})
}

// Whatever the booking service says to a confirmation, the money follows: it is
// taken for a booking, and let go of for everything else. Only a hold that costs
// something else now is left, and the next payment buys it.
func TestMoneyFollowsTheConfirmation(t *testing.T) {
	for _, slug := range []string{"", "booking-cancelled", "event-cancelled", "already-booked", "not-found", "amount-differs",
		"paid-too-late", "seats-gone", "sale-closed", "sale-not-open", "too-many-seats", "event-changed"} {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		want, after := paymentapi.Captured, bookingapi.Booked
		if slug != "" {
			w.house.refuse = errs.New(errs.Conflict, slug, "No.")
			want, after = paymentapi.Voided, bookingapi.Cancelled
			if barred[slug] {
				after = bookingapi.Pending // as it was: this payment has not changed it
			}
		}
		_, _ = w.pay(b, paymentapi.SandboxOK, "")
		p, _, err := w.ofBooking(t.Context(), fan, b.ID)
		if got, _ := w.house.Recent(t.Context(), b.ID); statusOf(t, p, err) != want || got.Status != after || p.Reason != slug {
			t.Errorf("%q: the payment is %s (%s), the booking %s", slug, p.Status, p.Reason, got.Status)
		}
		w.agree()
		if slug == "amount-differs" {
			w.house.refuse = nil
			if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured || p.Attempt != 2 {
				t.Errorf("%+v", p)
			}
			w.agree()
		}
	}
}
