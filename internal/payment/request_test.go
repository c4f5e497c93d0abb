package payment

import (
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Whoever leaves the method out reads what one looks like.
func TestMissingMethodNamesOne(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"", paymentapi.Free} {
		_, err := w.Service.pay(t.Context(), fan, ask(w.house.hold(fan.UserID, 1).ID, method, "", nil))
		if e := errs.Of(err); e == nil || len(e.Fields) != 1 || e.Fields[0].Reason != noMethod {
			t.Errorf("%q: %v", method, err)
		}
	}
}
