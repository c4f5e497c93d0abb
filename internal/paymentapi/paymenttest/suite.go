// Package paymenttest is the contract suite of the payment service: every
// implementation of paymentapi.Service must pass it.
package paymenttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
)

// Bookings makes the bookings that are paid for. They cost 5000 minor units of USD a
// seat and belong to one event.
type Bookings interface {
	// Event is the event, and organizer the id of the account that owns it.
	Event() (id, organizer string)
	// Hold makes a hold of some seats for a user.
	Hold(userID string, seats int) (bookingID string)
	// GiveBack cancels a seat of a booking, with the money for it.
	GiveBack(bookingID string)
}

// NewService makes a payment service whose gateway takes the tokens of the sandbox, and
// runs it until the test ends.
type NewService func(t *testing.T) (paymentapi.Service, Bookings)

// Test runs the suite against services that newService makes.
func Test(t *testing.T, newService NewService) {
	for name, run := range map[string]func(*test){
		"pay": testPay, "keys": testKeys, "declined": testDeclined, "refused": testRefused,
		"amend": testAmend, "void": testVoid, "refund": testRefund, "reads": testReads, "lists": testLists,
	} {
		t.Run(name, func(t *testing.T) {
			s, b := newService(t)
			run(&test{t, s, b})
		})
	}
}

type test struct {
	*testing.T
	s paymentapi.Service
	b Bookings
}

var ann, bob = fan("ann0000000000001"), fan("bob0000000000001")

func fan(id string) caller.Caller {
	return caller.Caller{UserID: id, Role: caller.Customer, Verified: true}
}

func (t *test) organizer() caller.Caller {
	_, id := t.b.Event()
	return caller.Caller{UserID: id, Role: caller.Organizer, Verified: true}
}

// pay pays for a booking by the sandbox token that approves.
func (t *test) pay(who caller.Caller, bookingID string) paymentapi.Payment {
	t.Helper()
	p, err := t.s.Pay(t.Context(), who, "", paymentapi.PayRequest{BookingID: bookingID, Method: paymentapi.SandboxOK})
	if err != nil || p.Status != paymentapi.Captured {
		t.Fatalf("%+v %v", p, err)
	}
	return p
}

// refused checks an error, and answers what it says beside its text.
func (t *test) refused(err error, kind errs.Kind, slug string) map[string]any {
	t.Helper()
	if errs.KindOf(err) != kind || !errs.Is(err, slug) {
		t.Errorf("%v, want kind %v, %s", err, kind, slug)
		return nil
	}
	return errs.Of(err).Extra
}

// until reads a payment until it has a status and so much of it is refunded.
func (t *test) until(paymentID string, status paymentapi.Status, refunded int64) paymentapi.Payment {
	t.Helper()
	for ends := time.Now().Add(patience.Long); ; time.Sleep(5 * time.Millisecond) {
		p, err := t.s.Payment(t.Context(), caller.System, paymentID)
		if err == nil && p.Status == status && p.Refunded == refunded {
			return p
		}
		if time.Now().After(ends) {
			t.Fatalf("%+v %v, want %s and %d refunded", p, err, status, refunded)
		}
	}
}

func testPay(t *test) {
	b := t.b.Hold(ann.UserID, 2)
	p := t.pay(ann, b)
	if p.BookingID != b || p.Amount != 10000 || p.Currency != "USD" || p.Method != paymentapi.SandboxOK || p.Refunded != 0 || p.Attempt() != 1 || !p.Paid() || p.CreatedAt.IsZero() {
		t.Errorf("%+v", p)
	}
	first, last := p.History[0], p.History[len(p.History)-1]
	if first.Status != paymentapi.Pending || last.Status != paymentapi.Captured || last.At.Before(first.At) {
		t.Errorf("%+v", p.History)
	}
	if again := t.pay(ann, b); again.ID != p.ID {
		t.Errorf("paid twice: %s, %s", p.ID, again.ID)
	}
	free := t.b.Hold(ann.UserID, 0)
	if p, err := t.s.Pay(t.Context(), ann, "", paymentapi.PayRequest{BookingID: free}); err != nil || p.Status != paymentapi.Captured || p.Method != paymentapi.Free {
		t.Errorf("free of charge: %+v %v", p, err)
	}
}

func testKeys(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	r := paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxOK}
	first, err := t.s.Pay(ctx, ann, "key", r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := t.s.Pay(ctx, ann, "key", r); err != nil || again.ID != first.ID {
		t.Errorf("%+v %v", again, err)
	}
	r.Method = paymentapi.SandboxDecline
	_, err = t.s.Pay(ctx, ann, "key", r)
	t.refused(err, errs.Invalid, "idempotency-key-reused")
	_, err = t.s.Pay(ctx, ann, "other", r)
	if extra := t.refused(err, errs.Conflict, "already-paid"); extra["payment_id"] != first.ID {
		t.Errorf("%v", extra)
	}
}

func testDeclined(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	r := paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxDecline}
	_, err := t.s.Pay(ctx, ann, "", r)
	extra := t.refused(err, errs.PaymentRequired, "payment-declined")
	id := fmt.Sprint(extra["payment_id"])
	if p, err := t.s.Payment(ctx, ann, id); err != nil || p.Status != paymentapi.Failed || p.Reason == "" || !p.Over() || p.Paid() {
		t.Errorf("%+v %v", p, err)
	}
	if p := t.pay(ann, b); p.Attempt() != 2 || p.ID == id {
		t.Errorf("%+v", p)
	}
	b = t.b.Hold(ann.UserID, 1)
	r.BookingID = b
	for range paymentapi.MaxAttempts {
		_, err = t.s.Pay(ctx, ann, "", r)
		t.refused(err, errs.PaymentRequired, "payment-declined")
	}
	_, err = t.s.Pay(ctx, ann, "", r)
	t.refused(err, errs.Conflict, "too-many-payments")
}

func testRefused(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	r := paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxOK}
	_, err := t.s.Pay(ctx, caller.Caller{}, "", r)
	t.refused(err, errs.Unauthenticated, "sign-in-required")
	_, err = t.s.Pay(ctx, bob, "", r)
	t.refused(err, errs.NotFound, "not-found")
	for _, bad := range []paymentapi.PayRequest{{}, {BookingID: b}, {BookingID: b, Method: "4111 1111 1111 1111"}, {BookingID: "?", Method: paymentapi.SandboxOK}} {
		_, err = t.s.Pay(ctx, ann, "", bad)
		t.refused(err, errs.Invalid, "invalid-field")
	}
	agreed := int64(4000)
	r.Amount = &agreed
	_, err = t.s.Pay(ctx, ann, "", r)
	if extra := t.refused(err, errs.Conflict, "amount-differs"); extra["amount"] != int64(5000) {
		t.Errorf("%v", extra)
	}
	if list, err := t.s.OfUser(ctx, ann, ann.UserID, "", 10); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func testAmend(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	p, err := t.s.Pay(ctx, ann, "", paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxSlow})
	if err != nil || p.Status.Final() {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = t.s.Amend(ctx, ann, p.ID, paymentapi.SandboxOK, p.Version+7)
	t.refused(err, errs.Precondition, "changed-meanwhile")
	_, err = t.s.Amend(ctx, bob, p.ID, paymentapi.SandboxOK, 0)
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.Amend(ctx, t.organizer(), p.ID, paymentapi.SandboxOK, 0)
	t.refused(err, errs.Forbidden, "not-yours")
	if _, err = t.s.Amend(ctx, ann, p.ID, paymentapi.SandboxOK, p.Version); err != nil {
		t.Fatal(err)
	}
	if p = t.until(p.ID, paymentapi.Captured, 0); p.Method != paymentapi.SandboxOK {
		t.Errorf("%+v", p)
	}
	_, err = t.s.Amend(ctx, ann, p.ID, paymentapi.SandboxSlow, 0)
	t.refused(err, errs.Conflict, "payment-not-pending")
}

func testVoid(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	p, err := t.s.Pay(ctx, ann, "", paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxSlow})
	if err != nil || p.Status.Final() {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = t.s.Void(ctx, bob, p.ID, 0)
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.Void(ctx, ann, p.ID, p.Version+7)
	t.refused(err, errs.Precondition, "changed-meanwhile")
	for range 2 { // it may be asked for again
		if _, err = t.s.Void(ctx, ann, p.ID, 0); err != nil {
			t.Fatal(err)
		}
		if p = t.until(p.ID, paymentapi.Voided, 0); !p.GivenUp() || !p.Over() || p.Reason == "" {
			t.Errorf("%+v", p)
		}
	}

	p = t.pay(ann, t.b.Hold(ann.UserID, 1))
	if _, err = t.s.Void(ctx, ann, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	if p = t.until(p.ID, paymentapi.Refunded, 5000); p.GivenUp() || p.Over() {
		t.Errorf("%+v", p)
	}
}

func testRefund(t *test) {
	p := t.pay(ann, t.b.Hold(ann.UserID, 2))
	event, _ := t.b.Event()
	t.b.GiveBack(p.BookingID)
	p = t.until(p.ID, paymentapi.Captured, 5000)
	if last := p.History[len(p.History)-1]; last.Status != paymentapi.PartlyRefunded || last.Amount != 5000 {
		t.Errorf("%+v", p.History)
	}
	t.b.GiveBack(p.BookingID)
	t.until(p.ID, paymentapi.Refunded, 10000)
	const none = "0000000000000009"
	back, err := t.s.Refunds(t.Context(), []string{event, none})
	want := paymentapi.Refunds{Done: paymentapi.RefundFigure{Count: 2, Amount: 10000}}
	if zero, listed := back[none]; err != nil || back[event] != want || !listed || zero != (paymentapi.Refunds{}) {
		t.Errorf("%+v %v", back, err)
	}
	all := make([]int64, 50) // entries of the ledger, two of which are cancellations
	for i := range all {
		all[i] = int64(i + 1)
	}
	each, err := t.s.RefundsOf(t.Context(), event, all)
	if err != nil || len(each) != 2 {
		t.Fatalf("%+v %v", each, err)
	}
	for seq, r := range each {
		if r.Status != paymentapi.RefundDone || r.Amount != 5000 || r.PaymentID != p.ID || r.UpdatedAt == 0 {
			t.Errorf("%d: %+v", seq, r)
		}
		if one, err := t.s.RefundsOf(t.Context(), event, []int64{seq}); err != nil || len(one) != 1 || one[seq] != r {
			t.Errorf("%d alone: %+v %v", seq, one, err)
		}
	}
	if of, err := t.s.RefundsOf(t.Context(), none, all); err != nil || len(of) != 0 {
		t.Errorf("of another event: %+v %v", of, err)
	}
}

func testReads(t *test) {
	b, ctx := t.b.Hold(ann.UserID, 1), t.Context()
	unpaid := t.b.Hold(ann.UserID, 1)
	_, _ = t.s.Pay(ctx, ann, "", paymentapi.PayRequest{BookingID: b, Method: paymentapi.SandboxDecline})
	p := t.pay(ann, b)
	for _, who := range []caller.Caller{ann, t.organizer(), {UserID: "admin00000000001", Role: caller.Admin}, caller.System} {
		if got, err := t.s.Payment(ctx, who, p.ID); err != nil || got.ID != p.ID || got.Version != p.Version {
			t.Errorf("%s: %+v %v", who.Role, got, err)
		}
		if got, err := t.s.OfBooking(ctx, who, b); err != nil || got.ID != p.ID {
			t.Errorf("%s: %+v %v", who.Role, got, err)
		}
	}
	for _, c := range []struct {
		who  caller.Caller
		kind errs.Kind
		slug string
	}{{bob, errs.NotFound, "not-found"}, {caller.Caller{}, errs.Unauthenticated, "sign-in-required"}} {
		_, err := t.s.Payment(ctx, c.who, p.ID)
		t.refused(err, c.kind, c.slug)
		_, err = t.s.OfBooking(ctx, c.who, b)
		t.refused(err, c.kind, c.slug)
	}
	for _, id := range []string{"", "?", b, unpaid + "-1"} {
		_, err := t.s.Payment(ctx, ann, id)
		t.refused(err, errs.NotFound, "not-found")
	}
	_, err := t.s.OfBooking(ctx, ann, unpaid)
	t.refused(err, errs.NotFound, "not-found")
	latest, err := t.s.Latest(ctx, []string{b, unpaid, b, "?"})
	if got := latest[b]; err != nil || len(latest) != 1 || got.ID != p.ID || len(got.History) != len(p.History) {
		t.Errorf("%+v %v", latest, err)
	}
	if none, err := t.s.Latest(ctx, nil); err != nil || len(none) != 0 {
		t.Errorf("%+v %v", none, err)
	}
}

func testLists(t *test) {
	ctx := t.Context()
	event, _ := t.b.Event()
	want := []string{t.pay(ann, t.b.Hold(ann.UserID, 1)).ID, t.pay(ann, t.b.Hold(ann.UserID, 1)).ID}
	slices.Sort(want)
	all := []string{t.pay(bob, t.b.Hold(bob.UserID, 1)).ID}
	all = append(all, want...)
	slices.Sort(all)
	pages := func(list func(after string) ([]paymentapi.Payment, error)) (ids []string) {
		for after := ""; ; {
			page, err := list(after)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return ids
			}
			after = page[0].ID
			ids = append(ids, after)
		}
	}
	if got := pages(func(after string) ([]paymentapi.Payment, error) { return t.s.OfUser(ctx, ann, ann.UserID, after, 1) }); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := pages(func(after string) ([]paymentapi.Payment, error) {
		return t.s.OfEvent(ctx, t.organizer(), event, after, 1)
	}); !slices.Equal(got, all) {
		t.Errorf("%v, want %v", got, all)
	}
	_, err := t.s.OfUser(ctx, bob, ann.UserID, "", 1)
	t.refused(err, errs.NotFound, "not-found")
	_, err = t.s.OfEvent(ctx, ann, event, "", 1)
	t.refused(err, errs.NotFound, "not-found")
}
