package browser

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"boxoffice/test/browser/stage"
)

// evening is an event at whose door two guests came in, one of them twice, scanned by a
// phone that had no network. Names are as long as they are given.
func evening(t *testing.T, event, entrance, phone string) (booking string) {
	t.Helper()
	hall := token(t, "organizer")
	call := func(method, path, token string, body map[string]any) map[string]any {
		t.Helper()
		out, err := demo.Call(method, path, token, body)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	booking, err := demo.Buy(token(t, "buyer"), event, 2)
	if err != nil {
		t.Fatal(err)
	}
	door := "/events/" + event + "/door"
	call("PUT", door, hall, map[string]any{"entrances": []map[string]any{{"id": "main", "name": entrance}, {"id": "side", "name": "Side door"}}, "reentry": "after-exit", "alone": "admit", "names": true})
	code := call("POST", door+"/pairings", hall, map[string]any{"name": phone, "entrance": "main", "names": true})["code"].(string)
	device := call("POST", "/door/pair", "", map[string]any{"code": code})["token"].(string)
	var scans []map[string]any
	for _, one := range call("GET", "/door/guests?q="+booking, device, nil)["items"].([]any) {
		scans = append(scans, map[string]any{"counter": len(scans) + 1, "at": time.Now().UnixMilli(), "n": len(scans), "kind": "in", "booking_id": booking, "ordinal": one.(map[string]any)["ordinal"],
			"entrance": "main", "how": "search", "decided": "admitted", "reason": "ok"})
	}
	again := map[string]any{}
	for name, value := range scans[0] {
		again[name] = value
	}
	again["counter"], again["n"] = len(scans)+1, len(scans)
	call("POST", "/door/scans", device, map[string]any{"scans": append(scans, again)})
	return booking
}

// The organizer's pages of the door, with what is typed into them.
func TestPagesOfTheDoor(t *testing.T) {
	for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := staged(t, "To be let in", 60, nil)
			at := "/organizer/events/" + event + "/door"
			o := onTour(t, "organizer", screen)
			o.see(at+"?lang=en", at+"/settings", at+"/devices", at+"/guests")
			o.open(at + "/settings")
			o.click("button[value=add]")
			o.until("there is another entrance", `document.querySelectorAll("[name$='].name']").length === 2`)
			o.click(".tier:last-of-type details:last-of-type > summary")
			o.wait("[name='entrances[1].opens_at']")
			o.click("button[value=save]:not([hidden])")
			o.wait("main [role=alert]")
			o.here()
			o.open(at)
			booking := evening(t, event, "Main entrance", "Left door")
			o.until("who comes in is counted without a reload", `document.querySelector("#figures .big").textContent.trim() === "2"`)
			o.says("#figures", "Admitted twice")
			o.here()
			o.open(at + "/devices")
			o.fill("#f-name", "Right door")
			o.click("#pair form button")
			o.wait(".pairing .qr svg")
			o.here()
			o.click(".pairing a.button")
			o.wait("#pair")
			o.here()
			o.click("main table a")
			o.at("^" + at + "/devices/")
			o.here()
			o.see(at + "/guests?q=" + booking)
			o.click("#found a")
			o.at("^" + at + "/guests/" + booking)
			o.here()
			o.click("main input[value=out]")
			o.fill("#f-reason", "Left by the fire exit")
			o.click("#correct button")
			o.says("main", "Corrected. All devices are told.")
			o.says("#history", "Left by the fire exit")
			o.here()
			o.see(at+"?lang=de", at+"/settings", at+"/devices", at+"/guests/"+booking, at+"/log")
		})
	}
}

// The same with names as long as they may be.
func TestPagesOfTheDoorFit(t *testing.T) {
	t.Parallel()
	f := fit(t, "organizer")
	event := long(t)
	at := "/organizer/events/" + event + "/door"
	name := strings.Repeat("Straßenbahnbetriebshofseite", 3)[:80]
	booking := evening(t, event, name, name)
	list := name[:40]
	(&doorway{t: t, event: event}).organizer("POST", "/lists", map[string]any{"booking_id": booking, "list": list})
	f.page("door", at, "")
	f.page("door-log", at+"/log", "")
	f.page("door-list", at+"/guests?list="+url.QueryEscape(list), "#found table")
	f.page("door-order", "/organizer/events/"+event+"/orders/"+booking, "#list")
	f.page("door-settings", at+"/settings", "")
	f.page("door-devices", at+"/devices", "")
	f.page("door-guests", at+"/guests?q="+booking, "#found table")
	f.page("door-guest", at+"/guests/"+booking, "#history")
	f.open(at + "/devices")
	var device string
	f.eval(`document.querySelector("main table a").pathname`, &device)
	f.page("door-device", device, "")
	for _, lang := range []string{"en", "de"} {
		f.open(at + "/devices?lang=" + lang)
		f.fill("#f-name", name)
		f.click("#pair form button")
		f.wait(".pairing")
		f.widths("door-pair-"+lang, "door-pair ("+lang+")")
	}
}
