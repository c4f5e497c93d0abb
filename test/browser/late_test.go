package browser

import (
	"testing"
	"time"

	"boxoffice/test/browser/stage"
)

// A hold runs out in front of the buyer's eyes, and the checkout says so by itself.
// The pay page that was still open in another place does not take money for it;
// the same seats can be had again.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	event := staged(t, "Held for a minute", 120, map[string]any{"hold_minutes": 1})
	eyes, till := signedIn(t, "buyer", stage.Desktop), signedIn(t, "buyer", stage.Phone)
	eyes.best(event)
	checkout := eyes.tab.Path()
	till.open(checkout)
	till.click(`a[href^="/pay/"]`)
	till.wait("button.tok_ok")

	eyes.tab.Patience(100 * time.Second)
	eyes.wait(".over h1")
	eyes.says(".over h1", "Time is over")

	till.click("button.tok_ok") // too late
	till.at("^" + checkout + "$")
	till.wait(".over h1")
	if n := count(t, "organizer", "/events/"+event+"/payments?status=captured"); n != 0 {
		t.Errorf("%d payments were taken for seats that were held no longer", n)
	}
	eyes.click(".over form button")
	eyes.until("held anew", `location.pathname.startsWith("/checkout/") && location.pathname !== "`+checkout+`"`)
	if n := eyes.count(".seats-held li"); n != 2 {
		t.Errorf("%d seats are held anew", n)
	}
	eyes.pay("tok_ok")
	eyes.booked(2)
}
