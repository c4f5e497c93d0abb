package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/test/browser/stage"
)

// An organizer makes an event by the form, publishes it and opens its sale. A fan
// buys, which the organizer's page shows by itself; the event is cancelled, and
// the fan's order says that the money comes back.
func TestOrganizerSells(t *testing.T) {
	t.Parallel()
	const title = "Sold by its organizer"
	r := signedIn(t, "organizer", stage.Desktop)
	r.open("/organizer")
	r.click(`a[href="/organizer/events/new"]`)
	r.fill("#f-title", title)
	r.set("#f-venue", "new")
	r.fill(`[name="venue.name"]`, "Corner Stage")
	r.fill(`[name="venue.city"]`, "Graz")
	r.fill(`[name="venue.time_zone"]`, "Europe/Vienna")
	r.set("#f-event_time", time.Now().AddDate(0, 1, 0).Format("2006-01-02")+"T20:00")
	r.fill(`[name="plan.seats"]`, "60")
	r.click("button[name=do][value=plan]")
	r.until("the plan is read", `document.readyState === "complete" && document.querySelector("#seats .quiet-text")?.innerText.includes("60")`)
	r.eval(`document.querySelectorAll("[data-price]").forEach((e, i) => { e.value = "4" + i + ".50"; e.dispatchEvent(new Event("input", { bubbles: true })) })`, nil)
	r.click("button[name=do][value=publish]")
	r.at(`^/organizer/events/(?!new)[^/]+$`)
	live := r.tab.Path()
	event := strings.TrimPrefix(live, "/organizer/events/")
	r.click(`main a[href*="/sale?to="]`)
	r.at("/sale$")
	r.click("main form button")
	r.at("^" + live + "$")
	r.wait("#figures .tile")

	fan := signedIn(t, "buyer", stage.Phone)
	fan.best(event)
	fan.pay("tok_ok")
	fan.at("^/orders/")
	order := fan.tab.Path()
	fan.says("main", title)

	r.until("the sale is seen", `document.querySelector("#figures .tile:nth-child(2) .big").innerText === "2"`)
	r.says("#figures", "Ben Buyer")
	r.click(`a[href$="/cancel"]`)
	r.wait("#title")
	r.fill("#title", title)
	r.click("button.danger")
	r.at("^" + live + "$")

	fan.open(order)
	fan.reloadUntil("the money comes back", `document.querySelector("main").innerText.includes("Refunded")`)
	if text := fan.text("main"); !strings.Contains(text, "Cancelled, refunded") {
		t.Errorf("the order says %s", text)
	}
}

// set gives a field a value that cannot be typed: a date, an option.
func (r *reading) set(selector, value string) {
	r.t.Helper()
	r.eval(fmt.Sprintf(`(e => { if (!e) return; e.value = %q; for (const n of ["input", "change"]) e.dispatchEvent(new Event(n, { bubbles: true })) })(document.querySelector(%q))`, value, selector), nil)
}

// An organizer adds a webhook, sends a test message to it, sees that nobody takes it, and
// deletes the webhook.
func TestOrganizerHasWebhooks(t *testing.T) {
	for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := onTour(t, "organizer", screen)
			o.open("/organizer")
			o.click(`a[href="/organizer/webhooks"]`)
			o.wait("#url")
			o.here()
			o.fill("#url", "ftp://x")
			o.click("main form button")
			o.wait("#url-fault")
			o.here()
			o.fill("#url", "http://127.0.0.1:1/a/rather/long/path/for/the/messages/of/"+name)
			o.fill("#description", "Our mailing list")
			o.click(`input[value="booking.booked"]`)
			o.click("main form button")
			o.at("^/organizer/webhooks/[^/]+$")
			hook := o.tab.Path()
			o.here()
			o.click("main button[value=test]")
			o.at("^" + hook + "/msg_test_")
			o.reloadUntil("it was tried", `document.querySelector("main").innerText.includes("No connection")`)
			o.here()
			o.open(hook)
			o.says("#log", "webhook.test")
			o.see(hook, hook+"?lang=de", "/organizer/webhooks")
			o.open(hook)
			o.open(hook + "?lang=en")
			o.click("details:has(button[value=delete]) summary")
			o.click("button[value=delete]")
			o.at("^/organizer/webhooks$")
		})
	}
}
