package browser

import (
	"strings"
	"testing"

	"boxoffice/test/browser/stage"
)

// A visitor buys two seats of the map. Impatience does no harm: two clicks make
// one booking and one payment, and reloads and the way back show how things are.
func TestBuyAsGuest(t *testing.T) {
	t.Parallel()
	event := staged(t, "Bought by a guest", 120, nil)
	r := reader(t, stage.Desktop, true)
	r.toMap(event)
	r.toList()
	r.choose(r.free(2)...)
	r.must(r.tab.DoubleClick(".sm-hold"))
	r.at("^/checkout/")
	r.wait("[data-held] [data-left]")
	if n := r.count(".seats-held li"); n != 2 {
		t.Errorf("%d seats are held", n)
	}
	checkout := r.tab.Path()
	r.asGuest(address(t))
	r.open(checkout) // a reload
	r.click(`a[href^="/pay/"]`)
	r.at("^/pay/")
	pay := r.tab.Path()
	r.must(r.tab.DoubleClick("button.tok_ok"))
	r.at("^/orders/")
	if text := r.text("main"); !strings.Contains(text, "The seats are yours") {
		t.Errorf("the order says %s", text)
	}
	order := r.tab.Path()
	for _, path := range []string{pay, checkout, order} { // going back leads to the order
		r.open(path)
		r.at("^" + order + "$")
	}
	if n := count(t, "organizer", "/events/"+event+"/bookings"); n != 1 {
		t.Errorf("two clicks have made %d bookings", n)
	}
	if n := count(t, "organizer", "/events/"+event+"/payments"); n != 1 {
		t.Errorf("two clicks have made %d payments", n)
	}
	r.booked(2)
}

// A payment that is declined leaves the seats held; the next one goes through.
// Beginning from an account, the buyer signs in on the way.
func TestDeclinedThenApproved(t *testing.T) {
	t.Parallel()
	event := staged(t, "Declined at first", 120, nil)
	r := reader(t, stage.Desktop, true)
	r.best(event)
	checkout := r.tab.Path()
	r.click(`a[href="?as=sign-in"]`)
	r.wait(`form[action$="/sign-in"]`)
	r.fill(`form[action$="/sign-in"] input[name=name]`, "buyer@demo.example")
	r.fill(`form[action$="/sign-in"] input[name=password]`, demo.Passwords["buyer"])
	r.click(`form[action$="/sign-in"] button`)
	r.pay("tok_decline")
	r.at("^" + checkout + "$")
	r.says("[role=alert]", "declined")
	if n := r.count(".seats-held li"); n != 2 {
		t.Errorf("%d seats are still held", n)
	}
	r.pay("tok_ok")
	r.booked(2)
}

// A slow payment has a page that waits, and goes on by itself; another tab of the
// same buyer sees the same.
func TestSlowPayment(t *testing.T) {
	t.Parallel()
	event := staged(t, "Paid slowly", 120, nil)
	r := signedIn(t, "buyer", stage.Desktop)
	r.best(event)
	checkout := r.tab.Path()
	r.pay("tok_slow")
	r.wait("[data-wait]")
	r.at("^/orders/" + strings.TrimPrefix(checkout, "/checkout/"))
	r.booked(2)
}

// The refund is shown before anything is cancelled, and comes to be.
func TestCancelBooking(t *testing.T) {
	t.Parallel()
	event := staged(t, "Cancelled by its buyer", 120, nil)
	id, err := demo.Buy(token(t, "buyer"), event, 2)
	if err != nil {
		t.Fatal(err)
	}
	r := signedIn(t, "buyer", stage.Desktop)
	r.open("/orders/" + id)
	r.click(`a[href$="/cancel"]`)
	r.wait("main form input[name=seats]")
	r.click("main form button") // all seats
	r.wait("input[name=refund]")
	if text := r.text(".refund dd"); !strings.Contains(text, "€90.00") {
		t.Errorf("the refund is %s", text)
	}
	r.click("main form button.danger")
	r.at("^/orders/" + id + "$")
	r.says("main", "Cancelled")
	r.says("main", "€90.00")
}
