package browser

import (
	"strings"
	"testing"

	"boxoffice/test/browser/stage"
)

// bought is a booking of the demo's buyer that is paid, and its pages are sound.
func bought(t *testing.T, seats int) string {
	t.Helper()
	token, err := demo.Token("buyer")
	if err != nil {
		t.Fatal(err)
	}
	event, err := demo.Event("aurora")
	if err != nil {
		t.Fatal(err)
	}
	id, err := demo.Buy(token, event, seats)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // what a customer may have is limited
		if _, err := demo.Call("DELETE", "/bookings/"+id, token, nil); err != nil {
			t.Error(err)
		}
	})
	return id
}

// The pages after a purchase, and those of the account, look right and can be
// used by everybody.
func TestPagesAfter(t *testing.T) {
	source := axe(t)
	for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
		t.Run(name, func(t *testing.T) {
			id := bought(t, 2)
			r := reader(t, screen, true)
			r.signIn("buyer")
			for _, path := range []string{"/orders", "/orders/" + id, "/orders/" + id + "/tickets", "/orders/" + id + "/cancel", "/account", "/account/two-factor", "/account/delete"} {
				r.must(r.tab.Look(screen))
				r.open(path)
				sound(r, source, screen)
			}
			r.must(r.tab.Look(screen))
			r.open("/account/two-factor")
			r.fill("#f-current_password", demo.Passwords["buyer"])
			r.click("main form button")
			r.wait(".otp-code svg")
			sound(r, source, screen)
		})
	}
}

// One of two seats is given back, without scripts: what is said before comes to
// be, and the seat's ticket is gone.
func TestCancelOneSeat(t *testing.T) {
	id := bought(t, 2)
	r := reader(t, stage.Phone, false)
	r.signIn("buyer")
	r.open("/orders/" + id)
	r.click(`a[href$="/cancel"]`)
	r.wait(`input[name=seats]`)
	r.click(`input[name=seats]`) // one stays
	r.click("main form button")
	r.wait(`input[name=refund]`)
	told := strings.Fields(r.text(".refund dd"))[0]
	r.click("main form button.danger")
	r.wait("main .order-event")
	if text := r.text("main"); !strings.Contains(text, told) || !strings.Contains(text, "Partly refunded") && !strings.Contains(text, "goes back to you") {
		t.Errorf("nothing about %s in %s", told, text)
	}
	r.open("/orders/" + id + "/tickets")
	var left int
	r.eval(`document.querySelectorAll(".ticket").length`, &left)
	if left != 1 {
		t.Errorf("%d tickets are left", left)
	}
}
