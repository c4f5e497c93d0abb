package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"boxoffice/test/browser/stage"
)

// keptOf is a script: whether the copy of a page is kept in the browser.
func keptOf(path string) string {
	return `caches.match("` + path + `", { cacheName: "kept" })`
}

const controlled = `navigator.serviceWorker.controller !== null`

// Tickets that were opened are there when the server is not, with a badge that
// says so; other pages say that there is no network.
func TestTicketsWithoutNetwork(t *testing.T) {
	own, err := stage.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	token, err := own.Token("buyer")
	if err != nil {
		t.Fatal(err)
	}
	event, err := own.Event("aurora")
	if err != nil {
		t.Fatal(err)
	}
	id, err := own.Buy(token, event, 2)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := own.Tab(stage.Phone, true)
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{t, tab}
	tickets := "/orders/" + id + "/tickets"
	r.must(tab.Run(network.SetCookie("session", token).WithURL(own.URL)))
	r.open("/")
	r.until("the service worker is in charge", controlled)
	r.open("/orders")
	r.until("the list is kept", keptOf("/orders"))
	r.open(tickets)
	r.until("the tickets are kept", keptOf(tickets))
	r.open("/account")
	own.Stop()

	r.open(tickets)
	var drawn int
	r.eval(`document.querySelectorAll(".ticket svg").length`, &drawn)
	if badge := r.text(".kept"); drawn != 2 || !strings.Contains(badge, "Offline") {
		t.Errorf("%d tickets, %q", drawn, badge)
	}
	var styled string
	r.eval(`getComputedStyle(document.querySelector(".tickets")).display`, &styled)
	if styled != "flex" {
		t.Errorf("the style sheet is not there: %s", styled)
	}
	r.open("/orders")
	if list := r.text("main"); !strings.Contains(list, "Aurora") {
		t.Errorf("the list is not there: %s", list)
	}
	for _, path := range []string{"/", "/account", "/orders/" + id} {
		r.open(path)
		if text := r.text("main"); !strings.Contains(text, "You are offline") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// Whoever signs out leaves no tickets behind.
func TestSignOutForgetsTickets(t *testing.T) {
	id := bought(t, 1)
	r := reader(t, stage.Desktop, true)
	r.open("/")
	r.until("the service worker is in charge", controlled)
	r.signIn("buyer")
	tickets := "/orders/" + id + "/tickets"
	r.open(tickets)
	r.until("the tickets are kept", keptOf(tickets))
	r.open("/account")
	r.click(`form[action="/sign-out"] button`)
	r.until("signed out", `location.pathname === "/"`)
	r.until("nothing is kept", keptOf(tickets)+`.then(r => !r)`)
}
