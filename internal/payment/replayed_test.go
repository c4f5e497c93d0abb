package payment

import (
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// A request that was carried out is answered as it was then, whoever may pay by now.
func TestPaidWhileItWasAllowed(t *testing.T) {
	w := newWorld(t)
	w.house.waives = true
	visitor := caller.Caller{UserID: fan.UserID, Role: caller.Guest}
	b := w.house.hold(visitor.UserID, 1)
	request := ask(b.ID, paymentapi.SandboxOK, "key", nil)
	first, err := w.Service.pay(t.Context(), visitor, request)
	if err != nil {
		t.Fatal(err)
	}
	w.house.waives = false
	if p, err := w.Service.pay(t.Context(), visitor, request); err != nil || p.ID != first.ID {
		t.Errorf("%+v, %v", p, err)
	}
	request.Key = "new"
	if _, err := w.Service.pay(t.Context(), visitor, request); !errs.Is(err, "address-not-verified") {
		t.Error(err)
	}
}
