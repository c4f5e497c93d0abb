package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"html"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
	"boxoffice/internal/seating"
)

// tonight is when the tests of the door take place; its event begins half an hour later.
var tonight = time.Date(2027, 3, 1, 18, 30, 0, 0, time.UTC)

// doorman is a check-in service of one event that does as it is told.
type doorman struct {
	rules   checkinapi.Settings
	devices []checkinapi.Device
	a       checkinapi.Attendance
	visits  []checkinapi.Visit
	history []checkinapi.Entry
	lists   map[string]string
	log     []checkinapi.LogEntry

	version int64 // that was asked for
	asked   checkinapi.PairingRequest
	fixed   checkinapi.Correction
	err     error // of what is asked next
}

func (d *doorman) Settings(context.Context, caller.Caller, string) (checkinapi.Settings, error) {
	return d.rules, nil
}

func (d *doorman) SetSettings(_ context.Context, _ caller.Caller, version int64, s checkinapi.Settings) (checkinapi.Settings, error) {
	if d.version = version; d.err == nil {
		d.rules = s
	}
	return s, d.err
}

func (d *doorman) Pair(_ context.Context, _ caller.Caller, r checkinapi.PairingRequest) (checkinapi.Pairing, error) {
	d.asked = r
	return checkinapi.Pairing{Code: "abcdefghjkmn", URL: "http://hall.example/gate#pair=abcdefghjkmn", ExpiresAt: tonight.Add(15 * time.Minute).UnixMicro()}, d.err
}

func (d *doorman) Devices(context.Context, caller.Caller, string) ([]checkinapi.Device, error) {
	return d.devices, nil
}

func (d *doorman) Revoke(_ context.Context, _ caller.Caller, _, deviceID string) (checkinapi.Device, error) {
	for i := range d.devices {
		if d.devices[i].ID == deviceID {
			d.devices[i].RevokedAt = tonight.UnixMicro()
			return d.devices[i], nil
		}
	}
	return checkinapi.Device{}, errs.Missing("device")
}

func (d *doorman) Attendance(context.Context, caller.Caller, string) (checkinapi.Attendance, error) {
	return d.a, nil
}

func (d *doorman) Guests(_ context.Context, _ caller.Caller, _, q string, limit int) ([]checkinapi.Visit, error) {
	if len(q) < 2 {
		return nil, errs.Fields([]errs.Field{errs.Why("too-short", "must have at least %d characters", 2).In("q")})
	}
	var found []checkinapi.Visit
	for _, one := range d.visits {
		if len(found) < limit && (one.BookingID == q || strings.Contains(one.Name, q)) {
			found = append(found, one)
		}
	}
	return found, nil
}

func (d *doorman) Visited(context.Context, caller.Caller, string) (iter.Seq[checkinapi.Visit], error) {
	return slices.Values(d.visits), nil
}

func (d *doorman) Correct(_ context.Context, _ caller.Caller, k checkinapi.Correction) (checkinapi.Answer, error) {
	d.fixed = k
	return checkinapi.Answer{}, d.err
}

func (d *doorman) History(context.Context, caller.Caller, string) ([]checkinapi.Entry, error) {
	return d.history, nil
}

func (d *doorman) SetList(_ context.Context, _ caller.Caller, bookingID, list string) (string, error) {
	if d.err == nil {
		d.lists = map[string]string{bookingID: list}
	}
	return list, d.err
}

func (d *doorman) ListsOf(context.Context, caller.Caller, string, []string) (map[string]string, error) {
	return d.lists, nil
}

func (d *doorman) OnList(_ context.Context, _ caller.Caller, _, list string) (found []checkinapi.Visit, _ error) {
	for _, one := range d.visits {
		if one.List == list {
			found = append(found, one)
		}
	}
	return found, nil
}

func (d *doorman) Log(context.Context, caller.Caller, string, int) ([]checkinapi.LogEntry, error) {
	return d.log, nil
}

// hallOf are the other services of that event.
type hallOf struct {
	Events
	event  eventapi.Event
	plan   *seating.Plan
	booked bookingapi.Booking
}

func (h *hallOf) OwnEvent(context.Context, caller.Caller, string) (eventapi.Event, error) {
	return h.event, nil
}

func (h *hallOf) ChosenPlan(context.Context, eventapi.PlanChoice) (*seating.Plan, error) {
	return h.plan, nil
}

func (h *hallOf) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	out := map[string]caller.Person{}
	for _, one := range ids {
		out[one] = caller.Person{Name: "Zoë of " + one}
	}
	return out, nil
}

func (h *hallOf) ByEmail(context.Context, string) ([]string, error) { return nil, nil }

type bookingsOf struct {
	h *hallOf
}

func (bookingsOf) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) {
	return nil, nil
}

func (bookingsOf) Latest(context.Context, string, int) ([]bookingapi.Booking, error) { return nil, nil }

func (bookingsOf) ByReference(context.Context, string, string) ([]bookingapi.Booking, error) {
	return nil, nil
}

func (b bookingsOf) Bookings(context.Context, []string) (map[string]bookingapi.Booking, error) {
	return map[string]bookingapi.Booking{b.h.booked.ID: b.h.booked}, nil
}

// otherOrders has another name than the method.
type otherOrders = Orders

type ordersOf struct{ otherOrders } // of which one is called

func (ordersOf) Orders(_ context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error) {
	out := make([]bookingapi.Order, len(list))
	for i := range list {
		out[i] = bookingapi.Order{Booking: list[i], Reference: id.Reference(list[i].ID), Kind: bookingapi.Sold}
		for _, n := range list[i].Seats {
			out[i].Places = append(out[i].Places, bookingapi.Place{Seat: n, Section: "Stalls", Row: "A", Number: "1", Label: "S-A-1"})
		}
	}
	return out, nil
}

// console is one without services: its templates are read once for all tests.
var console = sync.OnceValues(func() (*Console, error) {
	log := slog.New(slog.DiscardHandler)
	site, err := page.New(page.Config{PublicURL: "http://hall.example", Now: func() time.Time { return tonight }, Log: log})
	if err != nil {
		return nil, err
	}
	return New(site, Services{}, log)
})

// office is the console of that event's organizer, without a program around it.
type office struct {
	t    *testing.T
	mux  *http.ServeMux
	door *doorman
	hall *hallOf
	at   string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	empty, err := console()
	if err != nil {
		t.Fatal(err)
	}
	eventID := id.New(tonight)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h := &hallOf{
		event: eventapi.Event{ID: eventID, Title: "Gala", Zone: zone.String(), Starts: tonight.Add(30 * time.Minute).In(zone), Venue: eventapi.Venue{Name: "Old Hall"}},
		plan:  &seating.Plan{Sections: []seating.Section{{ID: "S", Name: "Stalls"}, {ID: "B", Name: "Balcony"}}},
	}
	h.booked = bookingapi.Booking{ID: id.Booking(eventID, "ann", "1"), Status: bookingapi.Booked, UserID: "ann", Seats: []int32{0}}
	d := &doorman{rules: checkinapi.Defaults(eventID)}
	c := *empty
	c.Services = Services{Events: h, Bookings: bookingsOf{h: h}, Orders: ordersOf{}, People: h, Door: d}
	o := &office{t: t, mux: http.NewServeMux(), door: d, hall: h, at: "/organizer/events/" + eventID + "/door"}
	for _, r := range c.Routes() {
		show := c.site.Page(r.Page)
		o.mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, r *http.Request) {
			if err := show(w, r); err != nil {
				w.WriteHeader(map[errs.Kind]int{errs.NotFound: 404}[errs.KindOf(err)])
			}
		})
	}
	return o
}

// ask asks for a page below the door's, with a form if there is one, and fails unless the
// answer has a status.
func (o *office) ask(path string, form url.Values, status int, lang ...string) string {
	o.t.Helper()
	method := "GET"
	if form != nil {
		method = "POST"
	}
	r := httptest.NewRequest(method, o.at+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(lang) > 0 {
		r.Header.Set("Accept-Language", lang[0])
	}
	w := httptest.NewRecorder()
	o.mux.ServeHTTP(w, r.WithContext(caller.With(r.Context(), caller.Caller{UserID: "mia", Role: caller.Organizer})))
	if w.Code != status {
		o.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, seen(w.Body.String()))
	}
	if status == 303 {
		return w.Header().Get("Location")
	}
	return w.Body.String()
}

var (
	anyTag   = regexp.MustCompile(`(?s)<[^>]*>`)
	anySpace = regexp.MustCompile(`[\s\x{a0}]+`)
)

// seen is the text of a page.
func seen(page string) string {
	return anySpace.ReplaceAllString(html.UnescapeString(anyTag.ReplaceAllString(page, " ")), " ")
}

func says(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if text := seen(page); !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
}

// The page of the door counts who is inside, names those who came in twice and the devices
// that are offline, and says what devices do without a network.
func TestDoor(t *testing.T) {
	o := newOffice(t)
	says(t, o.ask("", nil, 200), "Before the evening", "Nobody has come in yet.", "a device admits a ticket that is genuine")
	ms := func(before time.Duration) int64 { return tonight.Add(-before).UnixMilli() }
	o.door.rules = checkinapi.Settings{Version: 3, Alone: checkinapi.AloneRefuse, Entrances: []checkinapi.Entrance{{ID: "a", Name: "North <b>", Sections: []string{"S"}}}}
	o.door.devices = []checkinapi.Device{
		{ID: "d1", Name: "Left", Entrance: "a", SeenAt: tonight.Add(-12 * time.Minute).UnixMicro(), ValidUntil: tonight.Add(time.Hour).UnixMicro(), Scans: 3},
		{ID: "d2", Name: "Right", SeenAt: tonight.Add(-4 * time.Minute).UnixMicro(), ValidUntil: tonight.Add(time.Hour).UnixMicro(), Scans: 9},
		{ID: "d3", Name: "Drawer", SeenAt: tonight.Add(-4 * time.Hour).UnixMicro(), ValidUntil: tonight.Add(time.Hour).UnixMicro()},
	}
	o.door.a = checkinapi.Attendance{
		Tickets: 1000, Inside: 410, Entered: 432, Refused: 7, Alone: 2,
		Entrances: []checkinapi.Count{{ID: "a", Inside: 400, Entered: 420}, {ID: "", Inside: 10, Entered: 12}},
		Sections:  []checkinapi.Count{{ID: "S", Name: "Stalls", Inside: 410, Entered: 432, Tickets: 1000}},
		Pace:      []checkinapi.Interval{{At: tonight.Add(-30 * time.Minute).UnixMicro(), In: 300}, {At: tonight.Add(-5 * time.Minute).UnixMicro(), In: 132, Out: 22}},
		Doubles: []checkinapi.Visit{{BookingID: o.hall.booked.ID, Reference: "AAAA-BBBB", Name: "Ann", Spot: checkinapi.Spot{Label: "S-A-1", Section: "Stalls", Row: "A", Number: "1"},
			In: ms(20 * time.Minute), Entrance: "a", Double: &checkinapi.Earlier{At: ms(10 * time.Minute), Entrance: "old", Alone: true}}},
	}
	for _, path := range []string{"", "/figures"} {
		got := o.ask(path, nil, 200)
		says(t, got, "Inside 410 of 1,000 tickets", "Came in 432 22 have left again 2 without a network", "Still to come 568", "Refused scans 7", "peak: 300 in 5 minutes; below the line: went out",
			"North <b> 400 420", "by hand 10 12", "Stalls 410 432 1,000", "No entrance admits guests of this section: Balcony", "One device has no connection", "Left , North <b>: no contact since 19:18",
			"3 devices may scan now", "AAAA-BBBB Ann Stalls, row A, seat 1 19:10 , North <b> 19:20 , old no network")
		if whole := strings.Contains(got, "<html"); whole != (path == "") || strings.Contains(got, "style=") || strings.Contains(seen(got), "Before the evening") {
			t.Errorf("%q is a whole page: %t", path, whole)
		}
	}
	says(t, o.ask("", nil, 200), "a device refuses everybody and says why")
	for opens, closes := range map[time.Duration]time.Duration{-time.Hour: -time.Minute, time.Minute: time.Hour, -2 * time.Hour: 0} {
		begins := o.hall.event.Starts
		o.door.rules.OpensAt, o.door.rules.ClosesAt = begins.Add(opens).UnixMicro(), begins.Add(closes).UnixMicro()
		if got := strings.Contains(o.ask("", nil, 200), "the doors close before the event begins"); got != (closes != 0) {
			t.Errorf("doors from %s to %s: %t", opens, closes, got)
		}
	}
	o.door.rules.OpensAt, o.door.rules.ClosesAt = 0, 0
	says(t, o.ask("", nil, 200, "de"), "Drin 410 von 1.000 Tickets", "Doppelt eingelassen", "weist ein Gerät alle ab", "keine Verbindung seit 19:18")
}

// The chart has all who came and went, on one scale, and fits.
func TestFlow(t *testing.T) {
	if got := flowOf(nil, tonight); len(got.Bars) != 0 {
		t.Errorf("%+v", got)
	}
	begin := tonight.Add(-20 * time.Hour)
	var pace []checkinapi.Interval
	for i := range 300 { // longer than the chart
		if i%3 != 1 {
			pace = append(pace, checkinapi.Interval{At: begin.Add(time.Duration(i) * flowUnit).UnixMicro(), In: int64(i % 10), Out: int64(i % 7)})
		}
	}
	for n := 1; n <= len(pace); n++ {
		f := flowOf(pace[:n], time.UnixMicro(pace[n-1].At).Add(time.Duration(n)*time.Minute).UTC())
		if len(f.Bars) == 0 || len(f.Bars) > flowBars || f.Axis < 0 || f.Axis > chartHeight {
			t.Fatalf("%d: %d bars, axis %v", n, len(f.Bars), f.Axis)
		}
		for i, b := range f.Bars {
			if b.X < 0 || b.X+b.W > chartWidth || b.Y < 0 || f.Axis+b.Down > chartHeight+.2 || i > 0 && b.At.Sub(f.Bars[i-1].At) != flowUnit {
				t.Errorf("%d: %+v", n, b)
			}
		}
		if b := f.Bars[len(f.Bars)-1]; n < 10 && b.In == 0 && b.Out == 0 && b.H+b.Down != 0 {
			t.Errorf("%d: %+v", n, b)
		}
	}
}

// rulesForm is the form of a door's settings, filled in.
func rulesForm() url.Values {
	return url.Values{
		"version": {"0"}, "entrances[0].id": {"main"}, "entrances[0].name": {"Main entrance"}, "entrances[1].id": {""}, "entrances[1].name": {"Süd & Söhne"}, "entrances[1].sections": {"S", "B"},
		"entrances[1].opens_at": {"2027-03-01T18:00"}, "entrances[1].closes_at": {""}, "entrances[1].reentry": {"always"},
		"reentry": {"never"}, "alone": {"refuse"}, "opens_at": {"2027-03-01T18:30"}, "closes_at": {""}, "names": {"yes"}, "do": {"save"},
	}
}

func TestDoorSettings(t *testing.T) {
	o := newOffice(t)
	first := o.ask("/settings", nil, 200)
	says(t, first, "it cannot notice that a copy was scanned at another entrance until it is connected again", "The event begins: Monday 1 March 2027, 20:00 CET")
	says(t, o.ask("/settings", nil, 200, "de"), "Dass eine Kopie an einem anderen Eingang gescannt wurde, kann es erst bemerken")
	if !strings.Contains(first, `name="version" value="0"`) || !strings.Contains(first, `value="Main entrance"`) {
		t.Error("the form does not show the defaults")
	}
	if got := o.ask("/settings", rulesForm(), 303); got != o.at {
		t.Errorf("went to %s", got)
	}
	want := []checkinapi.Entrance{{ID: "main", Name: "Main entrance"}, {ID: "sud-and-sohne", Name: "Süd & Söhne", Sections: []string{"S", "B"}, Reentry: checkinapi.ReentryAlways, OpensAt: time.Date(2027, 3, 1, 17, 0, 0, 0, time.UTC).UnixMicro()}}
	r := o.door.rules
	if o.door.version != errs.NotYet || r.Reentry != checkinapi.ReentryNever || r.Alone != checkinapi.AloneRefuse || !r.Names || r.ClosesAt != 0 ||
		r.OpensAt != time.Date(2027, 3, 1, 17, 30, 0, 0, time.UTC).UnixMicro() || !slices.EqualFunc(r.Entrances, want, func(a, b checkinapi.Entrance) bool {
		return reflect.DeepEqual(a, b)
	}) {
		t.Errorf("%d %+v", o.door.version, r)
	}
	o.door.rules.Version = 7
	got := o.ask("/settings", nil, 200)
	for _, want := range []string{`value="2027-03-01T18:30"`, `name="entrances[1].opens_at" type="datetime-local" value="2027-03-01T18:00"`, `<option value="always" selected>Always`, `<details open><summary>Own rules`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(got, "<details><summary>Own rules"); n != 1 {
		t.Errorf("%d entrances without own rules are folded, not 1", n)
	}
}

// What is wrong stands beside its field; what was typed stays.
func TestDoorSettingsRefused(t *testing.T) {
	o := newOffice(t)
	form := rulesForm()
	form.Set("opens_at", "2027-03-28T02:30")
	form.Set("entrances[0].closes_at", "2027-03-28T02:30")
	says(t, o.ask("/settings", form, 422), "Please check the marked fields", "Doors close, at an entrance : This time does not exist at the venue", "Doors open : This time does not exist at the venue")
	o.door.err = errs.Fields([]errs.Field{errs.Why("required", "is required").In("entrances[1].name"), errs.Why("no-such-section", "names %s", "X").In("entrances[1].sections[0]"), errs.Why("not-after", "must be later").In("closes_at"), errs.Why("not-before", "must be earlier").In("entrances[0].opens_at")})
	got := o.ask("/settings", rulesForm(), 422)
	says(t, got, "Name of the entrance : Please fill this in.", "Sections : The plan has no section X", "Doors close : This must be later", "Doors open, at an entrance : This must be before the doors close")
	for _, want := range []string{`id="f-entrances[1].name-fault"`, `href="#f-entrances%5b1%5d.name"`, `value="Süd &amp; Söhne"`, `value="never" checked`, `value="refuse" checked`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	o.door.rules = checkinapi.Settings{Version: 4, Reentry: checkinapi.ReentryAlways, Alone: checkinapi.AloneRefuse, Entrances: []checkinapi.Entrance{{ID: "x", Name: "Yard", Sections: []string{"B"}, Reentry: checkinapi.ReentryNever, ClosesAt: time.Date(2027, 3, 1, 21, 0, 0, 0, time.UTC).UnixMicro()}}}
	o.door.err = errs.New(errs.Precondition, "changed-meanwhile", "")
	got = o.ask("/settings", rulesForm(), 412)
	says(t, got, "Somebody else has changed these settings", "Now: Yard (B, Coming back in: Never, Doors close: Mon 1 Mar, 22:00)", "Now: Always", "Now: not shown")
	if !strings.Contains(got, `name="version" value="4"`) || strings.Contains(seen(got), "Now: Devices") {
		t.Error("the version is not the new one, or what is the same is said to differ")
	}
	o.door.devices = []checkinapi.Device{{ID: "d", Name: "Left", Entrance: "x"}}
	o.door.err = errs.New(errs.Conflict, "entrance-in-use", "")
	says(t, o.ask("/settings", rulesForm(), 409), "The device “Left” is paired with the entrance “Yard”")
}

// The form works without scripts: its buttons add and remove entrances, and keep the rest.
func TestDoorEntrances(t *testing.T) {
	o := newOffice(t)
	form := rulesForm()
	form.Set("do", "add")
	if got := o.ask("/settings", form, 200); !strings.Contains(got, `name="entrances[2].name"`) || !strings.Contains(got, `value="S" checked`) {
		t.Error("no row was added, or sections are lost")
	}
	form.Set("do", "drop:0")
	if got := o.ask("/settings", form, 200); strings.Contains(got, `name="entrances[1].name"`) || !strings.Contains(got, `value="Süd &amp; Söhne"`) {
		t.Error("the first row was not removed")
	}
	o.hall.plan = &seating.Plan{}
	for _, name := range strings.Fields(strings.Repeat("a ", sectionsBoxed+1)) {
		n := len(o.hall.plan.Sections)
		o.hall.plan.Sections = append(o.hall.plan.Sections, seating.Section{ID: name + string(rune('A'+n)), Name: "Section"})
	}
	form.Set("do", "save")
	form["entrances[1].sections"] = []string{"aA, aB;aC"}
	o.ask("/settings", form, 303)
	if got := o.door.rules.Entrances[1].Sections; !slices.Equal(got, []string{"aA", "aB", "aC"}) {
		t.Errorf("typed sections: %q", got)
	}
	taken := map[string]bool{"tor": true, "tor-2": true, "entrance": true}
	for name, want := range map[string]string{"Tor": "tor-3", "???": "entrance-2", strings.Repeat("Donau ", 20): "donau-donau-donau-donau-do"} {
		if got := entranceID(name, taken); got != want {
			t.Errorf("%q has the id %q, want %q", name, got, want)
		}
	}
}

func TestDoorDevices(t *testing.T) {
	o := newOffice(t)
	says(t, o.ask("/devices", nil, 200), "No devices yet", "Devices see no names")
	o.door.rules.Names = true
	o.door.devices = []checkinapi.Device{
		{ID: "d1", Name: "Old", RevokedAt: 1}, {ID: "d2", Name: "Late", ValidFrom: tonight.Add(time.Hour).UnixMicro(), ValidUntil: tonight.Add(2 * time.Hour).UnixMicro()},
		{ID: "d3", Name: "Left", Entrance: "main", PairedBy: "mia", PairedAt: 1, SeenAt: tonight.UnixMicro(), ValidUntil: tonight.Add(time.Hour).UnixMicro(), Scans: 12345}, {ID: "d4", Name: "Gone", ValidUntil: 1},
	}
	says(t, o.ask("/devices", nil, 200), "Left Main entrance ready Mon 1 Mar, 19:30 12,345", "Late any entrance not yet", "Gone any entrance time is over", "Old any entrance revoked")
	pair := url.Values{"name": {"Zoë’s phone"}, "entrance": {"main"}, "names": {"yes"}, "valid_from": {""}, "valid_until": {"2027-03-01T23:00"}}
	got := o.ask("/devices", pair, 200)
	says(t, got, "Pair a device: Zoë’s phone", "ABCD-EFGH-JKMN", "19:45 CET", "http://hall.example/gate", "not reached by HTTPS")
	says(t, o.ask("/devices", pair, 200, "de"), "Gerät koppeln: Zoë’s phone", "Richten Sie die Kamera")
	if !strings.Contains(got, "<svg") || strings.Contains(got, "<?xml") {
		t.Error("no drawing of the code")
	}
	if want := (checkinapi.PairingRequest{EventID: o.hall.event.ID, Name: "Zoë’s phone", Entrance: "main", Names: true, ValidUntil: time.Date(2027, 3, 1, 22, 0, 0, 0, time.UTC).UnixMicro()}); o.door.asked != want {
		t.Errorf("%+v", o.door.asked)
	}
	o.door.devices = append(o.door.devices, checkinapi.Device{ID: "d5", Kind: checkinapi.GateNode, Name: "Laptop", ValidUntil: tonight.Add(time.Hour).UnixMicro()})
	says(t, o.ask("/devices", nil, 200), "At a gate node")
	pair.Set("gate", "https://gate.example:8443/")
	at := o.ask("/devices", pair, 200)
	if says(t, at, "https://gate.example:8443/gate"); strings.Contains(at, "not reached by HTTPS") || strings.Contains(at, "hall.example/gate") || len(at) == len(got) {
		t.Error("the code is not for the gate node")
	}
	for _, bad := range []string{"gate.example:8443", "http://gate.example", "https://gate.example/gate", "https://a@gate.example", "https://", "https://gate.example#x"} {
		pair.Set("gate", bad)
		says(t, o.ask("/devices", pair, 422), "This must be the address of a gate node")
	}
	pair.Del("gate")
	pair.Set("valid_until", "soon")
	says(t, o.ask("/devices", pair, 422), "This is not a date and time.")
	pair.Set("valid_until", "")
	o.door.err = errs.Fields([]errs.Field{errs.Why("required", "is required").In("name")})
	says(t, o.ask("/devices", pair, 422), "Please check the marked fields.", "Please fill this in.")

	says(t, o.ask("/devices/d3", nil, 200), "Left ready", "Zoë of mia", "Revoke this device", "A device that is offline does not learn of it")
	o.ask("/devices/nobody", nil, 404)
	o.ask("/devices/nobody", url.Values{}, 404)
	if to := o.ask("/devices/d3", url.Values{}, 303); to != o.at+"/devices" || o.door.devices[2].RevokedAt == 0 {
		t.Errorf("went to %s", to)
	}
	says(t, o.ask("/devices/d3", nil, 200), "Left revoked", "What it scanned before still counts")
}

func TestDoorGuests(t *testing.T) {
	o := newOffice(t)
	one := checkinapi.Visit{BookingID: o.hall.booked.ID, Reference: "AAAA-BBBB", Name: "=Ann", Spot: checkinapi.Spot{Label: "S-A-1", Section: "Stalls", Row: "A", Number: "1"}, Inside: true, In: tonight.UnixMilli(), Entrance: "main"}
	o.door.visits = []checkinapi.Visit{one}
	says(t, o.ask("/guests?q=x", nil, 422), "Please enter at least 2 characters")
	says(t, o.ask("/guests?q=nobody", nil, 200), "is called that")
	says(t, o.ask("/guests?q=Ann", nil, 200), "=Ann AAAA-BBBB Stalls, row A, seat 1 inside 19:30 , Main entrance")
	for range guestsShown {
		o.door.visits = append(o.door.visits, one)
	}
	says(t, o.ask("/guests?q=Ann", nil, 200), "Only the first 50 are shown")
	o.door.visits = o.door.visits[:1]

	o.door.history = []checkinapi.Entry{
		{Ref: checkinapi.Ref{Device: "d1", Counter: 1}, Stamp: checkinapi.Stamp{At: tonight.UnixMilli()}, Kind: checkinapi.In, DeviceName: "Left", Entrance: "main", Outcome: checkinapi.Refused, Reason: checkinapi.TooEarly, How: checkinapi.Search},
		{Kind: checkinapi.In, Outcome: checkinapi.Admitted, Reason: checkinapi.OK, Alone: true, Undone: true, DeviceName: "Right"},
		{Kind: checkinapi.In, Outcome: checkinapi.Admitted, Reason: checkinapi.OK, How: checkinapi.ByHand, By: "mia", Note: "Wheelchair at the side door"},
		{Kind: checkinapi.In, Outcome: checkinapi.Refused, Reason: "of-a-later-version", DeviceName: "Left"},
	}
	at := "/guests/" + o.hall.booked.ID
	got := o.ask(at, nil, 200)
	says(t, got, "Zoë of ann", "Stalls, row A, seat 1 inside", "In refused The doors were not open yet Left · Main entrance · found by search", "In no network taken back Right", "Corrected by hand: Zoë of mia Wheelchair at the side door", "of-a-later-version")
	if !strings.Contains(got, "/orders/"+o.hall.booked.ID+`#reissue"`) {
		t.Error("no way to new tickets")
	}
	form := url.Values{"seat": {"S-A-1"}, "kind": {"out"}, "reason": {"Left by the fire exit"}}
	if to := o.ask(at, form, 303); to != o.at+at {
		t.Errorf("went to %s", to)
	}
	if want := (checkinapi.Correction{BookingID: o.hall.booked.ID, Seat: "S-A-1", Kind: checkinapi.Out, Reason: "Left by the fire exit"}); o.door.fixed != want {
		t.Errorf("%+v", o.door.fixed)
	}
	o.door.err = errs.New(errs.Conflict, "not-inside", "")
	says(t, o.ask(at, form, 409), "Nobody is inside with this ticket. Nothing was changed.")
	o.door.err = errs.Fields([]errs.Field{errs.Why("required", "is required").In("reason")})
	says(t, o.ask(at, form, 422), "Please fill this in.")
	o.door.err, o.door.history = nil, append(make([]checkinapi.Entry, scansShown), o.door.history...)
	got = o.ask(at, nil, 200)
	says(t, got, "Only the latest 200 scans are shown.", "of-a-later-version")
	if n := strings.Count(got, "<strong>"); n != scansShown {
		t.Errorf("%d scans are shown", n)
	}
	o.door.history = o.door.history[scansShown:]
	o.ask("/guests/"+id.Booking(id.New(tonight.Add(time.Hour)), "ann", "1"), nil, 404)
	o.hall.booked.Status = bookingapi.Cancelled
	got = o.ask(at, nil, 200)
	says(t, got, "This booking has no valid tickets.", "The doors were not open yet")
	if strings.Contains(got, `name="kind"`) || strings.Contains(got, "#reissue") {
		t.Error("a cancelled booking can be corrected")
	}
}

// The list of attendance has times with their offset, and no formulas.
func TestAttendanceCSV(t *testing.T) {
	o := newOffice(t)
	o.door.visits = []checkinapi.Visit{{Reference: "AAAA-BBBB", Name: `=HYPERLINK("x")`, Spot: checkinapi.Spot{Label: "-S", Section: "@B", Row: "+A", Number: "1"}, In: tonight.UnixMilli(), Out: tonight.Add(time.Hour).UnixMilli(), Entrance: "main", List: "=VIP",
		Double: &checkinapi.Earlier{At: tonight.Add(time.Minute).UnixMilli(), Entrance: "=x"}}, {Reference: "CCCC-DDDD", Inside: true, In: tonight.UnixMilli()}}
	text, marked := strings.CutPrefix(o.ask("/attendance.csv", nil, 200), "\xef\xbb\xbf")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || len(rows) != 3 {
		t.Fatal(err, text)
	}
	want := []string{"AAAA-BBBB", `'=HYPERLINK("x")`, "'-S", "'@B", "'+A", "1", "no", "2027-03-01T19:30:00+01:00", "2027-03-01T20:30:00+01:00", "Main entrance", "2027-03-01T19:31:00+01:00", "'=x", "'=VIP"}
	if !slices.Equal(rows[1], want) || rows[2][6] != "yes" || rows[2][8] != "" {
		t.Errorf("%q", rows[1:])
	}
}

// The door counts its lists of guests, and shows who is on them.
func TestDoorLists(t *testing.T) {
	o := newOffice(t)
	o.door.a.Lists = []checkinapi.Count{{ID: "Press & TV", Name: "Press & TV", Inside: 1, Entered: 2, Tickets: 5}}
	if text := seen(o.ask("", nil, 200)); !strings.Contains(text, "Guest lists Guest list Inside Came in Tickets Press & TV 1 2 5") {
		t.Error(text)
	}
	o.door.visits = []checkinapi.Visit{{Reference: "AAAA-BBBB", Name: "Ada", List: "Press & TV", Inside: true, In: tonight.UnixMilli(), Entrance: "main"}, {Reference: "CCCC-DDDD", Name: "Bob"}}
	got := o.ask("/guests?list=Press+%26+TV", nil, 200)
	if text := seen(got); !strings.Contains(text, "Press & TV: 2 of 5") || !strings.Contains(text, "Ada") || strings.Contains(text, "Bob") {
		t.Error(text)
	}
	if got = o.ask("/guests?q=Ada", nil, 200); !strings.Contains(got, `<span class="chip wraps">Press &amp; TV</span>`) {
		t.Error(got)
	}
}

// The log says who did what by hand, when and why, on the page and in a file without
// formulas.
func TestDoorLog(t *testing.T) {
	o := newOffice(t)
	if text := seen(o.ask("/log", nil, 200)); !strings.Contains(text, "Nothing was done by hand yet.") {
		t.Error(text)
	}
	spot := checkinapi.Spot{Label: "S-A-1", Section: "Stalls", Row: "A", Number: "1"}
	at := tonight.UnixMicro()
	o.door.log = []checkinapi.LogEntry{
		{At: at, By: "mia", What: checkinapi.LogCorrection, BookingID: o.hall.booked.ID, Spot: spot, Detail: "out", Reason: `=Left by the "side" door.`},
		{At: at, What: checkinapi.LogReissue, BookingID: o.hall.booked.ID, Spot: spot, Detail: "2"},
		{At: at, By: "mia", What: checkinapi.LogList, BookingID: o.hall.booked.ID, Detail: "VIP"},
		{At: at, By: "mia", What: checkinapi.LogRevoked, Device: "Left", Detail: "main"},
		{At: at, By: "mia", What: checkinapi.LogPaired, Device: "Left"},
		{At: at, By: "mia", What: checkinapi.LogPairing, Device: "Left"},
		{At: at, By: checkinapi.BySystem, What: checkinapi.LogReissue, BookingID: o.hall.booked.ID, Spot: spot, Detail: "3", Reason: "The tickets go to another address."},
		{At: at, By: "gone", What: checkinapi.LogSettings, Detail: `{"names":true}`},
	}
	text := seen(o.ask("/log", nil, 200))
	for _, want := range []string{"Corrected by hand " + id.Reference(o.hall.booked.ID), "Out", "side", "holder of the booking", "code number 2", "by itself", "Guest list", "VIP", "Device revoked : Left Main entrance", "Device paired : Left any entrance", "Settings changed", "gone"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	raw, _ := strings.CutPrefix(o.ask("/log.csv", nil, 200), "\xef\xbb\xbf")
	rows, err := csv.NewReader(strings.NewReader(raw)).ReadAll()
	if err != nil || len(rows) != 9 || rows[1][0] != "2027-03-01T19:30:00+01:00" || rows[1][5] != "S-A-1" || rows[1][6] != "out" || rows[1][7] != `'=Left by the "side" door.` {
		t.Errorf("%q %v", rows, err)
	}
}

// The evidence for a dispute says who was let in with the tickets.
func TestEvidenceHasScans(t *testing.T) {
	x := evidence{event: &eventapi.Event{}, order: &Booking{}, entrance: strings.ToUpper, scans: []checkinapi.Entry{
		{Stamp: checkinapi.Stamp{At: tonight.UnixMilli()}, Kind: checkinapi.In, Spot: checkinapi.Spot{Label: "S-A-1"}, DeviceName: "=Left", Entrance: "main", How: checkinapi.Camera, Outcome: checkinapi.Admitted, Reason: checkinapi.OK},
		{Stamp: checkinapi.Stamp{At: tonight.UnixMilli()}, Kind: checkinapi.In, Spot: checkinapi.Spot{Label: "S-A-2"}, How: checkinapi.ByHand, Outcome: checkinapi.Admitted, Undone: true, Note: "Mistake"},
		{Stamp: checkinapi.Stamp{At: tonight.UnixMilli()}, Kind: checkinapi.In, Spot: checkinapi.Spot{Label: "S-A-3"}, Outcome: checkinapi.Refused, Reason: checkinapi.TooEarly, Alone: true},
	}}
	var summary, scans bytes.Buffer
	x.summary(&summary)
	x.scanned(&scans)
	if text := summary.String(); !strings.Contains(text, "2027-03-01T18:30:00Z, with the ticket for S-A-1") || strings.Contains(text, "for S-A-2") || strings.Contains(text, "for S-A-3") {
		t.Error(text)
	}
	want := "2027-03-01T18:30:00Z,S-A-1,in,admitted,ok,yes,'=Left,MAIN,camera,no,\n2027-03-01T18:30:00Z,S-A-2,in,admitted,,no,,,correction,no,Mistake\n2027-03-01T18:30:00Z,S-A-3,in,refused,too-early,no,,,,yes,\n"
	if _, got, _ := strings.Cut(scans.String(), "\n"); got != want {
		t.Errorf("%s", got)
	}
}
