package browser

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"boxoffice/test/browser/stage"
)

// shots is a folder for a picture of each page that is looked at, in each
// language and width: for people.
var shots = flag.String("shots", "", "folder for pictures of all pages")

// widths are those of phones that are sold, one held sideways, a tablet, and a desktop.
var widths = []stage.Screen{{Width: 320, Height: 640, Phone: true}, {Width: 360, Height: 740, Phone: true}, {Width: 412, Height: 915, Phone: true}, {Width: 740, Height: 360, Phone: true}, {Width: 800, Height: 1280, Phone: true}, stage.Desktop}

// fitting looks at pages in both languages and all widths: no text is cut off,
// sticks out of its button, or runs into the next cell.
type fitting struct {
	*reading
	name string
}

var unlike = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// page looks at a page; wait is what has to be there first, if not "".
func (f *fitting) page(name, path, wait string) {
	f.t.Helper()
	for _, lang := range []string{"en", "de"} {
		f.must(f.tab.Look(widths[0]))
		sign := "?"
		if strings.Contains(path, "?") {
			sign = "&"
		}
		f.open(path + sign + "lang=" + lang)
		if wait != "" {
			f.wait(wait)
		}
		f.widths(name+"-"+lang, name+" ("+lang+")")
	}
}

// widths looks at the page that is shown.
func (f *fitting) widths(shot, name string) {
	f.t.Helper()
	for _, screen := range widths {
		f.must(f.tab.Look(screen))
		list, err := f.tab.Clipped()
		f.must(err)
		for _, text := range list {
			f.t.Errorf("%s, %d wide: %s", name, screen.Width, text)
		}
		if *shots != "" {
			f.picture(fmt.Sprintf("%s-%d", shot, screen.Width))
			screen.Dark = true
			f.must(f.tab.Look(screen))
			f.picture(fmt.Sprintf("%s-%d-dark", shot, screen.Width))
		}
	}
}

// picture keeps a picture of the whole page.
func (f *fitting) picture(name string) {
	f.t.Helper()
	var picture []byte
	f.must(f.tab.Run(chromedp.FullScreenshot(&picture, 100)))
	f.must(os.WriteFile(filepath.Join(*shots, unlike.ReplaceAllString(name, "-")+".png"), picture, 0o644))
}

func fit(t *testing.T, who string) *fitting {
	t.Helper()
	if *shots != "" {
		if err := os.MkdirAll(*shots, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, widths[0], true)
	if who != "" {
		r.signIn(who)
	}
	return &fitting{reading: r, name: who}
}

const longTitle = "Donaudampfschifffahrtsgesellschaftskapitänsjubiläumskonzert mit Überraschungsgästen und Feuerwerk"

// long is an event whose every name is long and whose prices are large, with a
// few seats sold.
func long(t *testing.T) (event string) {
	t.Helper()
	event = staged(t, longTitle, 200, map[string]any{"category": "Kammermusikfestspielwochenende", "currency": "IDR", "price": nil,
		"venue": map[string]any{"name": "Kongress- und Veranstaltungszentrum Oberammergau-Unterammergau", "city": "Oberammergau", "time_zone": "Europe/Berlin"},
		"tiers": []map[string]any{{"name": "Logenplätze mit Verpflegung und Bedienung", "price": 98765432100}}})
	for _, who := range []string{"buyer", "organizer"} {
		if _, err := demo.Buy(token(t, who), event, 3); err != nil {
			t.Fatal(err)
		}
	}
	return event
}

// What everybody can read.
func TestPagesFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "")
	event := long(t)
	f.page("home", "/", "")
	f.page("search", "/search?q=music", "")
	f.page("search-nothing", "/search?q=nothingofthekind", "")
	f.page("event", "/e/"+event, "")
	for _, screen := range widths {
		f.must(f.tab.Look(screen))
		f.toMap(event)
		list, err := f.tab.Clipped()
		f.must(err)
		for _, text := range list {
			t.Errorf("the map in German, %d wide: %s", screen.Width, text)
		}
	}
	for _, word := range []string{"night shift", "paper satellites", "quiet evening"} {
		id, err := demo.Event(word)
		if err != nil {
			t.Fatal(err)
		}
		f.page("event "+word, "/e/"+id, "")
	}
	for _, path := range []string{"/sign-in", "/sign-up", "/forgot", "/verify?token=x", "/reset?token=x", "/developers", "/offline", "/nowhere"} {
		f.page(path, path, "")
	}
	f.best(event)
	checkout := f.tab.Path()
	f.page("checkout-visitor", checkout, "")
	f.page("checkout-sign-in", checkout+"?as=sign-in", "")
	f.page("home-held", "/", ".held-bar")
}

// inLine looks at the checkout on the narrowest phone: the header has two rows, and
// the button that gives a seat up stands beside the seat's name.
func (f *fitting) inLine(held string) {
	f.t.Helper()
	for _, lang := range []string{"en", "de"} {
		f.must(f.tab.Look(widths[0]))
		f.open("/checkout/" + held + "?lang=" + lang)
		var rows, below int
		f.must(f.tab.Run(
			chromedp.Evaluate(`new Set([...document.querySelectorAll(".bar .brand, .bar .find, .bar nav a")].map(e => { const r = e.getBoundingClientRect(); return Math.round((r.top + r.bottom) / 16); })).size`, &rows),
			chromedp.Evaluate(`[...document.querySelectorAll("aside .seats-held li")].filter(li => li.querySelector("form").getBoundingClientRect().top >= li.querySelector("span").getBoundingClientRect().bottom).length`, &below)))
		if rows > 2 || below > 0 {
			f.t.Errorf("%s: %d rows in the header, %d buttons below their seats", lang, rows, below)
		}
	}
}

// An organizer's links stand beside the brand on common phones, in English.
func TestHeaderOfOrganizers(t *testing.T) {
	t.Parallel()
	f := fit(t, "organizer")
	f.must(f.tab.Look(widths[1]))
	f.open("/organizer?lang=en")
	var rows int
	f.eval(`new Set([...document.querySelectorAll(".bar .brand, .bar nav a")].map(e => { const r = e.getBoundingClientRect(); return Math.round((r.top + r.bottom) / 16); })).size`, &rows)
	if rows != 1 {
		t.Errorf("brand and links have %d rows", rows)
	}
}

// What a buyer reads.
func TestPagesOfBuyersFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "buyer")
	event := long(t)
	held, err := demo.Hold(token(t, "buyer"), event, 2)
	if err != nil {
		t.Fatal(err)
	}
	f.page("checkout", "/checkout/"+held, "")
	f.inLine(held)
	f.page("pay", "/pay/"+held, "")
	f.page("cancel-held", "/orders/"+held+"/cancel", "")
	bought, err := demo.Buy(token(t, "buyer"), event, 2)
	if err != nil {
		t.Fatal(err)
	}
	order := "/orders/" + bought
	f.page("order", order, "")
	f.page("tickets", order+"/tickets", "")
	f.page("cancel", order+"/cancel", "")
	f.page("orders", "/orders", "")
	f.page("account", "/account", "")
	f.page("two-factor", "/account/two-factor", "")
	f.page("delete", "/account/delete", "")
	if _, err := demo.Call("PUT", "/events/"+event, token(t, "organizer"), map[string]any{"event_time": "2099-05-03T18:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	f.page("order-changed", order, "")
	if _, err := demo.Call("DELETE", "/events/"+event, token(t, "organizer"), nil); err != nil {
		t.Fatal(err)
	}
	f.page("order-cancelled", order, "")
	f.page("event-cancelled", "/e/"+event, "")
}

// What an organizer reads.
func TestPagesOfOrganizersFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "organizer")
	event := long(t)
	gift, err := demo.Call("POST", "/events/"+event+"/complimentary", token(t, "organizer"), map[string]any{"quantity": 7, "name": "Wolfeschlegelsteinhausenbergerdorff", "email": "wolfeschlegelsteinhausenbergerdorff@fans.example"})
	if err != nil {
		t.Fatal(err)
	}
	at := "/organizer/events/" + event
	f.page("console", "/organizer", "")
	f.page("console-new", "/organizer/events/new", "")
	f.page("console-event", at, "")
	f.page("console-found", at+"?booking=buyer@demo.example", "#found")
	f.page("console-gift", at+"?booking="+gift["reference"].(string), "#found .gift")
	f.page("console-gift-order", at+"/orders/"+gift["id"].(string), "#email")
	sold := f.orderOf(at)
	f.page("console-order", sold, "#log table")
	f.page("console-edit", at+"/edit", "")
	f.page("console-pause", at+"/sale?to=pause", "")
	f.page("console-cancel", at+"/cancel", "")
	f.announcements(at, event)
	if _, err := demo.Call("PUT", "/events/"+event, token(t, "organizer"), map[string]any{"status": "published"}); err != nil {
		t.Fatal(err)
	}
	f.page("event-paused", "/e/"+event, "")
}

// orderOf returns the address of the organizer's page of the latest order of an event.
func (f *fitting) orderOf(at string) (path string) {
	f.t.Helper()
	f.open(at + "?booking=buyer@demo.example")
	f.wait("#found .ref a")
	f.eval(`document.querySelector("#found .ref a").pathname`, &path)
	return path
}

// What an organizer reads of webhooks whose URL, description and answers are as long as
// they may be.
func TestPagesOfWebhooksFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "organizer")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(strings.Repeat("Teekesselchen", 100)))
	}))
	t.Cleanup(server.Close)
	hook, err := demo.Call("POST", "/webhooks", token(t, "organizer"), map[string]any{
		"url": server.URL + "/" + strings.Repeat("hooks", 90), "description": strings.Repeat("Rundschreiben", 15)})
	if err != nil {
		t.Fatal(err)
	}
	at := "/organizer/webhooks/" + hook["id"].(string)
	t.Cleanup(func() { _, _ = demo.Call("DELETE", "/webhooks/"+hook["id"].(string), token(t, "organizer"), nil) })
	sent, err := demo.Call("POST", "/webhooks/"+hook["id"].(string)+"/test", token(t, "organizer"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.open(at + "/" + sent["message_id"].(string))
	f.reloadUntil("it was tried", `document.querySelector("main").innerText.includes("418")`)
	f.page("webhooks", "/organizer/webhooks", "")
	f.page("webhook", at, "")
	f.page("webhook-message", at+"/"+sent["message_id"].(string), "")
}

// The pages of invoices, for a seller whose name is as long as it may be.
func TestPagesOfInvoicesFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "organizer")
	f.page("seller-empty", "/organizer/seller", "")
	f.open("/organizer/seller")
	for field, value := range map[string]string{"name": strings.Repeat("Donaudampfschifffahrt", 9), "street": strings.Repeat("Uferstraße", 20), "city": strings.Repeat("Neustadt", 12), "country": "DE", "vat_number": "DE136695976", "tax_rate": "7"} {
		f.fill("#f-"+field, value)
	}
	f.click("main form button")
	f.at("^/organizer/invoices")
	f.page("invoices", "/organizer/invoices", "")
	f.open("/organizer?show=upcoming")
	var event string
	f.eval(`document.querySelector(".own-event a").pathname`, &event)
	f.page("settlement", event+"/settlement", "")
	f.page("seller", "/organizer/seller", "")
	f.details()
}

// details are the pages on which a buyer says whom the invoice is to name.
func (f *fitting) details() {
	f.t.Helper()
	held, err := demo.Hold(token(f.t, "organizer"), staged(f.t, longTitle, 50, nil), 2)
	f.must(err)
	_, err = demo.Call("PUT", "/bookings/"+held+"/invoice-details", token(f.t, "organizer"), map[string]any{
		"name": strings.Repeat("Donaudampfschifffahrt", 9), "street": strings.Repeat("Uferstraße", 20), "postal_code": "10115", "city": strings.Repeat("Neustadt", 12), "country": "DE", "vat_number": "DE136695976"})
	f.must(err)
	f.page("checkout-details", "/checkout/"+held, ".bill-to")
	f.page("details", "/orders/"+held+"/invoice-details", "")
	_, err = demo.Call("POST", "/payments", token(f.t, "organizer"), map[string]any{"booking_id": held, "method": "tok_ok"})
	f.must(err)
	f.open("/orders/" + held + "/invoices")
	f.reloadUntil("the invoice is issued", `document.querySelector("main .card") !== null`)
	f.page("details-issued", "/orders/"+held+"/invoice-details", "main .billing-as")
}

var leave = regexp.MustCompile(`https?://[^/]+(/unsubscribe\?token=\S+)`)

// announcements are the pages of an announcement: as a draft, once it is sent, and what
// the link to unsubscribe leads to.
func (f *fitting) announcements(at, event string) {
	f.t.Helper()
	all := "/events/" + event + "/announcements"
	draft, err := demo.Call("POST", all, token(f.t, "organizer"), map[string]any{
		"subject": "Einlass bereits um achtzehn Uhr wegen der Sicherheitskontrollen",
		"text":    "Wegen des Schnees öffnen wir früher.\n\nAnfahrt und Parkplätze: https://hall.example/anfahrt",
	})
	f.must(err)
	one := at + "/announcements/" + draft["id"].(string)
	f.page("announcements", at+"/announcements", "")
	f.page("announcement-draft", one, "")
	_, err = demo.Call("POST", all+"/"+draft["id"].(string)+"/send", token(f.t, "organizer"), map[string]any{"version": draft["version"]})
	f.must(err)
	path, err := demo.Mail("organizer@demo.example", leave)
	f.must(err)
	f.page("announcement-sent", one, "")
	f.page("unsubscribe", path, "")
	f.open(path)
	f.click("main form button[value=organizer]")
	f.wait("main [role=status]")
	f.page("unsubscribed", path, "")
	f.page("account-muted", "/account", "")
}
