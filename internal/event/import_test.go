package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
	"boxoffice/internal/seating/seatingtest"
)

func fixture(t testing.TB, name string) importer.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "import", name))
	if err != nil {
		t.Fatal(err)
	}
	return importer.File{Name: name, Data: data}
}

// edited returns a fixture with all occurrences of a text replaced.
func edited(t testing.TB, name, old, replacement string) importer.File {
	t.Helper()
	f := fixture(t, name)
	if !bytes.Contains(f.Data, []byte(old)) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	f.Data = bytes.ReplaceAll(f.Data, []byte(old), []byte(replacement))
	return f
}

func (w *world) mustImport(t testing.TB, opts importer.Options, files ...importer.File) importer.Result {
	t.Helper()
	sum, err := w.Import(t.Context(), files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// imported returns an event by its id at the source.
func (w *world) imported(t testing.TB, source string) stored {
	t.Helper()
	e, err := w.read(t.Context(), id.FromSource("event", source))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestImportTwice(t *testing.T) {
	w := newWorld(t)
	files := []importer.File{fixture(t, "discovery.json"), fixture(t, "pretix.json"), fixture(t, "own.json")}
	first := w.mustImport(t, importer.Options{}, files...)
	if first.New != 10 || first.Updated != 0 || first.Unchanged != 0 || first.Plans != 2 || first.KnownPlans != 0 || first.Seats != 18+32 {
		t.Fatalf("first: %+v", first)
	}
	calls := w.booth.calls
	second := w.mustImport(t, importer.Options{}, files...)
	if second.New != 0 || second.Updated != 0 || second.Unchanged != 10 || second.Plans != 2 || second.KnownPlans != 2 || second.Seats != first.Seats {
		t.Fatalf("second: %+v", second)
	}
	if fmt.Sprint(first.Refs) != fmt.Sprint(second.Refs) || w.booth.calls != calls {
		t.Fatalf("plans %v became %v; %d hand-overs", first.Refs, second.Refs, w.booth.calls-calls)
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "discovery.json"))
	for _, c := range []struct {
		id, starts, date, opens, closes string
		status                          eventapi.Status
		from                            int64
		seats                           int32
	}{
		{"X1", "2019-09-08T22:30:00Z", "2019-09-08", "2019-07-17T17:00:00Z", "2019-09-08T05:00:00Z", eventapi.OnSale, 5450, 20_000},
		{"X2", "", "2020-01-01", "2019-04-23T15:00:00Z", "2020-01-02T05:59:00Z", eventapi.OnSale, 7500, 50_000},
		{"X3", "2019-07-20T23:00:00Z", "2019-07-20", "", "2019-07-20T23:00:00Z", eventapi.Published, 0, 2_000},
		{"X4", "2019-08-03T02:00:00Z", "2019-08-02", "2019-07-12T14:00:00Z", "2019-08-03T02:00:00Z", eventapi.OnSale, 466, 50_000},
		{"X5", "", "2019-11-02", "", "2019-11-03T04:59:59Z", eventapi.OnSale, 2000, 20_000},
		{"X6", "", "", "", "", eventapi.Published, 0, 20_000},
		{"X7", "2019-10-11T01:00:00Z", "2019-10-10", "", "2019-10-11T01:00:00Z", eventapi.Cancelled, 3000, 20_000},
		{"X8", "2019-12-13T01:00:00Z", "2019-12-12", "2019-07-19T15:00:00Z", "2019-12-13T01:00:00Z", eventapi.OnSale, 2150, 20_000},
	} {
		e := w.imported(t, "discovery:"+c.id)
		if rfc(e.StartsAt) != c.starts || e.LocalDate != c.date || rfc(e.OpensAt) != c.opens || rfc(e.ClosesAt) != c.closes ||
			e.Status != c.status || e.PriceFrom != c.from || e.Seats != c.seats {
			t.Errorf("%s: starts %q on %q, sale %q to %q, %s from %d, %d seats; want %+v", c.id,
				rfc(e.StartsAt), e.LocalDate, rfc(e.OpensAt), rfc(e.ClosesAt), e.Status, e.PriceFrom, e.Seats, c)
		}
	}
	e := w.imported(t, "discovery:X1")
	p, err := w.Prices(t.Context(), e.ID, 1)
	if err != nil || len(p.Tiers) != 3 || p.Tiers[0].Price != 42450 || p.Tiers[1].Price != 23950 || p.Tiers[2].Price != 5450 {
		t.Fatalf("a range of 54.5 to 424.5 became %+v, %v", p, err)
	}
	if e = w.imported(t, "discovery:X3"); e.TimeZone != "America/New_York" {
		t.Fatalf("zone is %s, want the venue's", e.TimeZone)
	}
}

func TestDefaultPriceAndShift(t *testing.T) {
	w := newWorld(t)
	opts := importer.Options{ShiftTo: "2027-01-20", DefaultPrice: 5000, Currency: "USD", OrganizerID: "org"}
	w.mustImport(t, opts, fixture(t, "discovery.json"))
	for _, c := range []struct{ id, starts, date, opens, closes string }{
		{"X3", "2027-01-21T00:00:00Z", "2027-01-20", "", "2027-01-21T00:00:00Z"},                     // 19:00 in New York, in winter now
		{"X4", "2027-02-03T02:00:00Z", "2027-02-02", "2027-01-12T14:00:00Z", "2027-02-03T02:00:00Z"}, // Phoenix knows no summer time
		{"X2", "", "2027-07-04", "2026-10-24T15:00:00Z", "2027-07-05T05:59:00Z"},
		{"X1", "2027-03-11T23:30:00Z", "2027-03-11", "2027-01-17T18:00:00Z", "2027-03-11T06:00:00Z"}, // 17:30 stays 17:30
	} {
		e := w.imported(t, "discovery:"+c.id)
		if rfc(e.StartsAt) != c.starts || e.LocalDate != c.date || rfc(e.OpensAt) != c.opens || rfc(e.ClosesAt) != c.closes || e.Status != eventapi.OnSale || e.OrganizerID != "org" {
			t.Errorf("%s: starts %q on %q, sale %q to %q, %s; want %+v", c.id, rfc(e.StartsAt), e.LocalDate, rfc(e.OpensAt), rfc(e.ClosesAt), e.Status, c)
		}
	}
	if e := w.imported(t, "discovery:X3"); e.PriceFrom != 5000 || e.Currency != "USD" {
		t.Fatalf("priced %d %s", e.PriceFrom, e.Currency)
	}
	if e := w.imported(t, "discovery:X1"); e.PriceFrom != 5450 {
		t.Fatalf("the default price went over the event's own: %d", e.PriceFrom)
	}
	if sum := w.mustImport(t, opts, fixture(t, "discovery.json")); sum.Unchanged != 8 {
		t.Fatalf("again: %+v", sum)
	}
	if _, err := w.Import(t.Context(), []importer.File{fixture(t, "discovery.json")}, importer.Options{ShiftTo: "tomorrow"}); err == nil {
		t.Fatal("tomorrow is a date")
	}
}

// Pages that do not know the time of day still name midnight.
func TestUnknownTimeIsNotMidnight(t *testing.T) {
	for _, flag := range []string{"timeTBA", "noSpecificTime"} {
		w := newWorld(t)
		w.mustImport(t, importer.Options{}, edited(t, "discovery.json", `"timeTBA": true,
      "noSpecificTime": false,
      "localDate": "2019-11-02"`, fmt.Sprintf(`"timeTBA": %t, "noSpecificTime": %t,
      "localDate": "2019-11-02", "localTime": "00:00:00", "dateTime": "2019-11-02T05:00:00Z"`, flag == "timeTBA", flag == "noSpecificTime")))
		if e := w.imported(t, "discovery:X5"); e.StartsAt != 0 || e.LocalDate != "2019-11-02" {
			t.Errorf("%s: starts at %q on %q", flag, rfc(e.StartsAt), e.LocalDate)
		}
	}
}

func TestImportChanged(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "discovery.json"))
	e := w.imported(t, "discovery:X3")
	if _, err := w.change(t.Context(), admin, e.ID, 0, eventapi.Update{Price: ptr(int64(900)), Currency: ptr("USD"), Status: ptr(eventapi.OnSale)}); err != nil {
		t.Fatal(err)
	}
	sum := w.mustImport(t, importer.Options{}, edited(t, "discovery.json", "A Comedy in Four Doors", "A Comedy in Five Doors"))
	if sum.New != 0 || sum.Updated != 1 || sum.Unchanged != 7 {
		t.Fatalf("%+v", sum)
	}
	got := w.imported(t, "discovery:X3")
	if got.Title != "A Comedy in Five Doors" || got.Status != eventapi.OnSale || got.PriceFrom != 900 || got.Version != 3 || got.PlanID != e.PlanID {
		t.Fatalf("event is %+v", got)
	}
	if s := w.booth.All()[e.ID]; s.Status != eventapi.OnSale || s.EventVersion != 3 {
		t.Fatalf("sale is %+v", s)
	}

	// Another guess of the plan does not move the seats; the prices follow them.
	x1 := w.imported(t, "discovery:X1")
	w.mustImport(t, importer.Options{}, edited(t, "discovery.json", "Lakeside Arena", "Lakeside Theatre"))
	got = w.imported(t, "discovery:X1")
	if got.Seats != x1.Seats || got.PlanID != x1.PlanID || got.PriceFrom != 5450 || got.Status != eventapi.OnSale || got.Venue.Name != "Lakeside Theatre" {
		t.Fatalf("event is %+v", got)
	}

	// An event that was cancelled here stays cancelled.
	if _, err := w.cancel(t.Context(), admin, x1.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.mustImport(t, importer.Options{}, edited(t, "discovery.json", "The Paper Lanterns", "Paper Lanterns"))
	if got = w.imported(t, "discovery:X1"); got.Status != eventapi.Cancelled || got.Title != "Paper Lanterns" {
		t.Fatalf("event is %+v", got)
	}
}

func TestPretix(t *testing.T) {
	w := newWorld(t)
	sum := w.mustImport(t, importer.Options{}, fixture(t, "pretix.json"))
	if len(sum.Refs) != 1 || sum.Refs[0].Version != 1 || sum.Refs[0].Seats != 18 {
		t.Fatalf("%+v", sum)
	}
	ref := sum.Refs[0]
	e := w.create(t, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{ID: ref.ID, Version: ref.Version} })
	p, err := w.Plan(t.Context(), e.PlanID, e.PlanVersion)
	if err != nil {
		t.Fatal(err)
	}
	seatingtest.Check(t, p)
	n, ok := p.Ordinal("st-B-4")
	if !ok || p.Seats[n].X != 200 || p.Seats[n].Y != 20+90 || p.Categories[p.Seats[n].Category].Name != "Back" || len(p.Sections) != 2 {
		t.Fatalf("seat %d (%v) is %+v; positions of zone, row and seat add up", n, ok, p.Seats[n])
	}

	// Other content is a new version; the old one stays what it was.
	sum = w.mustImport(t, importer.Options{}, edited(t, "pretix.json", "#aa0033", "#aa0044"))
	if sum.Refs[0].ID != ref.ID || sum.Refs[0].Version != 2 {
		t.Fatalf("%+v", sum)
	}
	sum = w.mustImport(t, importer.Options{}, fixture(t, "pretix.json"))
	if sum.Refs[0] != ref {
		t.Fatalf("%+v", sum)
	}
	w.plans.InvalidateAll()
	if p, err = w.Plan(t.Context(), ref.ID, 1); err != nil || p.Categories[0].Color != "#aa0033" {
		t.Fatalf("%+v, %v", p, err)
	}

	// Where zone, row and number are not unique, the guids tell seats apart.
	f := edited(t, "pretix.json", `"zone_id": "ga"`, `"zone_id": "st"`)
	f.Data = bytes.ReplaceAll(f.Data, []byte(`"seat_number": "2"`), []byte(`"seat_number": "1"`))
	sum = w.mustImport(t, importer.Options{}, f)
	p, err = w.Plan(t.Context(), sum.Refs[0].ID, sum.Refs[0].Version)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Ordinal("ga-A-2"); !ok {
		t.Fatal("the seat's guid is not its label")
	}
}

func TestOwnFormat(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "own.json"))
	e := w.imported(t, "boxoffice:gala")
	if e.Status != eventapi.OnSale || e.Venue.Name != "Old Mill" || e.Seats != 32 || rfc(e.StartsAt) != "2027-03-02T01:00:00Z" || e.Attributes != `{"doors":"19:00"}` {
		t.Fatalf("event is %+v", e)
	}
	p, err := w.Plan(t.Context(), e.PlanID, e.PlanVersion)
	if err != nil {
		t.Fatal(err)
	}
	seatingtest.Check(t, p)
	// A new version of the plan is for new events; another plan is refused.
	w.mustImport(t, importer.Options{}, edited(t, "own.json", `"capacity": 30`, `"capacity": 40`))
	if again := w.imported(t, "boxoffice:gala"); again.PlanVersion != 1 || again.Seats != 32 {
		t.Fatalf("event is %+v", again)
	}
	_, err = w.Import(t.Context(), []importer.File{edited(t, "own.json", `"capacity": 30`, `"capacity": 30`), edited(t, "own.json", `"seats": 200`, `"seats": 300`)}, importer.Options{})
	wantFault(t, err, "own.json", "events[1]")
	_, err = w.Import(t.Context(), []importer.File{edited(t, "own.json", `"seats": 200`, `"seats": 300`)}, importer.Options{})
	wantFault(t, err, "own.json", "events[1].plan")
}

func wantFault(t testing.TB, err error, file, path string) {
	t.Helper()
	var f importer.FileError
	if !errors.As(err, &f) || f.File != file || f.Path != path || f.Reason == "" {
		t.Fatalf("error is %v, want a fault of %s at %q", err, file, path)
	}
}

func TestBadFilesAreToldByPath(t *testing.T) {
	if testing.Short() {
		t.Skip("reads files one after the other")
	}
	for _, c := range []struct{ fixture, old, replacement, path string }{
		{"discovery.json", `"localDate": "2019-11-02"`, `"localDate": "2019-13-02"`, "_embedded.events[4].dates.start.localDate"},
		{"discovery.json", `"2019-09-08T22:30:00Z"`, `"noon"`, "_embedded.events[0].dates.start.dateTime"},
		{"discovery.json", `"2019-07-17T17:00:00Z"`, `"2020-07-17T17:00:00Z"`, "_embedded.events[0].sales.public.endDateTime"},
		{"discovery.json", `"name": "Fan Fest"`, `"name": ["Fan Fest"]`, "_embedded.events[3].name"},
		{"discovery.json", `"name": "Fan Fest"`, `"name": 7`, "_embedded.events[3].name"},
		{"discovery.json", `"name": "Fan Fest"`, `"name": "Fan\u0000Fest"`, "_embedded.events[3].name"},
		{"discovery.json", `"min": 4.66`, `"min": -1`, "_embedded.events[3].priceRanges[0].min"},
		{"discovery.json", `"min": 4.66`, `"min": 4.665`, "_embedded.events[3].priceRanges[0].min"},
		{"discovery.json", `"max": 4.66`, `"max": 1e999`, "_embedded.events[3].priceRanges[0].max"},
		{"discovery.json", `"max": 4.66`, `"max": "4.66"`, "_embedded.events[3].priceRanges[0].max"},
		{"discovery.json", `"max": 4.66`, `"max": 4.65`, "_embedded.events[3].priceRanges[0].min"},
		{"discovery.json", `"max": 4.66`, `"max": 99999999999999999999`, "_embedded.events[3].priceRanges[0].max"},
		{"discovery.json", `"currency": "USD"`, `"currency": "ZZZ"`, "_embedded.events[0].priceRanges[0].currency"},
		{"discovery.json", `"timezone": "America/Phoenix"`, `"timezone": "Arizona"`, "_embedded.events[1].dates.timezone"},
		{"discovery.json", `"id": "X4"`, `"id": "X1"`, "_embedded.events[3]"},
		{"discovery.json", `"id": "X4"`, `"id": ""`, "_embedded.events[3].id"},
		{"discovery.json", `"events"`, `"attractions"`, "_embedded.events"},
		{"pretix.json", `"category": "Front"`, `"category": "Royal"`, "zones[0].rows[0].seats[0].category"},
		{"pretix.json", `"seat_guid": "ga-A-2"`, `"seat_guid": "st-A-2"`, "zones[2].rows[0].seats[1].seat_guid"},
		{"pretix.json", `"seat_guid": "ga-A-2"`, `"seat_guid": null`, "zones[2].rows[0].seats[1].seat_guid"},
		{"pretix.json", `"y": 120`, `"y": 1e999`, "zones[2].position.y"},
		{"pretix.json", `"y": 120`, `"y": 1e7`, "zones[2].position.y"},
		{"pretix.json", `"y": 120`, `"y": "120"`, "zones[2].position.y"},
		{"pretix.json", `"name": "Back"`, `"name": "Front"`, "categories[1].name"},
		{"pretix.json", `"zones"`, `"zone"`, "zones"},
		{"pretix.json", `"name": "Mill Stage"`, `"name": ""`, "name"},
		{"own.json", `"boxoffice": 1`, `"boxoffice": 2`, "boxoffice"},
		{"own.json", `"source_id": "later"`, `"source_id": "gala"`, "events[1].source_id"},
		{"own.json", `"title": "Mill Gala"`, `"titel": "Mill Gala"`, "events[0].titel"},
		{"own.json", `"title": "Mill Gala"`, `"Title": "Mill Gala"`, "events[0].Title"},
		{"own.json", `"title": "Mill Gala"`, `"title": "Mill Gala", "titl\u0065": "Mill Gala"`, "events[0].title"},
		{"discovery.json", `"name": "Fan Fest"`, `"name": "Fan Fest", "name": "Fan Fest"`, "_embedded.events[3].name"},
		{"own.json", `"title": "Mill Gala"`, `"title": 7`, "events[0].title"},
		{"own.json", `"price": 4500`, `"price": [4500]`, "events[0].tiers[0].price"},
		{"own.json", `"price": 2500`, `"price": {}`, "events[0].tiers[1].price"},
		{"own.json", `"capacity": 30`, `"capacity": "30"`, "plans[0].sections[1].capacity"},
		{"own.json", `"event_time": "2027-03-01T20:00"`, `"event_time": {"at": 1}`, "events[0].event_time"},
		{"own.json", `"price": 4500`, `"price": -4500`, "events[0].tiers[0].price"},
		{"own.json", `"price": 4500`, `"price": 45.5`, "events[0].tiers[0].price"},
		{"own.json", `"event_time": "2027-03-01T20:00"`, `"event_time": "2027-03-14T02:30"`, "events[0].event_time"},
		{"own.json", `"venue": {
    "source_id": "mill"`, `"venue": {
    "source_id": "hill"`, "events[0].venue.source_id"},
		{"own.json", `"plan": {
    "source_id": "mill-2027"`, `"plan": {
    "source_id": "hill"`, "events[0].plan"},
		{"own.json", `"number": "2"`, `"number": "1"`, "plans[0].sections[0].rows[0].seats[1].label"},
		{"own.json", `"capacity": 30`, `"capacity": 300000`, "plans[0].sections[1].capacity"},
		{"own.json", `      "Seats"`, `      "Stools"`, "events[0].tiers[0].categories[0]"},
		{"own.json", `"time_zone": "America/New_York"`, `"time_zone": "Nowhere"`, "venues[0].time_zone"},
		{"own.json", `"doors": "19:00"`, `"doors": "\u0000"`, "events[0].attributes"},
	} {
		t.Run(c.fixture+" "+c.replacement, func(t *testing.T) {
			w := newWorld(t)
			bad := edited(t, c.fixture, c.old, c.replacement)
			bad.Name = "bad.json"
			good := fixture(t, "discovery.json")
			good.Data = bytes.ReplaceAll(good.Data, []byte(`"id": "X`), []byte(`"id": "Y`))
			_, err := w.Import(t.Context(), []importer.File{good, bad}, importer.Options{Strict: true})
			wantFault(t, err, "bad.json", c.path)
			nothingWritten(t, w)
		})
	}
}

func nothingWritten(t testing.TB, w *world) {
	t.Helper()
	var rows int
	if err := w.db.Reader().QueryRow(`SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM plans) + (SELECT count(*) FROM venues) + (SELECT count(*) FROM prices)`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if rows != 0 || w.booth.calls != 0 {
		t.Fatalf("a bad file left %d rows and %d hand-overs", rows, w.booth.calls)
	}
}

func TestBadFilesAsAWhole(t *testing.T) {
	page := fixture(t, "discovery.json").Data
	w := newWorld(t)
	for name, data := range map[string][]byte{
		"empty":            {},
		"truncated":        page[:len(page)/2],
		"not JSON":         []byte("<html>"),
		"a list":           []byte("[]"),
		"unknown format":   []byte(`{"events": []}`),
		"two values":       append(bytes.Clone(page), page...),
		"bracket behind":   append(bytes.Clone(page), ']'),
		"NUL behind":       append(bytes.Clone(page), 0),
		"broken UTF-8":     bytes.Replace(page, []byte("Fan Fest"), []byte("Fan\xffest"), 1),
		"NaN":              bytes.Replace(page, []byte("4.66"), []byte("NaN"), 1),
		"Infinity":         bytes.Replace(page, []byte("4.66"), []byte("Infinity"), 1),
		"deep":             []byte(`{"zones":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`),
		"a bit too deep":   []byte(`{"boxoffice":1,"plans":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`),
		"too many values":  []byte(`{"zones":[` + strings.Repeat("0,", 8_000_001) + `0]}`),
		"too large":        make([]byte, importer.MaxFile+1),
		"NUL instead of a": bytes.Replace(page, []byte("a"), []byte("\x00"), 1),
	} {
		_, err := w.Import(t.Context(), []importer.File{fixture(t, "own.json"), {Name: name, Data: data}}, importer.Options{})
		wantFault(t, err, name, "")
	}
	nothingWritten(t, w)
}

func TestTruncatedFileIsToldByPlace(t *testing.T) {
	data := fixture(t, "discovery.json").Data
	_, err := importer.Read([]importer.File{{Name: "cut", Data: data[:1000]}}, importer.Options{})
	var f importer.FileError
	if !errors.As(err, &f) || !strings.Contains(f.Reason, "byte 1000") {
		t.Fatalf("error is %v", err)
	}
}

// The message names the member, and repeats nothing of the file.
func TestTextThatIsNotJSONIsToldByItsMember(t *testing.T) {
	for text, want := range map[string]string{
		"{\"boxoffice\":1,\n\"boxoffice\":1}":           "f: boxoffice appears twice, the second time in line 2",
		`{"zones":[{"name":"a","n\u0061me":"secret"}]}`: "f: zones[0].name appears twice, the second time in line 1",
		`{"zones":[{"name":"secret\ud800"}]}`:           "f: zones[0].name is not valid Unicode: line 1, byte 25",
		`{"zones":[{"name":"secret\x"}]}`:               "f: is not JSON: line 1, byte 25",
		`{"zones":secret}`:                              "f: is not JSON: line 1, byte 9",
	} {
		_, err := importer.Read([]importer.File{{Name: "f", Data: []byte(text)}}, importer.Options{})
		if fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTooManySeats(t *testing.T) {
	if testing.Short() {
		t.Skip("one file of 200,000 seats")
	}
	var b strings.Builder
	b.WriteString(`{"name":"Vast","categories":[{"name":"A"}],"zones":[{"name":"Z","rows":[{"row_number":"1","seats":[`)
	for i := range seating.MaxSeats + 1 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"seat_guid":"%d","category":"A"}`, i)
	}
	b.WriteString(`]}]}]}`)
	_, err := importer.Read([]importer.File{{Name: "vast", Data: []byte(b.String())}}, importer.Options{})
	wantFault(t, err, "vast", "zones[0].rows[0].seats")
}

func TestFilesThatDisagree(t *testing.T) {
	w := newWorld(t)
	other := edited(t, "pretix.json", "#aa0033", "#aa0044")
	other.Name = "other.json"
	_, err := w.Import(t.Context(), []importer.File{fixture(t, "pretix.json"), other}, importer.Options{})
	wantFault(t, err, "other.json", "")
	nothingWritten(t, w)
	if sum := w.mustImport(t, importer.Options{}, fixture(t, "pretix.json"), fixture(t, "pretix.json")); sum.Plans != 1 {
		t.Fatalf("%+v", sum)
	}
}

func TestRefusedChangesOfImportedEvents(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "own.json"))
	before := w.imported(t, "boxoffice:gala")
	_, err := w.Import(t.Context(), []importer.File{edited(t, "own.json", `"currency": "USD"`, `"currency": "EUR"`)}, importer.Options{})
	wantFault(t, err, "own.json", "events[0]")
	if after := w.imported(t, "boxoffice:gala"); after.Version != before.Version || after.Currency != "USD" {
		t.Fatalf("event is %+v", after)
	}
}

// FuzzImport checks that reading any file gives either consistent plans and events or a
// fault of the file, never a panic or an error that names no file.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"discovery.json", "pretix.json", "own.json"} {
		var small bytes.Buffer
		if err := json.Compact(&small, fixture(f, name).Data); err != nil {
			f.Fatal(err)
		}
		f.Add(small.Bytes())
	}
	for _, s := range []string{`{"boxoffice":1}`, `{"zones":[]}`, `{"_embedded":{"events":[{"id":"a"}]}}`, `{"page":{}}`, `{"zones":[{"rows":[{"seats":[{}]}]}]}`, "[", "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := importer.Read([]importer.File{{Name: "file", Data: data}}, importer.Options{})
		if err != nil {
			var fault importer.FileError
			if !errors.As(err, &fault) || fault.File != "file" || fault.Reason == "" {
				t.Fatalf("error %v is not a fault of the file", err)
			}
			return
		}
		for _, p := range got.Plans {
			if len(p.Plan.Seats) == 0 || len(p.Plan.Seats) > seating.MaxSeats {
				t.Fatalf("plan %s has %d seats", p.Source, len(p.Plan.Seats))
			}
			packed, _, err := p.Document.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := seating.Unpack(packed); err != nil || len(again.Seats) != len(p.Plan.Seats) {
				t.Fatalf("plan %s does not come back: %v", p.Source, err)
			}
		}
		for i := range got.Events {
			e := &got.Events[i]
			if e.New.Plan.Seats > 1_000 {
				e.New.Plan.Seats = 1_000
			}
			if e.PlanSource != "" {
				continue
			}
			d, err := w.prepare(t.Context(), e.New, nil)
			if err != nil {
				var fault importer.FileError
				if !errors.As(fileFault(e, err), &fault) || errs.KindOf(err) == errs.Internal {
					t.Fatalf("%s: %v", e.Path, err)
				}
				continue
			}
			checkEvent(t, &d.event)
		}
	})
}

// checkEvent checks the invariants of every stored event.
func checkEvent(t *testing.T, e *stored) {
	t.Helper()
	if _, err := time.LoadLocation(e.TimeZone); err != nil || e.TimeZone == "" {
		t.Fatalf("zone %q: %v", e.TimeZone, err)
	}
	switch {
	case !safetext.LineFault(e.Title, 1, 200).None():
		t.Fatalf("title %q", e.Title)
	case e.Status == eventapi.OnSale && e.PriceVersion == 0:
		t.Fatal("on sale without a price")
	case e.OpensAt < 0 || e.ClosesAt < 0 || e.ClosesAt != 0 && e.ClosesAt <= e.OpensAt:
		t.Fatalf("sale from %d to %d", e.OpensAt, e.ClosesAt)
	case e.StartsAt != 0 && e.LocalDate == "":
		t.Fatal("a time without a date")
	case !json.Valid([]byte(e.Attributes)):
		t.Fatalf("attributes %s", e.Attributes)
	}
}
