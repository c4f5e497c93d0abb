package app

import (
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// An event of several days says so wherever it is shown, and its organizer sets
// that in the console.
func TestEndOnPages(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	form := newEventForm()
	form["when"], form["event_date"], form["end_date"], form["unverified_buyers"] = []string{"date"}, []string{"2099-07-26"}, []string{"2099-07-28"}, []string{"yes"}
	at := h.page(t, organizer, "POST", "/organizer/events/new", form, 303)
	id := strings.TrimPrefix(at, "/organizer/events/")
	e, err := h.Events.Event(t.Context(), caller.System, id)
	if err != nil || e.EndDate != "2099-07-28" || !e.UnverifiedBuyers {
		t.Fatalf("%+v %v", e, err)
	}
	page := "/e/" + id + "/night-of-the-violins"
	has(t, h.read(t, userapi.Fan{}, page), "Sunday 26 July 2099", "Tuesday 28 July 2099", `"endDate":"2099-07-28"`)
	has(t, h.read(t, userapi.Fan{}, page+"?lang=de"), "Sonntag, 26. Juli 2099", "Dienstag, 28. Juli 2099")
	has(t, h.read(t, userapi.Fan{}, "/e/"+id+"/calendar.ics"), "DTSTART;VALUE=DATE:20990726", "DTEND;VALUE=DATE:20990729")
	shown := h.page(t, organizer, "GET", at+"/edit", nil, 200)
	if !strings.Contains(shown, `value="2099-07-28"`) || !strings.Contains(shown, `value="yes" checked`) {
		t.Fatal(visible(shown))
	}
	h.must(t, organizer, "PUT", "/events/"+id, `{"event_time":"2099-07-26T20:00","end_time":"2099-07-26T22:30"}`, "id")
	has(t, h.read(t, userapi.Fan{}, page), "20:00", "22:30", `"endDate":"2099-07-26T22:30:00+02:00"`)
	has(t, h.read(t, userapi.Fan{}, "/e/"+id+"/calendar.ics"), "DTEND:20990726T203000Z")
	has(t, h.page(t, organizer, "GET", at, nil, 200), "Night of the Violins")
}
