package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"boxoffice/internal/ticket"
	"boxoffice/test/browser/stage"
)

// onlyPhones are settings of a door with codes that change, and no others.
var onlyPhones = map[string]any{
	"entrances": []any{map[string]any{"id": "main", "name": "Main entrance"}}, "reentry": "after-exit", "alone": "admit", "names": false, "codes": "rotating", "paper": false,
}

// shows waits until the page of tickets draws n codes that change.
func (r *reading) shows(n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d codes are drawn", n), fmt.Sprintf(`document.querySelectorAll(".live-code path[d]").length >= %d`, n))
}

// picture is the code of a ticket on a page, as a picture.
const picture = `(async () => {
	const svg = document.querySelector('.ticket:nth-child(%d) .live-code svg').cloneNode(true);
	svg.setAttribute("width", 610);
	svg.setAttribute("height", 610);
	const picture = new Image();
	picture.src = "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(svg));
	await picture.decode();
	const canvas = Object.assign(document.createElement("canvas"), { width: 610, height: 610 });
	const context = canvas.getContext("2d");
	context.fillStyle = "#fff";
	context.fillRect(0, 0, 610, 610);
	context.drawImage(picture, 0, 0, 610, 610);
	return canvas.toDataURL("image/png");
})()`

// seen reads a picture with the decoder of the check-in app, whose page p is at.
const seen = `(async () => {
	const picture = new Image();
	picture.src = %q;
	await picture.decode();
	const canvas = Object.assign(document.createElement("canvas"), { width: 610, height: 610 });
	const context = canvas.getContext("2d");
	context.drawImage(picture, 0, 0);
	window.reading ??= new Worker(JSON.parse(document.getElementById("gate-data").textContent).decoder, { type: "module" });
	return new Promise((resolve) => {
		window.reading.onmessage = (e) => resolve(e.data ?? "");
		window.reading.postMessage(context.getImageData(0, 0, 610, 610));
	});
})()`

// code is what the n-th ticket of a page shows now, as a camera at the gate sees it.
func (r *reading) code(n int, gate *reading) string {
	r.t.Helper()
	var drawn, text string
	r.eval(fmt.Sprintf(picture, n), &drawn)
	gate.eval(fmt.Sprintf(seen, drawn), &text)
	if len(text) != ticket.PhoneCodeLen {
		r.t.Fatalf("the code of ticket %d is %q", n, text)
	}
	return text
}

// Where only codes on phones are good: a phone shows them, a copy and what was printed are
// refused, also by a device that is alone, and a second phone takes a ticket over.
func TestDoorRotatingCodes(t *testing.T) {
	t.Parallel()
	d := withGuests(t, "Codes that change", 4)
	d.organizer("PUT", "", onlyPhones)
	tickets := "/orders/" + d.booking + "/tickets"
	own := reader(t, stage.Phone, true)
	own.signIn("buyer")
	own.open(tickets)
	own.shows(1) // those that are on the screen: the others when they come into view
	if text := own.text("#live-panel"); !strings.Contains(text, "on this phone") {
		t.Errorf("the page says %q", text)
	}
	gate := d.pair("Rotating")
	// A later clock, as if time went by: the device's own clock is not set back.
	gate.must(gate.tab.Run(page.Enable()))
	_, err := script(gate, `{ const now = Date.now; window.later = 0; Date.now = () => now() + window.later; }`)
	gate.must(err)
	gate.open("/gate")
	gate.online(true)

	gate.scanner(d.tokens[0])
	gate.says("no", "newer ticket")
	first := own.code(1, gate.reading)
	gate.scanner(first)
	gate.says("yes", d.seats[0])
	gate.scanner(own.code(1, gate.reading))
	gate.says("again", d.seats[0])
	gate.sent()

	own.eval(`document.querySelector(".ticket:nth-child(2)").scrollIntoView()`, nil)
	own.until("the second code is drawn", `document.querySelector(".ticket:nth-child(2) .live-code path[d]") !== null`)
	second := own.code(2, gate.reading)
	gate.connect(false)
	gate.scanner(second)
	gate.says("yes", d.seats[1])
	gate.says("yes", "Decided without the network")
	gate.eval(`window.later = 16_000`, nil) // for good: a clock that goes back is noticed
	gate.scanner(second)
	gate.says("no", "not the one of now")
	gate.connect(true)
	gate.sent()

	own.eval(`document.querySelector(".ticket:nth-child(3)").scrollIntoView()`, nil)
	own.until("the third code is drawn", `document.querySelector(".ticket:nth-child(3) .live-code path[d]") !== null`)
	friend := reader(t, stage.Phone, true)
	friend.signIn("buyer")
	friend.open(tickets)
	friend.until("the tickets are elsewhere", `document.querySelector("#live-panel").textContent.includes("on another phone")`)
	friend.click(".ticket:nth-child(3) .live-none button")
	friend.until("it asks", `document.querySelector(".ticket:nth-child(3) .live-none .danger") !== null`)
	friend.click(".ticket:nth-child(3) .live-none .danger")
	friend.until("the ticket has moved", `document.querySelector(".ticket:nth-child(3) .live-code path[d]") !== null`)
	gate.scanner(own.code(3, gate.reading))
	gate.says("no", "newer ticket")
	gate.scanner(friend.code(3, gate.reading))
	gate.says("yes", d.seats[2])
	gate.sent()
	own.open(tickets)
	own.until("the first phone knows", `document.querySelector(".ticket:nth-child(3)").textContent.includes("on another phone")`)
	if got := d.organizer("GET", "/attendance", nil); got["entered"] != 3.0 || got["untimed"] != 0.0 {
		t.Errorf("the organizer sees %v", got)
	}
}

// script adds a script that runs before those of each page.
func script(p phone, source string) (id page.ScriptIdentifier, err error) {
	err = p.tab.Run(chromedp.ActionFunc(func(ctx context.Context) error {
		id, err = page.AddScriptToEvaluateOnNewDocument(source).Do(ctx)
		return err
	}))
	return id, err
}

// A phone shows its codes without a network, also when the page is opened anew, with the
// server's time though its own clock is wrong by minutes.
func TestRotatingCodesWithoutNetwork(t *testing.T) {
	own, err := stage.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	buyer, err := own.Token("buyer")
	must(err)
	organizer, err := own.Token("organizer")
	must(err)
	event, err := own.Event("aurora")
	must(err)
	id, err := own.Buy(buyer, event, 1)
	must(err)
	_, err = own.Call("PUT", "/events/"+event+"/door", organizer, onlyPhones)
	must(err)
	document, err := own.Call("GET", "/tickets/keys.json", "", nil)
	must(err)
	tab, err := own.Tab(stage.Phone, true)
	must(err)
	gateTab, err := own.Tab(stage.Phone, true)
	must(err)
	r, gate := &reading{t, tab}, &reading{t, gateTab}
	gate.open("/gate")
	must(tab.Run(network.SetCookie("session", buyer).WithURL(own.URL)))
	_, err = script(phone{r}, `{ const now = Date.now; Date.now = () => now() - 7 * 60_000; }`)
	must(err)
	tickets := "/orders/" + id + "/tickets"
	r.open(tickets)
	r.shows(1)
	r.until("the page is kept", keptOf(tickets))
	r.until("its script is kept", `caches.open("kept").then(async (c) => (await c.keys()).some((k) => k.url.includes("/assets/tickets.")))`)
	r.open("/account")
	own.Stop()
	r.open(tickets)
	r.shows(1)
	text := r.code(1, gate)
	raw, err := json.Marshal(document)
	must(err)
	keys, err := ticket.ParseKeys(raw)
	must(err)
	got, err := keys.Verify(text, event)
	if err != nil || got.Kind != ticket.OnPhone || !got.Timed || !got.Fresh(time.Now()) {
		t.Errorf("%+v %v, at %d", got, err, time.Now().Unix())
	}
	if badge := r.text(".kept"); !strings.Contains(badge, "Offline") {
		t.Errorf("it is not said that there is no network: %q", badge)
	}
}
