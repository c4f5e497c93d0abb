package browser

import (
	"testing"
	"time"

	"boxoffice/test/browser/stage"

	"boxoffice/internal/patience"
)

// A hold runs out in front of the buyer's eyes, and the checkout says so by itself.
// Somebody else takes the seats. The pay page that was still open in another tab
// comes too late: the money is not taken, and the page says why. Other seats are
// near.
func TestLatePayment(t *testing.T) {
	event := staged(t, "Held for a minute", 120, map[string]any{"hold_minutes": 1})
	eyes := signedIn(t, "buyer", stage.Desktop)
	till := signedIn(t, "buyer", stage.Phone)
	eyes.best(event)
	checkout, seats := eyes.tab.Path(), []string{}
	eyes.eval(`[...document.querySelectorAll("aside input[name=seats]")].map(i => i.value)`, &seats)
	till.open(checkout)
	till.click(`a[href^="/pay/"]`)
	till.wait("button.tok_ok")
	t.Parallel() // only now: the minute goes by while others are at work

	eyes.tab.Patience(100 * time.Second)
	eyes.wait(".over h1")
	eyes.says(".over h1", "Your hold has expired")
	taken(t, event, seats)

	till.click("button.tok_ok") // too late
	till.at("^" + checkout + "$")
	till.says(".over", "somebody else has taken the seats")
	sound(till, axe(t), stage.Phone)
	if n := captured(t, event); n != 0 {
		t.Errorf("%d payments were taken for seats of others", n)
	}
	eyes.click(".over form button") // for the same seats
	eyes.wait("[data-missed]")
	eyes.click("[data-missed] form button") // for those beside them
	eyes.at("^/checkout/")
	eyes.pay("tok_ok")
	eyes.booked(2)
	if n := captured(t, event); n != 1 {
		t.Errorf("%d payments were taken for one booking", n)
	}
}

// taken has somebody else hold seats, as soon as they can be held.
func taken(t *testing.T, event string, seats []string) {
	t.Helper()
	rival := token(t, "organizer")
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(100 * time.Millisecond) {
		_, err := demo.Call("POST", "/bookings", rival, map[string]any{"event_id": event, "seats": seats})
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// captured is how many payments of an event were taken.
func captured(t *testing.T, event string) (n int) {
	t.Helper()
	out, err := demo.Call("GET", "/events/"+event+"/payments", token(t, "organizer"), nil)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := out["items"].([]any)
	for _, p := range list {
		if p.(map[string]any)["status"] == "captured" {
			n++
		}
	}
	return n
}
