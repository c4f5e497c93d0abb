package commands

import (
	"testing"

	"boxoffice/internal/paymentapi"
)

// Verify says which payments wait for another gateway than the server has.
func TestBegun(t *testing.T) {
	away := paymentapi.Begun{Gateway: "sandbox", Test: true, Payments: 3, Open: 1}
	const counted = "note: begun with sandbox (test): 3 payments, 1 of them under way; compared like all others"
	for name, c := range map[string]struct {
		b        paymentapi.Begun
		payments string
		gateways int
		want     string
	}{
		"only one":              {b: away, gateways: 1},
		"one of two":            {b: away, gateways: 2, want: counted},
		"of the server":         {b: away, payments: "sandbox=http://127.0.0.1:8070", gateways: 2},
		"another":               {b: away, payments: "stripe", gateways: 1, want: counted + ", but what is under way waits for that gateway, not for stripe"},
		"the server has none":   {b: away, payments: "none", gateways: 1, want: counted + ", but what is under way waits for that gateway, not for none"},
		"an older program":      {b: paymentapi.Begun{Payments: 3}, payments: "stripe", gateways: 2},
		"one payment of stripe": {b: paymentapi.Begun{Gateway: "stripe", Payments: 1}, gateways: 2, want: "note: begun with stripe: 1 payment, 0 of them under way; compared like all others"},
	} {
		if got := begun(c.b, c.payments, c.gateways); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
