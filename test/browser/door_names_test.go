package browser

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/test/browser/stage"
)

// withNames lets devices of an event see names, and gives seats to a guest who is on a list.
func withNames(t *testing.T, title, guest, list string) (*doorway, string) {
	t.Helper()
	d := withGuests(t, title, 1)
	d.organizer("PUT", "", map[string]any{"reentry": "after-exit", "alone": "admit", "names": true, "entrances": []map[string]any{{"id": "main", "name": "Main entrance"}}})
	gift, err := demo.Call("POST", "/events/"+d.event+"/complimentary", token(t, "organizer"), map[string]any{"quantity": 2, "name": guest})
	if err != nil {
		t.Fatal(err)
	}
	d.organizer("POST", "/lists", map[string]any{"booking_id": gift["id"], "list": list})
	_, link, _ := strings.Cut(gift["link"].(string), "?")
	out, err := demo.Call("GET", "/bookings/"+gift["id"].(string)+"/tickets?"+link, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return d, out["items"].([]any)[0].(map[string]any)["token"].(string)
}

// pairWithNames pairs a phone that may see names, and waits until it has them.
func (d *doorway) pairWithNames(name string) phone {
	d.t.Helper()
	code := d.organizer("POST", "/pairings", map[string]any{"name": name, "entrance": "main", "names": true})["code"].(string)
	p := phone{reader(d.t, stage.Phone, true)}
	p.open("/gate#pair=" + code)
	p.click(".gate-go")
	p.online(true)
	p.keepsNames(true)
	return p
}

// keepsNames waits until names of guests are on the phone, or none.
func (p phone) keepsNames(yes bool) {
	p.t.Helper()
	p.until(fmt.Sprintf("it keeps names: %v", yes), fmt.Sprintf(`new Promise((found) => {
		const open = indexedDB.open("boxoffice-gate");
		open.onsuccess = () => {
			const all = open.result.transaction("names").objectStore("names").getAll();
			all.onsuccess = () => { open.result.close(); found(all.result.some((page) => page.items.length > 0) === %v); };
		};
	})`, yes))
}

// look opens the search, and looks for something.
func (p phone) look(text string) {
	p.t.Helper()
	p.click(".gate-search")
	p.wait("dialog[open]")
	p.fill("#find", text)
	p.click(".gate-find .gate-button")
}

func (p phone) shut() {
	p.t.Helper()
	p.click(".gate-close")
	p.until("it is closed", `document.querySelector("dialog") === null`)
}

// A phone that may see names finds guests without a network, says who is on a list, and
// lets them in with one tap. Names go when the rule is switched off, when it is revoked, and
// when it is unpaired; a phone that may not see names never has any.
func TestDoorNames(t *testing.T) {
	t.Parallel()
	d, code := withNames(t, "Names and lists", "Zoë Dvořák", "Presse & Fotografie")
	one, other := d.pairWithNames("Box office"), d.pair("Door")
	one.until("it can be opened without a network", `navigator.serviceWorker.ready`)
	one.connect(false)
	one.open("/gate")
	one.online(false)
	one.scanner(code)
	one.says("yes", "Decided without the network")
	one.says("yes", "Presse & Fotografie")
	one.says("yes", "Zoë Dvořák")
	one.look("DVORAK")
	one.until("both seats are found", `document.querySelectorAll(".gate-found li").length === 2`)
	one.until("the list is named", `document.querySelector(".gate-found mark").textContent === "Presse & Fotografie"`)
	one.shut()
	one.click(".gate-search")
	one.click(".gate-lists button")
	one.until("one of the list is inside", `document.querySelector(".gate-lists button").textContent.includes("1 of 2")`)
	one.eval(`[...document.querySelectorAll(".gate-found button")].find((b) => b.textContent === "Let in").click()`, nil)
	one.says("yes", "Presse & Fotografie")
	one.counts(2, 2)
	one.click(".gate-counts")
	one.until("the list is counted", `[...document.querySelectorAll(".gate-table tr")].some((row) => row.textContent === "Presse & Fotografie222")`)
	one.shut()
	one.connect(true)
	one.sent()
	other.counts(2, 2)
	other.scanner(code)
	other.says("again", "Already inside")
	other.until("it says no names", `!document.querySelector(".gate-verdict").textContent.includes("Presse") && !document.querySelector(".gate-verdict").textContent.includes("Zoë")`)
	other.keepsNames(false)

	rules := map[string]any{"reentry": "after-exit", "alone": "admit", "names": false, "entrances": []map[string]any{{"id": "main", "name": "Main entrance"}}}
	d.organizer("PUT", "", rules)
	one.keepsNames(false)
	rules["names"] = true
	d.organizer("PUT", "", rules)
	one.keepsNames(true)
	for _, item := range d.organizer("GET", "/devices", nil)["items"].([]any) {
		if device := item.(map[string]any); device["name"] == "Box office" {
			d.organizer("DELETE", "/devices/"+device["id"].(string), nil)
		}
	}
	one.until("it has ended", `document.querySelector("h1").textContent === "This device may not scan any more"`)
	one.keepsNames(false)
	last := d.pairWithNames("Unpaired")
	last.click(".gate-settings")
	last.click(".gate-unpair")
	last.click(".gate-unpair")
	last.wait("#pair-code")
	last.keepsNames(false)
}
