package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

func TestEveryFieldIsChecked(t *testing.T) {
	w := newWorld(t)
	tier := func(price int64) []eventapi.NewTier { return []eventapi.NewTier{{Name: "All", Price: price}} }
	for _, c := range []struct {
		name, field string
		change      func(*eventapi.NewEvent)
	}{
		{"no title", "title", func(in *eventapi.NewEvent) { in.Title = "  " }},
		{"long title", "title", func(in *eventapi.NewEvent) { in.Title = strings.Repeat("ä", 201) }},
		{"NUL in title", "title", func(in *eventapi.NewEvent) { in.Title = "a\x00b" }},
		{"line break in title", "title", func(in *eventapi.NewEvent) { in.Title = "a\nb" }},
		{"title not UTF-8", "title", func(in *eventapi.NewEvent) { in.Title = "a\xff" }},
		{"long description", "description", func(in *eventapi.NewEvent) { in.Description = strings.Repeat("x", 20_001) }},
		{"control character in description", "description", func(in *eventapi.NewEvent) { in.Description = "a\x1bb" }},
		{"description not UTF-8", "description", func(in *eventapi.NewEvent) { in.Description = "a\xff" }},
		{"long category", "category", func(in *eventapi.NewEvent) { in.Category = strings.Repeat("x", 61) }},
		{"time is no time", "event_time", func(in *eventapi.NewEvent) { in.EventTime = ptr("soon") }},
		{"time that clocks skip", "event_time", func(in *eventapi.NewEvent) { in.EventTime = ptr("2027-03-28T02:30") }},
		{"time that clocks show twice", "event_time", func(in *eventapi.NewEvent) { in.EventTime = ptr("2027-10-31T02:30:00") }},
		{"time too early", "event_time", func(in *eventapi.NewEvent) { in.EventTime = ptr("1900-01-01T00:00:00Z") }},
		{"time too late", "event_time", func(in *eventapi.NewEvent) { in.EventTime = ptr("9999-01-01T00:00:00Z") }},
		{"day that is none", "event_date", func(in *eventapi.NewEvent) { in.EventTime, in.EventDate = nil, "2027-02-30" }},
		{"time and date", "event_date", func(in *eventapi.NewEvent) { in.EventDate = "2027-03-01" }},
		{"unknown zone", "time_zone", func(in *eventapi.NewEvent) { in.TimeZone = "Mars/Olympus" }},
		{"zone of this machine", "time_zone", func(in *eventapi.NewEvent) { in.TimeZone = "Local" }},
		{"zone that is a path", "time_zone", func(in *eventapi.NewEvent) { in.TimeZone = "../../etc/passwd" }},
		{"venue without zone", "venue.time_zone", func(in *eventapi.NewEvent) { in.Venue.TimeZone = "" }},
		{"venue without name", "venue.name", func(in *eventapi.NewEvent) { in.Venue.Name = "" }},
		{"country in words", "venue.country", func(in *eventapi.NewEvent) { in.Venue.Country = "Germany" }},
		{"no plan", "plan", func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{} }},
		{"two plans", "plan", func(in *eventapi.NewEvent) { in.Plan.ID = "x" }},
		{"unknown template", "plan.template", func(in *eventapi.NewEvent) { in.Plan.Template = "tent" }},
		{"too few seats", "plan.seats", func(in *eventapi.NewEvent) { in.Plan.Seats = 49 }},
		{"too many seats", "plan.seats", func(in *eventapi.NewEvent) { in.Plan.Seats = 200_001 }},
		{"unknown plan", "plan.id", func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{ID: "nope", Version: 1} }},
		{"unknown currency", "currency", func(in *eventapi.NewEvent) { in.Currency = "XXX" }},
		{"small letters in currency", "currency", func(in *eventapi.NewEvent) { in.Currency = "eur" }},
		{"negative price", "price", func(in *eventapi.NewEvent) { in.Price = ptr(int64(-1)) }},
		{"huge price", "price", func(in *eventapi.NewEvent) { in.Price = ptr(int64(1_000_000_000_01)) }},
		{"price and tiers", "tiers", func(in *eventapi.NewEvent) { in.Tiers = tier(1) }},
		{"negative tier", "tiers[0].price", func(in *eventapi.NewEvent) { in.Price, in.Tiers = nil, tier(-1) }},
		{"fees above the price", "tiers[0].fees", func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "a", Price: 5, Fees: 6}}
		}},
		{"tier without name", "tiers[0].name", func(in *eventapi.NewEvent) { in.Price, in.Tiers = nil, []eventapi.NewTier{{Price: 5}} }},
		{"tier of an unknown section", "tiers[0].sections[0]", func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "a", Sections: []string{"999"}}}
		}},
		{"tier of an unknown category", "tiers[0].categories[1]", func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "a", Categories: []string{"Stalls", "Gold"}}}
		}},
		{"too many tiers", "tiers", func(in *eventapi.NewEvent) { in.Price, in.Tiers = nil, make([]eventapi.NewTier, 101) }},
		{"on sale, seats without price", "tiers", func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "a", Price: 5, Categories: []string{"Stalls"}}}
		}},
		{"on sale without price", "status", func(in *eventapi.NewEvent) { in.Price = nil }},
		{"unknown status", "status", func(in *eventapi.NewEvent) { in.Status = "past" }},
		{"sale ends before it begins", "sale_closes_at", func(in *eventapi.NewEvent) {
			in.SaleOpensAt, in.SaleClosesAt = ptr(time.Date(2027, 2, 2, 0, 0, 0, 0, time.UTC)), ptr(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC))
		}},
		{"sale from 1900", "sale_opens_at", func(in *eventapi.NewEvent) { in.SaleOpensAt = ptr(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)) }},
		{"limit 0", "limit_per_customer", func(in *eventapi.NewEvent) { in.LimitPerCustomer = ptr(int32(0)) }},
		{"limit 101", "limit_per_customer", func(in *eventapi.NewEvent) { in.LimitPerCustomer = ptr(int32(101)) }},
		{"hold of no time", "hold_minutes", func(in *eventapi.NewEvent) { in.HoldMinutes = ptr(int64(0)) }},
		{"hold of an hour and a minute", "hold_minutes", func(in *eventapi.NewEvent) { in.HoldMinutes = ptr(int64(61)) }},
		{"hold that overflows", "hold_minutes", func(in *eventapi.NewEvent) { in.HoldMinutes = ptr(int64(1) << 62) }},
		{"attributes are a list", "attributes", func(in *eventapi.NewEvent) { in.Attributes = json.RawMessage(`[1]`) }},
		{"attributes too large", "attributes", func(in *eventapi.NewEvent) {
			in.Attributes = json.RawMessage(`{"a":"` + strings.Repeat("x", 32<<10) + `"}`)
		}},
		{"attributes too deep", "attributes", func(in *eventapi.NewEvent) {
			in.Attributes = json.RawMessage(`{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`)
		}},
		{"NUL in attributes", "attributes", func(in *eventapi.NewEvent) { in.Attributes = json.RawMessage(`{"a":["\u0000"]}`) }},
		{"NUL in a name of attributes", "attributes", func(in *eventapi.NewEvent) { in.Attributes = json.RawMessage(`{"a\u0000":1}`) }},
		{"attributes not UTF-8", "attributes", func(in *eventapi.NewEvent) { in.Attributes = json.RawMessage("{\"a\":\"\xff\"}") }},
		{"category twice in a plan", "plan.document.categories[1].name", func(in *eventapi.NewEvent) {
			in.Plan = eventapi.PlanChoice{Document: &seating.PlanDocument{Name: "p", Categories: []seating.Category{{Name: "a"}, {Name: "a"}}, Sections: []seating.SectionDocument{{ID: "s"}}}}
		}},
		{"seat twice in a plan", "plan.document.sections[0].rows[0].seats[1].label", func(in *eventapi.NewEvent) {
			in.Plan = eventapi.PlanChoice{Document: smallPlan("1", "1")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := gala()
			c.change(&in)
			_, err := w.add(t.Context(), organizer, "", in)
			wantField(t, err, c.field)
		})
	}
	list, _, err := w.list(t.Context(), w.db.Browse(), admin, eventapi.Filter{Status: "all", Limit: 10})
	if err != nil || len(list) > 0 || w.booth.calls > 0 {
		t.Fatalf("%d events (%v), %d hand-overs after refusals only", len(list), err, w.booth.calls)
	}
}

// smallPlan is a plan of one row.
func smallPlan(numbers ...string) *seating.PlanDocument {
	row := seating.RowDocument{Label: "A"}
	for i, n := range numbers {
		row.Seats = append(row.Seats, seating.SeatDocument{Number: n, X: float64(i) * 10, Y: 5})
	}
	return &seating.PlanDocument{Name: "Small", Width: 100, Height: 10, Categories: []seating.Category{{Name: "Any", Color: "#00ff00"}},
		Sections: []seating.SectionDocument{{ID: "S", Category: "Any", Rows: []seating.RowDocument{row}}}}
}

func TestSeveralFaultsAreToldTogether(t *testing.T) {
	in := gala()
	in.Title, in.Currency, in.LimitPerCustomer = "", "???", ptr(int32(500))
	_, err := newWorld(t).Create(t.Context(), organizer, "", in)
	for _, field := range []string{"title", "currency", "limit_per_customer"} {
		wantField(t, err, field)
	}
}

func TestWhen(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name       string
		change     func(*eventapi.NewEvent)
		starts     string // RFC 3339, "" when unknown
		date, ends string
	}{
		{"with an offset", nil, "2027-03-01T19:00:00Z", "2027-03-01", "2027-03-01T19:00:00Z"},
		{"local, in the venue's zone", func(in *eventapi.NewEvent) { in.EventTime = ptr("2027-07-01T20:00") }, "2027-07-01T18:00:00Z", "2027-07-01", "2027-07-01T18:00:00Z"},
		{"local, in its own zone", func(in *eventapi.NewEvent) { in.EventTime, in.TimeZone = ptr("2027-07-01T20:00"), "America/New_York" }, "2027-07-02T00:00:00Z", "2027-07-01", "2027-07-02T00:00:00Z"},
		{"offset decides in the doubled hour", func(in *eventapi.NewEvent) { in.EventTime = ptr("2027-10-31T02:30:00+01:00") }, "2027-10-31T01:30:00Z", "2027-10-31", "2027-10-31T01:30:00Z"},
		{"date only", func(in *eventapi.NewEvent) { in.EventTime, in.EventDate = nil, "2027-03-01" }, "", "2027-03-01", "2027-03-01T22:59:59Z"},
		{"to be announced", func(in *eventapi.NewEvent) { in.EventTime = nil }, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := w.create(t, c.change)
			if rfc(e.StartsAt) != c.starts || e.LocalDate != c.date || rfc(e.ClosesAt) != c.ends {
				t.Fatalf("starts %q on %q, sale ends %q; want %q, %q, %q", rfc(e.StartsAt), e.LocalDate, rfc(e.ClosesAt), c.starts, c.date, c.ends)
			}
		})
	}
}

func rfc(us int64) string {
	if us == 0 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format(time.RFC3339)
}

func TestAttributesStayAsWritten(t *testing.T) {
	e := newWorld(t).create(t, func(in *eventapi.NewEvent) {
		in.Attributes = json.RawMessage(`{ "big": 12345678901234567890, "exact": 1.10, "list": [1, {"a": null}] }`)
	})
	if want := `{"big":12345678901234567890,"exact":1.10,"list":[1,{"a":null}]}`; e.Attributes != want {
		t.Fatalf("attributes are %s, want %s", e.Attributes, want)
	}
}

// Texts that people see have no invisible or direction-changing characters; right-to-left
// and joined scripts are accepted. Imported pages lose such characters.
func TestHiddenCharacters(t *testing.T) {
	s := newSite(t)
	event := func(title, category, description, venue, city, tier string) string {
		body, err := json.Marshal(map[string]any{"title": title, "category": category, "description": description, "currency": "EUR",
			"venue": map[string]any{"name": venue, "city": city, "time_zone": "Europe/Berlin"}, "plan": map[string]any{"template": "club", "seats": 100},
			"tiers": []map[string]any{{"name": tier, "price": 100}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	s.ask(t, organizer, 201, "POST", "/events", event("مهرجان", "می\u200cخواهم", "שלום\n👩\u200d👧\r\n\tx", "Łódź", "東京", "👩\u200d👧"))
	for _, hidden := range []string{"\u202e", "\u200b", "\u2028", "\u00ad"} {
		for i, field := range []string{"title", "category", "description", "venue.name", "venue.city", "tiers[0].name"} {
			texts := []string{"a", "a", "a", "a", "a", "a"}
			texts[i] = "a" + hidden + "b"
			if field == "description" && hidden == "\u00ad" { // where words of running text may break
				s.ask(t, organizer, 201, "POST", "/events", event(texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]))
				continue
			}
			rec := s.ask(t, organizer, 422, "POST", "/events", event(texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]))
			if text := rec.Body.String(); !strings.Contains(text, safetext.HiddenReason.Text) || !strings.Contains(text, field) {
				t.Errorf("%s with %+q: %s", field, hidden, rec.Body)
			}
		}
		plan := &seating.PlanDocument{Name: "P", Categories: []seating.Category{{Name: "C"}}, Sections: []seating.SectionDocument{{ID: "S", Category: "C", Rows: []seating.RowDocument{{Label: "A", Seats: []seating.SeatDocument{{Number: "1" + hidden}}}}}}}
		if _, err := plan.NewPlan(); !strings.Contains(fmt.Sprint(err), "sections[0].rows[0].seats[0].number "+safetext.HiddenReason.Text) {
			t.Errorf("a seat with %+q: %v", hidden, err)
		}
		packed, _, err := plan.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seating.Unpack(packed); err != nil {
			t.Errorf("a stored plan cannot be read: %v", err)
		}
		w := newWorld(t)
		w.mustImport(t, importer.Options{}, edited(t, "postponed.json", "Example evening", "Exam"+hidden+"ple"+hidden+" evening"))
		if e := w.imported(t, "discovery:EX9"); e.Title != "Example evening" {
			t.Errorf("imported as %+q", e.Title)
		}
	}
}
