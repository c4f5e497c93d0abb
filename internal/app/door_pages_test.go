package app

import (
	"net/url"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// An organizer sets up the door, pairs a device, lets a guest in by hand, and reads of it
// on the pages, in the list, and in the evidence for a dispute.
func TestOrganizerMindsTheDoor(t *testing.T) {
	h := newHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.account(t, caller.Customer)
	at := h.page(t, organizer, "POST", "/organizer/events/new", newEventForm(), 303)
	eventID := strings.TrimPrefix(at, "/organizer/events/")
	wants(t, h.page(t, organizer, "GET", at+"/door", nil, 200), "Before the evening", "Inside 0 of 0 tickets")
	h.turn(t, organizer, at, "open-now")
	sold := h.buy(t, ann, bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: 2, Tier: "Good"}})

	settings := url.Values{"version": {"0"}, "entrances[0].id": {"main"}, "entrances[0].name": {"Portal"}, "entrances[1].id": {""}, "entrances[1].name": {"Stage door"}, "entrances[1].sections": {"XX"},
		"reentry": {"after-exit"}, "alone": {"admit"}, "opens_at": {"2099-07-01T18:00"}, "closes_at": {"2099-07-01T17:00"}}
	wants(t, h.page(t, organizer, "POST", at+"/door/settings", settings, 422), "Sections : The plan has no section XX.", "Doors close : This must be later")
	settings.Del("entrances[1].sections")
	settings.Set("closes_at", "")
	settings.Set("entrances[1].closes_at", "2099-07-01T17:00")
	wants(t, h.page(t, organizer, "POST", at+"/door/settings", settings, 422), "Doors close, at an entrance : This must be later")
	settings.Set("entrances[1].closes_at", "2099-07-01T23:00")
	settings.Set("entrances[1].reentry", "always")
	h.page(t, organizer, "POST", at+"/door/settings", settings, 303)
	wants(t, h.page(t, organizer, "POST", at+"/door/settings", settings, 412), "Somebody else has changed these settings")
	wants(t, h.page(t, organizer, "POST", at+"/door/devices", url.Values{"name": {""}}, 422), "Please fill this in.")
	wants(t, h.page(t, organizer, "POST", at+"/door/devices", url.Values{"name": {"Left door"}, "entrance": {"stage-door"}}, 200), "Pair a device: Left door", "It pairs one device.")

	found := h.page(t, organizer, "GET", at+"/door/guests?q="+url.QueryEscape(sold.ID), nil, 200)
	guest := at + "/door/guests/" + sold.ID
	if strings.Count(found, guest+"?seat=") != 2 {
		t.Fatalf("the guest is not found: %s", visible(found))
	}
	_, label, _ := strings.Cut(found, guest+"?seat=")
	label, _, _ = strings.Cut(label, `"`)
	fix := url.Values{"seat": {label}, "kind": {"in"}, "reason": {"The code was torn."}}
	h.page(t, organizer, "POST", guest, fix, 303)
	wants(t, h.page(t, organizer, "POST", guest, fix, 409), "Somebody is inside with this ticket already.")
	wants(t, h.page(t, organizer, "POST", guest, url.Values{"seat": {label}, "kind": {"out"}}, 422), "Please fill this in.")
	wants(t, h.page(t, organizer, "GET", guest, nil, 200), "inside", "not here yet", "Corrected by hand", "The code was torn.")
	h.eventually(t, organizer, at+"/door", "Inside 1 of 2 tickets") // it may be a second old
	wants(t, h.page(t, organizer, "GET", at+"/door", nil, 200), "Portal 0 0", "Stage door 0 0", "by hand 1 1")
	wants(t, h.page(t, organizer, "POST", at+"/orders/"+sold.ID+"/list", url.Values{"list": {strings.Repeat("x", 41)}}, 422), "at most 40")
	h.page(t, organizer, "POST", at+"/orders/"+sold.ID+"/list", url.Values{"list": {"Presse"}}, 303)
	given := h.page(t, organizer, "POST", at+"/seats", url.Values{"kind": {"complimentary"}, "quantity": {"1"}, "nonce": {"n"}, "name": {"Ada Byron"}, "list": {"PRESSE"}}, 303)
	wants(t, h.page(t, organizer, "GET", given[:strings.Index(given, "#")], nil, 200), "Ada Byron")
	wants(t, h.page(t, organizer, "GET", at+"/door/guests?list=Presse", nil, 200), "Presse: 1 of", "Ada Byron", "not here yet")
	wants(t, h.page(t, organizer, "GET", at+"/orders/"+sold.ID, nil, 200), "Guest list Presse")
	wants(t, h.page(t, organizer, "GET", at+"/door/log", nil, 200), "Corrected by hand", "The code was torn.", "Settings changed", "Pairing code made : Left door Stage door", "Guest list")
	wants(t, h.ask(t, organizer, "GET", at+"/door/attendance.csv", "").Body.String(), label, ",yes,", ",Presse")
	files := unpacked(t, h.ask(t, organizer, "GET", at+"/orders/"+sold.ID+"/evidence.zip", "").Body.Bytes())
	wants(t, files["scans.csv"], label+",in,admitted,ok,yes,", "correction,no,The code was torn.")
	wants(t, files["summary.txt"], "with the ticket for "+label)
}
