package browser

import (
	"os"
	"regexp"
	"testing"

	"boxoffice/test/browser/stage"
)

// axe is axe-core, which scripts/setup.sh installs.
func axe(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: scripts/setup.sh installs it", err)
	}
	return string(raw)
}

// sound checks the page that a reader is at, in both themes: axe-core finds
// nothing, and nothing sticks out of a narrow screen.
func sound(r *reading, source string, screen stage.Screen) {
	r.t.Helper()
	for _, dark := range []bool{false, true} {
		screen.Dark = dark
		r.must(r.tab.Look(screen))
		list, err := r.tab.Axe(source)
		r.must(err)
		for _, v := range list {
			r.t.Errorf("%s (dark: %v): %s", r.tab.Path(), dark, v)
		}
	}
	r.must(r.tab.Look(stage.Screen{Width: 320, Height: 700, Phone: true}))
	wide := 0
	r.eval(`document.documentElement.scrollWidth`, &wide)
	if wide > 320 {
		r.t.Errorf("%s is %d wide on a screen of 320", r.tab.Path(), wide)
	}
	screen.Dark = false
	r.must(r.tab.Look(screen))
}

// tour checks pages one after the other in one tab.
type tour struct {
	*reading
	axe    string
	screen stage.Screen
}

// onTour begins a tour of somebody, or of a reader who is not signed in ("").
func onTour(t *testing.T, who string, screen stage.Screen) *tour {
	t.Helper()
	r := reader(t, screen, true)
	if who != "" {
		r.signIn(who)
	}
	return &tour{r, axe(t), screen}
}

// here checks the page that is shown.
func (o *tour) here() { o.t.Helper(); sound(o.reading, o.axe, o.screen) }

// see opens and checks pages.
func (o *tour) see(paths ...string) {
	o.t.Helper()
	for _, path := range paths {
		o.open(path)
		o.here()
	}
}

// Pages that everybody can see, on a desktop and on a phone.
func TestPages(t *testing.T) {
	for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onTour(t, "", screen).see("/", "/search?q=music", "/search?q=nothingofthekind", "/developers", "/offline", "/nowhere",
				"/sign-in", "/sign-up", "/forgot", "/forgot?sent=1", "/verify?token=x", "/reset?token=x", "/?lang=de", "/sign-up", "/nowhere")
		})
	}
}

// The page of an event in each state; its map and the list of its seats.
func TestPagesOfEvents(t *testing.T) {
	t.Parallel()
	draft := staged(t, "Not to be seen yet", 60, map[string]any{"status": "draft"})
	announced := staged(t, "Announced only", 60, map[string]any{"status": "published"})
	o := onTour(t, "organizer", stage.Desktop)
	for _, word := range []string{"night shift", "paper satellites", "quiet evening"} { // on sale, soon, sold out
		id, err := demo.Event(word)
		if err != nil {
			t.Fatal(err)
		}
		o.toMap(id)
		o.here()
	}
	o.see("/e/"+announced, "/e/"+draft)
	past, err := demo.Call("GET", "/events?status=past", token(t, "organizer"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range past["items"].([]any) {
		o.see("/e/" + e.(map[string]any)["id"].(string))
	}
	if _, err := demo.Call("DELETE", "/events/"+announced, token(t, "organizer"), nil); err != nil {
		t.Fatal(err)
	}
	o.see("/e/" + announced)
	lists := onTour(t, "", stage.Phone)
	on := staged(t, "With a list of seats", 60, nil)
	lists.toMap(on)
	lists.toList()
	lists.choose(lists.free(2)...)
	lists.here()
	club, err := demo.Event("night shift")
	if err != nil {
		t.Fatal(err)
	}
	lists.toMap(club)
	lists.click("#seatlist summary")
	lists.click(`#seatlist a[data-section]`)
	lists.wait("#seatlist #places, #seatlist input[name=seats]")
	lists.here() // standing places
	lists.open("/?lang=de")
	lists.toMap(on)
	lists.here()
}

// The checkout in each state, from a visitor's to the end.
func TestPagesOfBuying(t *testing.T) {
	t.Parallel()
	event := staged(t, "To be bought", 120, nil)
	o := onTour(t, "", stage.Phone)
	o.best(event)
	o.here()
	checkout := o.tab.Path()
	o.see(checkout+"?as=sign-in", checkout+"?as=sign-up")
	o.open(checkout)
	o.fill("main input[name=name]", "Greta Guest")
	o.fill("main input[name=email]", "nonsense")
	o.eval(`document.querySelector("main form[action$='/guest']").noValidate = true`, nil)
	o.click(`form[action$="/guest"] button`)
	o.wait("main [aria-invalid=true]")
	o.here()
	o.fill("main input[name=email]", address(t))
	o.click(`form[action$="/guest"] button`)
	o.wait("main input[name=code]")
	o.here()
	o.fill("main input[name=code]", mailed(t, address(t)))
	o.click(`form[action$="/code"] button`)
	o.wait(`a[href^="/pay/"]`)
	o.here()
	o.click(`a[href^="/pay/"]`)
	o.at("^/pay/")
	o.here()
	o.click("button.tok_decline")
	o.at("^/checkout/")
	o.here()
	o.eval(`document.querySelector("main").replaceChildren(document.querySelector("template#over").content.cloneNode(true))`, nil) // as when time is over
	o.here()
	o.open(checkout)
	o.pay("tok_ok")
	o.at("^/orders/")
	o.here()
	o.best(event)
	o.click(`form[action$="/release"] button.full`)
	o.wait(".calm")
	o.here()
	taken := staged(t, "Gone before", 60, nil)
	old := reader(t, stage.Phone, false)
	old.open("/e/" + taken)
	old.toList()
	seats := old.free(1)
	old.choose(seats...)
	if _, err := demo.Call("POST", "/bookings", token(t, "organizer"), map[string]any{"event_id": taken, "seats": seats}); err != nil {
		t.Fatal(err)
	}
	o.open("/e/" + taken)
	o.eval(`(f => { f.insertAdjacentHTML("beforeend", "<input type=hidden name=seats value='`+seats[0]+`'>"); f.submit() })(document.querySelector("#hold"))`, nil)
	o.wait("[data-missed]")
	o.here()
}

// The page that waits for a slow payment, which goes on once nothing holds it up.
func TestPageThatWaits(t *testing.T) {
	t.Parallel()
	event := staged(t, "Waited for", 60, nil)
	o := onTour(t, "buyer", stage.Phone)
	var err error
	for range 5 { // it may go on before it has been looked at
		var id string
		if id, err = demo.Hold(token(t, "buyer"), event, 1); err != nil {
			t.Fatal(err)
		}
		o.open("/checkout/" + id)
		o.pay("tok_slow")
		o.wait("[data-wait]")
		var list []stage.Violation
		if list, err = o.tab.Axe(o.axe); err == nil {
			for _, v := range list {
				t.Errorf("the page that waits: %s", v)
			}
			return
		}
	}
	t.Fatal(err)
}

var link = regexp.MustCompile(`https?://[^/]+(/verify\?token=\S+)`)

// An account of one's own, from the beginning to the end: its pages and the ones
// that mailed links lead to.
func TestPagesOfAnAccount(t *testing.T) {
	t.Parallel()
	o := onTour(t, "", stage.Phone)
	o.open("/sign-up")
	o.fill("main input[name=name]", "Nora New")
	o.fill("main input[name=email]", address(t))
	o.fill("main input[name=password]", "a long and quiet river")
	o.click("main form button")
	o.at("^/orders$") // empty
	o.here()
	o.see("/account", "/account/two-factor", "/account/delete", "/organizer")
	verify, err := demo.Mail(address(t), link)
	if err != nil {
		t.Fatal(err)
	}
	o.open(verify)
	o.click("main form button")
	o.wait("main [role=status]")
	o.here()
}

// The organizer's pages.
func TestPagesOfOrganizers(t *testing.T) {
	for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := staged(t, "To be looked after", 120, nil)
			if _, err := demo.Buy(token(t, "buyer"), event, 2); err != nil {
				t.Fatal(err)
			}
			at := "/organizer/events/" + event
			draft, err := demo.Call("POST", "/events/"+event+"/announcements", token(t, "organizer"), map[string]any{"subject": "Snow", "text": "Come early."})
			if err != nil {
				t.Fatal(err)
			}
			o := onTour(t, "organizer", screen)
			o.see("/organizer", "/organizer?show=draft", "/organizer/events/new", at, at+"/edit", at+"/sale?to=pause", at+"/cancel", at+"/announcements", at+"/announcements/"+draft["id"].(string), at+"?lang=de")
			o.open(at + "?lang=en&booking=buyer@demo.example")
			o.click("#found .ref a")
			o.at("^" + at + "/orders/")
			order := o.tab.Path()
			o.says("main", "Messages about this booking")
			o.see(order, order+"?lang=de")
			o.open(order + "?lang=en")
			o.click("main form button")
			o.says("main", "The tickets are on their way.")
			o.here()
		})
	}
}
