package app

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// Whoever holds seats finds the way back to them, with the time that is left, in
// the header of every page; nobody else does, and not when they are given back.
func TestHeldSeatsInTheHeader(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=2")
	id := b.held(t)
	back := `<a class="held-bar" href="/checkout/` + id + `" data-held="bar" data-until="`
	pages := []string{"/", "/search", "/developers", "/sign-in", "/e/" + f.event + "/gala", "/nowhere", "/orders"}
	for _, page := range pages {
		if b.get(t, page); !strings.Contains(b.text, back) || !strings.Contains(b.text, "2 seats held for you") {
			t.Errorf("%s: no way back to the seats", page)
		}
	}
	if b.get(t, "/?lang=de"); !strings.Contains(b.text, "2 Plätze für Sie reserviert") {
		t.Error("no way back in German")
	}
	other := newBrowser(t, f.base)
	for _, page := range pages[:5] {
		if other.get(t, page); strings.Contains(other.text, "held-bar") {
			t.Errorf("%s: somebody else is led to the seats", page)
		}
	}
	b.get(t, "/checkout/"+id)
	b.post(t, "/checkout/"+id+"/release", "")
	if b.get(t, "/"); strings.Contains(b.text, "held-bar") {
		t.Error("seats that were given back are called held")
	}
}

// When a hold ends is said with its zone: the venue's, which a script replaces by
// the reader's own.
func TestHeldUntilNamesItsZone(t *testing.T) {
	f := newFair(t)
	for lang, zone := range map[string]string{"en": `CES?T`, "de": `Uhr \(MES?Z\)`} {
		b := newBrowser(t, f.base)
		b.get(t, "/?lang="+lang)
		b.post(t, f.hold(), "quantity=1")
		if !regexp.MustCompile(`<time datetime="[^"]*" data-own>\d\d:\d\d[ \x{a0}]` + zone + `</time>`).MatchString(b.text) {
			t.Errorf("%s: no time with its zone", lang)
		}
	}
}

// An order says what has changed since it was made, from what to what, and what
// its owner may do until when; it says nothing of what was before it.
func TestOrderTellsOfChanges(t *testing.T) {
	h := newHouse(t)
	ann, bob, organizer := h.visitor(t, "ann"), h.visitor(t, "bob"), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	buy := func(who userapi.Fan) string {
		id := h.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
		h.must(t, who, "POST", "/payments", `{"booking_id":"`+id+`","method":"tok_ok"}`, "id")
		return "/orders/" + id
	}
	before := buy(ann)
	hasNot(t, h.read(t, ann, before), "has changed")
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"2099-03-02T20:00:00Z"}`, "id")
	h.must(t, organizer, "PUT", "/events/"+event, `{"venue":{"name":"Other Hall","time_zone":"Europe/Berlin"}}`, "id")
	page := h.read(t, ann, before)
	has(t, page, "has changed since you booked", "Date: Sunday 1 March 2099, 21:00 CET → Monday 2 March 2099, 21:00 CET", "Venue: Hall → Other Hall", "You keep your seats.",
		"cancel them for a full refund until Monday 2 March 2099, 21:00 CET", `href="`+before+`/cancel"`)
	has(t, h.read(t, ann, before+"?lang=de"), "hat sich seit Ihrer Buchung geändert", "Termin: Sonntag, 1. März 2099, 21:00\u00a0Uhr (MEZ) → Montag, 2. März 2099, 21:00\u00a0Uhr (MEZ)")
	hasNot(t, h.read(t, bob, buy(bob)), "has changed")
	has(t, h.read(t, userapi.Fan{}, "/e/"+event+"/gala"), "you can see it here and in your booking")
	hasNot(t, h.read(t, userapi.Fan{}, "/e/"+event+"/gala"), "you are told")
}

// The order of a cancelled event says what happens to the money, with amounts:
// on its way, then sent back. Who has paid nothing is not promised any.
func TestOrderOfACancelledEvent(t *testing.T) {
	h := newHouse(t)
	ann, bob, organizer := h.visitor(t, "ann"), h.visitor(t, "bob"), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	paid := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":2}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+paid+`","method":"tok_ok"}`, "id")
	gift := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"user_id":"`+bob.UserID+`"}`, "id")
	if w := h.ask(t, organizer, "DELETE", "/events/"+event, ""); w.Code >= 300 {
		t.Fatal(w.Body)
	}
	body := h.read(t, ann, "/orders/"+paid)
	has(t, body, "This event has been cancelled.", "€100.00 goes back to you")
	hasNot(t, body, "/tickets", "there is nothing to refund")
	has(t, h.read(t, bob, "/orders/"+gift), "This event has been cancelled.", "there is nothing to refund")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Bookings.Run(ctx) })
	running.Go(func() { _ = h.Payments.Run(ctx) }) // it says that it was stopped
	defer running.Wait()
	defer stop()
	h.eventually(t, ann, "/orders/"+paid, "We refunded €100.00 on ")
	hasNot(t, h.read(t, ann, "/orders/"+paid), "is on its way")
	has(t, h.read(t, userapi.Fan{}, "/e/"+event+"/gala"), "Everyone who has paid gets the full amount back")
	has(t, h.read(t, userapi.Fan{}, "/e/"+event+"/gala?lang=de"), "bekommt den vollen Betrag")
}

// A paused sale says that it is paused; an event that was never on sale does not.
func TestPausedSaleSaysSo(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "published"), "id")
	page := "/e/" + event + "/gala"
	hasNot(t, h.read(t, userapi.Fan{}, page), "paused")
	for range 2 {
		h.must(t, organizer, "PUT", "/events/"+event, `{"status":"on_sale"}`, "id")
		hasNot(t, h.read(t, userapi.Fan{}, page), "paused")
		h.must(t, organizer, "PUT", "/events/"+event, `{"status":"published"}`, "id")
		has(t, h.read(t, userapi.Fan{}, page), "The sale is paused", "Sale paused")
		has(t, h.read(t, userapi.Fan{}, page+"?lang=de"), "Der Verkauf ist zurzeit unterbrochen")
		has(t, h.read(t, organizer, "/organizer/events/"+event), "Sale paused", "Open the sale now")
	}
}

// Seats that cost nothing are confirmed with one button: no page speaks of paying,
// and no gateway is asked.
func TestFreeSeatsAreConfirmed(t *testing.T) {
	f := newFair(t)
	free := f.must(t, f.account(t, caller.Organizer), "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price":5000`, `"price":0`, 1), "id")
	b := newBrowser(t, f.base)
	b.post(t, "/e/"+free+"/hold", "quantity=2")
	f.guestOf(t, b, "Gus", "gus@example.org", "Nothing to pay")
	id := b.held(t)
	if b.get(t, "/checkout/"+id); !strings.Contains(b.text, ">Confirm</button>") || strings.Contains(b.text, "Pay €") || strings.Contains(b.text, `href="/pay/`) {
		t.Errorf("the checkout of free seats: %s", b.text)
	}
	b.get(t, "/checkout/"+id+"?lang=de").at(t, 200, "", "Kostenlos buchen")
	b.get(t, "/checkout/"+id+"?lang=en")
	b.get(t, "/pay/"+id).at(t, 200, "/checkout/"+id, "Nothing to pay")
	b.submit(t, "/pay/"+id, "").at(t, 200, "/orders/"+id, "/orders/"+id+"/tickets")
	if strings.Contains(b.text, "€0.00</dd>") || strings.Contains(b.text, "Paid") {
		t.Error("the order of free seats speaks of paying")
	}
}

// The purchase to paste into a shell reads its mail from the server, so only a
// demo shows it.
func TestPurchaseNeedsADemo(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.get(t, "/developers").at(t, 200, "/developers", "For developers")
	if strings.Contains(b.text, `id="purchase"`) {
		t.Error("a server without /dev/mail shows a script that waits for mail there")
	}
}
