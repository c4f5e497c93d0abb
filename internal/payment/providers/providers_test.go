package providers

import (
	"strings"
	"testing"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/settings"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ payments, wrong string }{
		{"", ""},
		{"none", ""},
		{"sandbox", ""},
		{"Sandbox", `"Sandbox" is not a payment gateway; give none`},
		{"bank", `"bank" is not a payment gateway`},
		{"none=x", `"none" is not a payment gateway`},
		{"sandbox=", "there is nothing after sandbox="},
		{"=x", `"" is not a payment gateway`},
	} {
		err := Check(c.payments)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %v, want %q", c.payments, err, c.wrong)
		}
		if err != nil && settings.FlagOf(err) != "--payments" {
			t.Errorf("%q: an error of %q", c.payments, settings.FlagOf(err))
		}
	}
}

// Without a gateway there is none to move money.
func TestNone(t *testing.T) {
	for _, payments := range []string{"", None} {
		o, err := Open(t.Context(), payments, provider.Opening{})
		if err != nil || o.Gateway != nil || o.Test {
			t.Errorf("%q: %+v, %v", payments, o, err)
		}
		o.Close()
	}
}
