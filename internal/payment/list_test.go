package payment

import (
	"slices"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

var organizer = caller.Caller{UserID: "organizer0000001", Role: caller.Organizer}

func TestLists(t *testing.T) {
	w := newWorld(t)
	var mine, all []string
	for i := range 12 {
		user := fan.UserID
		if i%3 == 0 {
			user = "fan0000000000002"
		}
		b := w.house.hold(user, int32(i))
		if i%4 == 1 {
			continue // never paid for
		}
		caller := caller.Caller{UserID: user, Role: caller.Customer, Verified: true}
		for _, method := range []string{paymentapi.SandboxDecline, paymentapi.SandboxOK} {
			p, err := w.Service.pay(t.Context(), caller, ask(b.ID, method, "", nil))
			id := p.ID
			if err != nil {
				id = b.ID + "-1"
			}
			all = append(all, id)
			if user == fan.UserID {
				mine = append(mine, id)
			}
		}
	}
	slices.Sort(all)
	slices.Sort(mine)
	admin := caller.Caller{UserID: "root", Role: caller.Admin}
	walk := func(list func(after string) ([]record, error)) []string {
		t.Helper()
		var ids []string
		for after := ""; ; after = ids[len(ids)-1] {
			page, err := list(after)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return ids
			}
			for _, p := range page {
				ids = append(ids, p.ID)
			}
		}
	}
	for _, limit := range []int{1, 3, 100} {
		if got := walk(func(after string) ([]record, error) { return w.ofUser(t.Context(), fan, fan.UserID, after, limit) }); !slices.Equal(got, mine) {
			t.Errorf("by %d: %v, want %v", limit, got, mine)
		}
		for _, c := range []caller.Caller{organizer, admin} {
			if got := walk(func(after string) ([]record, error) { return w.ofEvent(t.Context(), c, event1, after, limit) }); !slices.Equal(got, all) {
				t.Errorf("by %d: %v, want %v", limit, got, all)
			}
		}
	}
	for _, c := range []struct {
		caller caller.Caller
		kind   errs.Kind
	}{{caller.Caller{}, errs.Unauthenticated}, {fan, errs.NotFound}} {
		if _, err := w.ofEvent(t.Context(), c.caller, event1, "", 1); errs.KindOf(err) != c.kind {
			t.Errorf("%v", err)
		}
		if _, err := w.ofUser(t.Context(), c.caller, "somebody", "", 1); errs.KindOf(err) != c.kind {
			t.Errorf("%v", err)
		}
	}
}

// Whoever pays has a verified address, guest or account, unless the event waives it.
func TestUnverifiedMayNotPay(t *testing.T) {
	w := newWorld(t)
	for i, role := range []caller.Role{caller.Guest, caller.Customer, caller.Organizer, caller.Admin} {
		for _, amount := range []int64{0, 5000} {
			w.house.waives = false
			b := w.house.hold(fan.UserID, int32(i))
			w.house.mu.Lock()
			w.house.bookings[b.ID].Amount = amount
			w.house.mu.Unlock()
			caller, request := caller.Caller{UserID: fan.UserID, Role: role}, ask(b.ID, paymentapi.SandboxOK, "", nil)
			before := len(w.ledgerRows())
			_, err := w.Service.pay(t.Context(), caller, request)
			if !errs.Is(err, "address-not-verified") || errs.KindOf(err) != errs.Forbidden {
				t.Errorf("%s: %v", role, err)
			}
			if n := len(w.ledgerRows()); n != before {
				t.Errorf("%s: there is a payment", role)
			}
			w.house.waives = true
			if p, err := w.Service.pay(t.Context(), caller, request); statusOf(t, p, err) != paymentapi.Captured {
				t.Errorf("%s, waived: %+v", role, p)
			}
		}
	}
	w.agree()
}
