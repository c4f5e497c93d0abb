package event

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
)

// Real-world pages: everything that can be imported is, and the rest is reported, event by
// event.
func TestRealDiscoveryPages(t *testing.T) {
	w := newWorld(t)
	load := func(name string, notes ...string) {
		t.Helper()
		sum := w.mustImport(t, importer.Options{}, fixture(t, name))
		if len(sum.Notes) != len(notes) {
			t.Fatalf("%s: %v", name, sum.Notes)
		}
		for i, n := range sum.Notes {
			if !strings.Contains(n.String(), notes[i]) {
				t.Errorf("%s: %s, want it to say %s", name, n, notes[i])
			}
		}
		if again := w.mustImport(t, importer.Options{}, fixture(t, name)); again.New+again.Updated != 0 {
			t.Errorf("%s again: %+v", name, again)
		}
	}
	load("discovery-c1-control-in-name.json")
	if e := w.imported(t, "discovery:EX1"); e.Title != "Example Sun Tour" {
		t.Errorf("title %q", e.Title)
	}
	w.imported(t, "discovery:EX2")

	load("discovery-price-including-fees.json")
	e := w.imported(t, "discovery:EX3")
	tiers := w.tiers(t, e)
	if e.PriceFrom != 5195 || tiers[0].Price != 6800 || tiers[0].Fees != 6800-5950 || tiers[2].Price != 5195 || tiers[2].Fees != 5195-4500 {
		t.Errorf("from %d: %+v", e.PriceFrom, tiers)
	}

	load("discovery-three-day-festival.json")
	if e := w.imported(t, "discovery:EX4"); e.LocalDate != "2027-07-26" || e.EndDate != "2027-07-28" || !e.EndsByDay() {
		t.Errorf("%+v", e)
	}

	load("discovery-place-instead-of-venue.json")
	if e := w.imported(t, "discovery:EX5"); e.Venue.Name != "Example Park" || e.Venue.City != "Leeds" || e.Venue.Country != "GB" || e.Venue.TimeZone != "Europe/London" {
		t.Errorf("%+v", e.Venue)
	}
	w.imported(t, "discovery:EX6")

	load("discovery-no-time-zone.json") // another event at the same venue tells it
	if e := w.imported(t, "discovery:EX7"); e.TimeZone != "Europe/London" || rfc(e.StartsAt) != "2027-06-01T18:30:00Z" {
		t.Errorf("%+v", e)
	}

	load("discovery-postponed.json", `_embedded.events[0].dates.start is the date before the event was postponed: the new one is to be announced ("Example evening" is imported without that)`,
		`_embedded.events[0].sales.public.endDateTime is when the sale ended before the event was postponed: the new end is to be announced ("Example evening" is imported without that)`)
	if e := w.imported(t, "discovery:EX9"); e.StartsAt != 0 || e.LocalDate != "" || e.Status != eventapi.Published {
		t.Errorf("%+v", e)
	}
}

// An event that cannot be read does not affect the others of its page.
func TestEventsThatAreLeftOut(t *testing.T) {
	if testing.Short() {
		t.Skip("imports one after the other")
	}
	for _, c := range []struct{ old, replacement, id, says string }{
		{`"localDate": "2019-11-02"`, `"localDate": "2019-13-02"`, "X5", "must be a date"},
		{`"2019-09-08T22:30:00Z"`, `"noon"`, "X1", "must be a time"},
		{`"name": "Fan Fest"`, `"name": 7`, "X4", "must be a string"},
		{`"timezone": "America/Phoenix"`, `"timezone": "Arizona"`, "X2", "must be an IANA time zone"},
		{`"id": "X4"`, `"id": ""`, "X4", "is required"},
		{`"id": "X4"`, `"id": "X1"`, "X4", "has the same id"},
	} {
		w := newWorld(t)
		sum := w.mustImport(t, importer.Options{}, edited(t, "discovery.json", c.old, c.replacement))
		if len(sum.Notes) == 0 || !strings.Contains(sum.Notes[0].String(), c.says) || !strings.HasSuffix(sum.Notes[0].String(), "is left out)") || sum.New != 8-len(sum.Notes) {
			t.Errorf("%s: %+v", c.replacement, sum)
		}
		if _, err := w.read(t.Context(), id.FromSource("event", "discovery:"+c.id)); err == nil && c.id != "X1" {
			t.Errorf("%s: %s is there", c.replacement, c.id)
		}
	}
	// Prices and sale windows that cannot be read leave an event without them.
	for _, c := range []struct{ old, replacement, id string }{
		{`"min": 4.66`, `"min": -1`, "X4"},
		{`"max": 4.66`, `"max": "4.66"`, "X4"},
		{`"2019-07-17T17:00:00Z"`, `"2020-07-17T17:00:00Z"`, "X1"},
	} {
		w := newWorld(t)
		sum := w.mustImport(t, importer.Options{}, edited(t, "discovery.json", c.old, c.replacement))
		if len(sum.Notes) != 1 || sum.Notes[0].Whole || sum.New != 8 {
			t.Errorf("%s: %+v", c.replacement, sum)
		}
		if e := w.imported(t, "discovery:"+c.id); e.Status != eventapi.Published {
			t.Errorf("%s: %+v", c.replacement, e)
		}
	}
	// A page of which nothing is left is refused.
	w := newWorld(t)
	_, err := w.Import(t.Context(), []importer.File{edited(t, "discovery-postponed.json", `"Europe/London"`, `"Nowhere"`)}, importer.Options{})
	wantFault(t, err, "discovery-postponed.json", "_embedded.events[0].dates.timezone")
}

// A null in the list of events does not affect the others of its page. A strict import
// refuses it.
func TestNullAmongEvents(t *testing.T) {
	file := edited(t, "postponed.json", `"events": [`, `"events": [null,`)
	w := newWorld(t)
	sum := w.mustImport(t, importer.Options{}, file)
	if sum.New != 1 || len(sum.Notes) == 0 || !sum.Notes[0].Whole || sum.Notes[0].Path != "_embedded.events[0]" {
		t.Errorf("%+v", sum)
	}
	w.imported(t, "discovery:EX9")
	_, err := newWorld(t).Import(t.Context(), []importer.File{file}, importer.Options{Strict: true})
	wantFault(t, err, "postponed.json", "_embedded.events[0]")
}

// A price range that begins at 0 counts as no price, so that no seats are free of charge
// by mistake, and the import reports it. A default price applies, and a strict import
// refuses the range.
func TestPriceOfNothing(t *testing.T) {
	const path = "_embedded.events[0].priceRanges[1]"
	for _, most := range []string{"0.00", "68.0"} {
		file := edited(t, "discovery-price-including-fees.json", `"min": 51.95`, `"min": 0`)
		file.Data = bytes.ReplaceAll(file.Data, []byte(`"max": 68.0`), []byte(`"max": `+most))
		w := newWorld(t)
		sum := w.mustImport(t, importer.Options{}, file)
		if len(sum.Notes) != 1 || sum.Notes[0].Whole || sum.Notes[0].Path != path {
			t.Errorf("0 to %s: %+v", most, sum.Notes)
		}
		if e := w.imported(t, "discovery:EX3"); e.Status != eventapi.Published || e.PriceVersion != 0 {
			t.Errorf("0 to %s: %+v", most, e)
		}
		w = newWorld(t)
		w.mustImport(t, importer.Options{DefaultPrice: 5000, Currency: "USD"}, file)
		if e := w.imported(t, "discovery:EX3"); e.Status != eventapi.OnSale || e.PriceFrom != 5000 {
			t.Errorf("0 to %s, with a default price: %+v", most, e)
		}
		_, err := newWorld(t).Import(t.Context(), []importer.File{file}, importer.Options{Strict: true})
		wantFault(t, err, "discovery-price-including-fees.json", path)
	}
}

// --shift-to moves all times of an event together.
func TestShiftMovesTheEnd(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{ShiftTo: "2028-01-30"}, fixture(t, "discovery-three-day-festival.json"))
	if e := w.imported(t, "discovery:EX4"); e.LocalDate != "2028-01-30" || e.EndDate != "2028-02-01" || e.EndsAt != time.Date(2028, 2, 2, 4, 59, 59, 0, time.UTC).UnixMicro() {
		t.Errorf("%+v", e)
	}
}

// Too long titles and invalid countries cost an event nothing else; both are reported, and
// a strict import refuses them.
func TestPartsThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ was, is, path string }{
		{"Example evening", strings.Repeat("Example ", 60), "_embedded.events[0].name"},
		{`"countryCode": "GB"`, `"countryCode": "12"`, "_embedded.events[0]._embedded.venues[0].country.countryCode"},
		{`"countryCode": "GB"`, `"countryCode": "GBR"`, "_embedded.events[0]._embedded.venues[0].country.countryCode"},
	} {
		w := newWorld(t)
		file := edited(t, "postponed.json", `"postponed"`, `"onsale"`)
		file.Data = bytes.ReplaceAll(file.Data, []byte(c.was), []byte(c.is))
		sum := w.mustImport(t, importer.Options{}, file)
		if sum.New != 1 || len(sum.Notes) != 1 || sum.Notes[0].Path != c.path || sum.Notes[0].Whole {
			t.Errorf("%s: %+v", c.is, sum)
		}
		_, err := newWorld(t).Import(t.Context(), []importer.File{file}, importer.Options{Strict: true})
		wantFault(t, err, "postponed.json", c.path)
	}
}
