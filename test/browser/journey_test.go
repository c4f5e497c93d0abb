package browser

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"boxoffice/test/browser/stage"
)

// token signs one of the demo's people in to the API.
func token(t *testing.T, who string) string {
	t.Helper()
	token, err := demo.Token(who)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// staged is a test's own event, so that tests do not take each other's seats.
func staged(t *testing.T, title string, seats int, more map[string]any) string {
	t.Helper()
	id, err := demo.Create(token(t, "organizer"), title, seats, more)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// count is how many items a list of the API has.
func count(t *testing.T, who, path string) int {
	t.Helper()
	out, err := demo.Call("GET", path, token(t, who), nil)
	if err != nil {
		t.Fatal(err)
	}
	list, ok := out["items"].([]any)
	if !ok {
		t.Fatalf("%s has no items: %v", path, out)
	}
	return len(list)
}

// at waits until the reader is on a page whose path matches.
func (r *reading) at(pattern string) {
	r.t.Helper()
	r.until("at "+pattern, fmt.Sprintf(`new RegExp(%q).test(location.pathname) && document.readyState !== "loading"`, pattern))
}

// reloadUntil loads the page again and again until a script's answer is true.
func (r *reading) reloadUntil(what, script string) {
	r.t.Helper()
	r.until(what, fmt.Sprintf(`(done => { if (!done && document.readyState === "complete") location.reload(); return done })(Boolean(%s))`, script))
}

// says waits until a part of the page has some words.
func (r *reading) says(selector, words string) {
	r.t.Helper()
	r.until(selector+" says "+words, fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, words))
}

// toMap opens an event and waits until its map can be used.
func (r *reading) toMap(event string) {
	r.t.Helper()
	r.open("/e/" + event)
	r.at("^/e/" + event + "/.")
	r.until("the map is there", `(document.querySelector("#seatmap").scrollIntoView({ behavior: "instant" }), document.querySelector(".sm-canvas") !== null)`)
}

// toList opens the first section of an event's list of seats, with or without
// scripts.
func (r *reading) toList() {
	r.t.Helper()
	r.click("#seatlist summary")
	r.click("#seatlist a[data-section]")
	r.wait("#seatlist input[name=seats]")
}

// choose checks seats in the list, by label.
func (r *reading) choose(labels ...string) {
	r.t.Helper()
	for _, label := range labels {
		box := fmt.Sprintf(`#seatlist input[value="%s"]`, label)
		r.click(box)
		r.until(label+" is chosen", fmt.Sprintf(`document.querySelector('%s').checked`, box))
	}
}

// free are the labels of the first free seats of the list.
func (r *reading) free(n int) (labels []string) {
	r.t.Helper()
	r.eval(`[...document.querySelectorAll("#seatlist input[name=seats]:enabled")].map(i => i.value)`, &labels)
	if len(labels) < n {
		r.t.Fatalf("%d seats are free, not %d", len(labels), n)
	}
	return labels[:n]
}

// best holds the best seats by the form of the event page.
func (r *reading) best(event string) {
	r.t.Helper()
	r.open("/e/" + event)
	r.click("#hold button[name=best]")
	r.at("^/checkout/")
}

// mailedCode is the line of a mail with a code: three groups of three.
var mailedCode = regexp.MustCompile(`(?:code is|Code ist) ([0-9A-Z]{3}(?:-[0-9A-Z]{3}){2})\.`)

// asGuest goes through the checkout as a guest until the way to the payment is open.
func (r *reading) asGuest(address string) {
	r.t.Helper()
	r.fill("main input[name=name]", "Greta Guest")
	r.fill("main input[name=email]", address)
	r.click(`form[action$="/guest"] button`)
	r.wait("main input[name=code]")
	r.fill("main input[name=code]", mailed(r.t, address))
	r.click(`form[action$="/code"] button`)
	r.wait(`a[href^="/pay/"]`)
}

// mailed is the code that was mailed to an address.
func mailed(t *testing.T, address string) string {
	t.Helper()
	code, err := demo.Mail(address, mailedCode)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// pay goes on from the checkout to the pay page and presses one of its buttons.
func (r *reading) pay(token string) {
	r.t.Helper()
	r.click(`a[href^="/pay/"]`)
	r.at("^/pay/")
	r.click("button." + token)
}

// booked waits for the order, and checks that it has some seats and their tickets.
func (r *reading) booked(seats int) {
	r.t.Helper()
	r.at("^/orders/")
	n := 0
	r.eval(`document.querySelectorAll(".order-seats tbody tr").length`, &n)
	if n != seats {
		r.t.Errorf("the order has %d seats, not %d", n, seats)
	}
	r.reloadUntil("tickets are made", `document.querySelector('main a[href*="/tickets"]')`)
	r.click(`main a[href*="/tickets"]`)
	r.at("/tickets$")
	r.eval(`document.querySelectorAll(".ticket svg").length`, &n)
	if n != seats {
		r.t.Errorf("there are %d tickets, not %d", n, seats)
	}
}

// signedIn is a browser of one of the demo's people.
func signedIn(t *testing.T, who string, screen stage.Screen) *reading {
	t.Helper()
	r := reader(t, screen, true)
	r.signIn(who)
	return r
}

// address is a guest's of its own for every test.
func address(t *testing.T) string { return strings.ToLower(t.Name()) + "@fans.example" }

// count is how many elements there are.
func (r *reading) count(selector string) (n int) {
	r.t.Helper()
	r.eval(fmt.Sprintf(`document.querySelectorAll(%q).length`, selector), &n)
	return n
}
