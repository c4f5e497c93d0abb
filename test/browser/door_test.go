package browser

import (
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"boxoffice/test/browser/stage"
)

// doorway is an event with guests, in front of whose door tests stand.
type doorway struct {
	t       *testing.T
	event   string
	booking string
	seats   []string // of the booking, as the app names them
	tokens  []string // of their tickets
}

// withGuests makes an event of which the demo's buyer has some seats.
func withGuests(t *testing.T, title string, guests int) *doorway {
	t.Helper()
	return (&doorway{t: t, event: staged(t, title, 60, nil)}).more(guests)
}

// more is another booking of the same event.
func (d *doorway) more(guests int) *doorway {
	d.t.Helper()
	own := &doorway{t: d.t, event: d.event}
	var err error
	if own.booking, err = demo.Buy(token(d.t, "buyer"), d.event, guests); err != nil {
		d.t.Fatal(err)
	}
	out, err := demo.Call("GET", "/bookings/"+own.booking+"/tickets", token(d.t, "buyer"), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, item := range out["items"].([]any) {
		one := item.(map[string]any)
		own.tokens = append(own.tokens, one["token"].(string))
		own.seats = append(own.seats, fmt.Sprintf("row %s, seat %s", one["row"], one["number"]))
	}
	if len(own.tokens) != guests {
		d.t.Fatalf("%d tickets of %d", len(own.tokens), guests)
	}
	return own
}

// organizer asks the API as the event's organizer.
func (d *doorway) organizer(method, path string, body any) map[string]any {
	d.t.Helper()
	out, err := demo.Call(method, "/events/"+d.event+"/door"+path, token(d.t, "organizer"), body)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// phone is a device at the door.
type phone struct{ *reading }

// pair pairs a new phone with the event, by the link that its organizer gets.
func (d *doorway) pair(name string) phone {
	d.t.Helper()
	pairing := d.organizer("POST", "/pairings", map[string]any{"name": name, "entrance": "main"})
	p := phone{reader(d.t, stage.Phone, true)}
	p.open("/gate#pair=" + pairing["code"].(string))
	p.click(".gate-go")
	p.online(true)
	p.until("the list is there", `document.querySelector(".gate-n-entered small") !== null`)
	return p
}

// online waits until the phone says that it is connected, or not.
func (p phone) online(yes bool) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`.gate-scan[data-online="%v"]`, yes))
}

// connect takes the network away, or gives it back.
func (p phone) connect(yes bool) {
	p.t.Helper()
	p.must(p.tab.Run(network.EmulateNetworkConditions(!yes, 0, -1, -1)))
	p.online(yes)
}

// scanner types a code as a scanner would.
func (p phone) scanner(code string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`for (const key of [...%q, "Enter"]) document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))`, code), nil)
}

// says waits for a verdict: what it looks like, and a text in it.
func (p phone) says(tone, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s: %s", tone, text), fmt.Sprintf(`document.querySelector(".gate-last").dataset.tone === %q && document.querySelector(".gate-verdict").textContent.includes(%q)
		|| document.querySelector(".gate-last").dataset.tone === %q && document.querySelector(".gate-last").textContent.includes(%q)`, tone, text, tone, text))
}

// sent waits until the node has all that the phone has scanned.
func (p phone) sent() {
	p.t.Helper()
	p.until("nothing waits", `!document.querySelector(".gate-badge").textContent.includes("waiting")`)
}

// counts waits until the phone counts so many guests as inside and as having come.
func (p phone) counts(inside, entered int) {
	p.t.Helper()
	p.until(fmt.Sprintf("%d inside, %d entered", inside, entered), fmt.Sprintf(`document.querySelector(".gate-n-inside b").textContent === "%d" && document.querySelector(".gate-n-entered b").textContent === "%d"`, inside, entered))
}

// swap changes Y and Z, as a scanner does that is set to the keys of another country.
var swap = strings.NewReplacer("Y", "Z", "Z", "Y")

// codes are the QR codes of the tickets, as the buyer's page draws them.
func (d *doorway) codes() []image.Image {
	d.t.Helper()
	r := reader(d.t, stage.Phone, true)
	r.signIn("buyer")
	r.open("/orders/" + d.booking + "/tickets")
	var drawn []string
	r.eval(`Promise.all([...document.querySelectorAll(".ticket svg")].map(async (svg) => {
		const picture = new Image();
		picture.src = "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(svg));
		await picture.decode();
		const canvas = Object.assign(document.createElement("canvas"), { width: 636, height: 636 });
		canvas.getContext("2d").drawImage(picture, 0, 0, 636, 636);
		return canvas.toDataURL("image/png").split(",")[1];
	}))`, &drawn)
	var list []image.Image
	for _, text := range drawn {
		m, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
		r.must(err)
		list = append(list, m)
	}
	if len(list) != len(d.tokens) {
		d.t.Fatalf("%d codes of %d tickets", len(list), len(d.tokens))
	}
	return list
}

// Tickets are read from the screen of a phone and from paper, in the dark, turned, and out
// of focus, each once; a copy is seen.
func TestDoorByCamera(t *testing.T) { // alone: there is one camera
	usual := photo{share: 0.75, black: 25, white: 230, surround: 120, noise: 3, wide: stage.CameraWidth, high: stage.CameraHeight}
	screen, paper, dark, turned, blurred := usual, usual, usual, usual, usual
	screen.white, screen.surround, screen.blur = 250, 40, 0.6
	paper.share, paper.shade, paper.noise, paper.tilt, paper.turn = 0.6, 0.5, 8, 0.2, 5
	dark.black, dark.white, dark.surround, dark.noise = 5, 60, 8, 3
	turned.share, turned.turn = 0.6, 130
	blurred.blur = 1.8
	kinds := []photo{screen, paper, dark, turned, blurred}
	d := withGuests(t, "Seen by a camera", len(kinds))
	codes := d.codes()
	p := d.pair("Camera")
	p.wait(`.gate-scan[data-camera="true"]`)
	for i, kind := range kinds {
		p.must(demo.Show(kind.take(codes[i], uint64(i))))
		p.says("yes", d.seats[i])
		p.counts(i+1, i+1)
	}
	p.must(demo.Show(screen.take(codes[0], 9)))
	p.says("again", d.seats[0])
	p.says("again", "Main entrance")
	p.must(demo.Show(image.NewGray(image.Rect(0, 0, stage.CameraWidth, stage.CameraHeight))))
	p.sent()
	if got := d.organizer("GET", "/attendance", nil); got["entered"] != 5.0 || got["inside"] != 5.0 {
		t.Errorf("the organizer sees %v", got)
	}
}

// A phone goes on without a network, even when it is opened anew: it knows what others have
// scanned before, what it has scanned itself, and which tickets were given back. Once it is
// back, each scan is there once, and a copy that came in meanwhile is told.
func TestDoorWithoutNetwork(t *testing.T) {
	t.Parallel()
	d := withGuests(t, "Without a network", 4)
	gone := d.more(1)
	one, two := d.pair("One"), d.pair("Two")
	one.scanner(d.tokens[0])
	one.says("yes", d.seats[0])
	two.counts(1, 1)
	two.until("it can be opened without a network", `navigator.serviceWorker.ready`)

	two.connect(false)
	two.scanner(d.tokens[0])
	two.says("again", d.seats[0])
	two.scanner(strings.ToLower(swap.Replace(d.tokens[1]))) // from a scanner with an English keyboard, at a German phone
	two.says("yes", d.seats[1])
	two.says("yes", "Decided without the network")
	two.counts(2, 2)
	one.scanner(d.tokens[1])
	one.says("yes", d.seats[1])
	one.sent()
	two.open("/gate")
	two.online(false)
	two.counts(2, 2)
	two.until("what it has scanned is there", `document.querySelector(".gate-badge").textContent.includes("2 scans waiting")`)
	two.scanner(d.tokens[1])
	two.says("again", d.seats[1])

	two.connect(true)
	two.sent()
	two.until("the copy is told", `document.querySelector(".gate-alarm").textContent.includes("came in twice")`)
	two.counts(2, 2)
	if got := d.organizer("GET", "/attendance", nil); got["entered"] != 2.0 || got["inside"] != 2.0 || len(got["doubles"].([]any)) != 1 {
		t.Errorf("the organizer sees %v", got)
	}

	if _, err := demo.Call("DELETE", "/bookings/"+gone.booking, token(t, "buyer"), nil); err != nil {
		t.Fatal(err)
	}
	one.until("the ticket is off the list", `document.querySelector(".gate-n-entered small").textContent === " of 4"`)
	one.connect(false)
	one.scanner(gone.tokens[0])
	one.says("no", "refunded, exchanged or cancelled")
	one.connect(true)
	two.scanner(gone.tokens[0])
	two.says("no", "refunded, exchanged or cancelled")
}

// An exit lets somebody come back in, a scan can be taken back, and a device that the
// organizer revokes ends at once.
func TestDoorExitUndoAndRevoke(t *testing.T) {
	t.Parallel()
	d := withGuests(t, "In and out", 2)
	p, other := d.pair("Front"), d.pair("Back")
	p.scanner(d.tokens[0])
	p.says("yes", d.seats[0])
	p.click("input[name=kind][value=out]")
	p.scanner(d.tokens[0])
	p.says("info", "Goodbye")
	other.counts(0, 1)
	p.click("input[name=kind][value=in]")
	p.scanner(d.tokens[0])
	p.says("yes", d.seats[0])
	p.scanner(d.tokens[1])
	p.says("yes", d.seats[1])
	other.counts(2, 2)
	p.click(".gate-undo")
	p.says("info", "Undone")
	p.says("info", d.seats[1])
	other.counts(1, 1)
	p.scanner("4006381333931") // of a bottle
	p.says("no", "This is not a ticket")

	for _, item := range d.organizer("GET", "/devices", nil)["items"].([]any) {
		if one := item.(map[string]any); one["name"] == "Back" {
			d.organizer("DELETE", "/devices/"+one["id"].(string), nil)
		}
	}
	other.until("it has ended", `document.querySelector("h1").textContent === "This device may not scan any more"`)
	p.online(true)
}

// stays waits for a verdict, and keeps it on the screen for good.
func (p phone) stays() {
	p.t.Helper()
	p.wait(".gate-last[data-tone]")
	p.eval(`(verdict => { verdict.hidden = false; Object.defineProperty(verdict, "hidden", { value: false, writable: true }) })(document.querySelector(".gate-verdict"))`, nil)
}

// The app looks right and can be used by everybody: in both languages, themes, high
// contrast, on phones either way and on a desktop.
func TestDoorLooks(t *testing.T) {
	t.Parallel()
	d := &doorway{t: t, event: staged(t, longTitle, 60, nil)}
	d.organizer("PUT", "", map[string]any{"reentry": "after-exit", "alone": "admit", "names": true,
		"entrances": []map[string]any{{"id": "main", "name": "Eingang Süd (barrierefrei), Tiefgarage Ebene 3"}, {"id": "north", "name": "正門 / المدخل"}}})
	d = d.more(2)
	source := axe(t)
	pairing := reader(t, stage.Phone, true)
	pairing.open("/gate")
	pairing.wait(".gate-go")
	sound(pairing, source, stage.Phone)
	d.organizer("POST", "/lists", map[string]any{"booking_id": d.booking, "list": "Ehrengäste, Presse und Rundfunkanstalten"})
	p := d.pairWithNames("Robins Ersatztelefon für die Abendkasse")
	f := &fitting{reading: p.reading}
	if *shots != "" {
		p.must(os.MkdirAll(*shots, 0o755))
	}
	fits := func(name string) {
		t.Helper()
		for _, screen := range widths {
			p.must(p.tab.Look(screen))
			list, err := p.tab.Clipped()
			p.must(err)
			for _, text := range list {
				t.Errorf("%s, %d wide: %s", name, screen.Width, text)
			}
			if *shots != "" {
				f.picture(fmt.Sprintf("gate-%s-%d", name, screen.Width))
			}
		}
		p.must(p.tab.Look(stage.Phone))
	}
	for _, lang := range []string{"en", "de"} {
		p.open("/gate?lang=" + lang)
		p.online(true)
		fits(lang + "-ready")
		sound(p.reading, source, stage.Phone)
		p.scanner(d.tokens[0])
		p.stays()
		fits(lang + "-verdict")
	}
	p.open("/gate?lang=en")
	p.online(true)
	for _, name := range []string{"settings", "search", "counts"} {
		p.click(".gate-" + name)
		p.wait("dialog[open]")
		if name == "search" {
			p.click(".gate-lists button")
			p.wait(".gate-found li")
		}
		fits(name)
		sound(p.reading, source, stage.Phone)
		p.click(".gate-close")
		p.until("it is closed", `document.querySelector("dialog") === null`)
	}
	p.eval(`document.documentElement.toggleAttribute("data-sun", true)`, nil)
	sound(p.reading, source, stage.Phone)
	p.scanner(d.tokens[0])
	p.stays()
	sound(p.reading, source, stage.Phone)
}

// An entrance that opens later than the others says so, with and without a network.
func TestEntranceNotYetOpen(t *testing.T) {
	d := withGuests(t, "Behind the terrace", 2)
	d.organizer("PUT", "", map[string]any{"reentry": "after-exit", "alone": "admit", "names": false, "entrances": []map[string]any{
		{"id": "main", "name": "Main entrance", "opens_at": "2099-07-01T17:30:00Z"}, {"id": "terrace", "name": "Terrace", "reentry": "always"}}})
	p := d.pair("Left")
	p.scanner(d.tokens[0])
	p.says("no", "This entrance opens at")
	p.connect(false)
	p.scanner(d.tokens[1])
	p.says("no", "This entrance opens at")
}
