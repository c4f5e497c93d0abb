package payment

import (
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// A request that was carried out is answered as it was then, whoever may pay by now.
func TestPaidWhileItWasAllowed(t *testing.T) {
	w := newWorld(t)
	w.house.waives = true
	visitor := caller.Caller{UserID: fan.UserID, Role: caller.Guest}
	b := w.house.hold(visitor.UserID, 1)
	order := ask(b.ID, "tok_ok", "key", nil)
	first, err := w.Service.pay(t.Context(), visitor, order)
	if err != nil {
		t.Fatal(err)
	}
	w.house.waives = false
	if p, err := w.Service.pay(t.Context(), visitor, order); err != nil || p.ID != first.ID {
		t.Errorf("%+v, %v", p, err)
	}
	order.Key = "new"
	if _, err := w.Service.pay(t.Context(), visitor, order); !errs.Is(err, "address-not-verified") {
		t.Error(err)
	}
}
