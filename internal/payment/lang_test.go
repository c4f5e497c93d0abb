package payment

import (
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// A payment keeps the language of the request that made it: after a crash, and when it is
// asked for again in another language. A later attempt has its own.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	in := func(accept, method, key string) paymentapi.Payment {
		t.Helper()
		p, err := w.Pay(caller.Speaking(t.Context(), accept), fan, key, paymentapi.PayRequest{BookingID: b.ID, Method: method})
		if err != nil && method != paymentapi.SandboxDecline {
			t.Fatal(err)
		}
		return p
	}
	in("de-AT, de;q=0.9", paymentapi.SandboxDecline, "a")
	if p, err := w.OfBooking(t.Context(), fan, b.ID); err != nil || p.Language != "de" {
		t.Errorf("%+v %v", p, err)
	}
	if p := in("fr", "tok_sure", "b"); p.Language != "en" || p.Attempt() != 2 {
		t.Errorf("%+v", p)
	}
	w.crash()
	w.boot()
	for _, accept := range []string{"de", ""} {
		if p := in(accept, "tok_sure", "b"); p.Language != "en" || p.Attempt() != 2 {
			t.Errorf("asked for again in %q: %+v", accept, p)
		}
	}
	b = w.house.hold(fan.UserID, 2)
	if p := in("", "tok_sure", "c"); p.Language != "" {
		t.Errorf("%+v", p)
	}
}
