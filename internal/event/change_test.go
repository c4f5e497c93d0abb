package event

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

func (w *world) update(t testing.TB, e stored, c eventapi.Update) stored {
	t.Helper()
	e, err := w.change(t.Context(), organizer, e.ID, 0, c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) tiers(t testing.TB, e stored) []seating.Tier {
	t.Helper()
	p, err := w.Prices(t.Context(), e.ID, e.PriceVersion)
	if err != nil {
		t.Fatal(err)
	}
	return p.Tiers
}

// Rules turn face values into all-in prices in every currency, and seats sold by old rules
// keep their prices.
func TestFeeRules(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		currency        string
		rules           seating.FeeRules
		face            int64
		fee, tax, price int64
	}{
		{"EUR", seating.FeeRules{}, 5000, 0, 0, 5000},
		{"EUR", seating.FeeRules{FeeRate: 850, FeeFixed: 100, TaxRate: 1900}, 5000, 525, 1050, 6575},
		{"EUR", seating.FeeRules{FeeRate: 850, FeeFixed: 100, TaxRate: 1900, Rounding: "down"}, 5000, 525, 1049, 6574},
		{"EUR", seating.FeeRules{TaxRate: 500, Rounding: "half_even"}, 4850, 0, 242, 5092},
		{"JPY", seating.FeeRules{FeeRate: 1000, TaxRate: 1000}, 8888, 889, 978, 10755},
		{"KWD", seating.FeeRules{FeeFixed: 250, TaxRate: 500, Rounding: "up"}, 12_345, 250, 630, 13_225},
	} {
		e := w.create(t, func(in *eventapi.NewEvent) {
			in.Currency, in.Price, in.FeeRules, in.Tiers = c.currency, nil, &c.rules, []eventapi.NewTier{{Name: "All", Face: &c.face}}
		})
		got := w.tiers(t, e)[0]
		if got.Fee != c.fee || got.Tax != c.tax || got.Price != c.price || got.Fees != c.fee+c.tax || got.Face != c.face || e.PriceFrom != c.price {
			t.Errorf("%+v: %+v, from %d", c, got, e.PriceFrom)
		}
	}
	e := w.create(t, func(in *eventapi.NewEvent) {
		in.Price, in.FeeRules, in.Tiers = nil, &seating.FeeRules{TaxRate: 1900}, []eventapi.NewTier{{Name: "All", Face: ptr(int64(1000))}}
	})
	e = w.update(t, e, eventapi.Update{FeeRules: &seating.FeeRules{TaxRate: 700}})
	if got := w.tiers(t, e)[0]; got.Price != 1070 || e.PriceVersion != 2 {
		t.Errorf("new rules: %+v, version %d", got, e.PriceVersion)
	}
	e = w.update(t, e, eventapi.Update{Tiers: []eventapi.NewTier{{Name: "All", Face: ptr(int64(2000))}}})
	if got := w.tiers(t, e)[0]; got.Price != 2140 || e.PriceVersion != 3 {
		t.Errorf("new face value: %+v, version %d", got, e.PriceVersion)
	}
	if old, err := w.Prices(t.Context(), e.ID, 1); err != nil || old.Tiers[0].Price != 1190 || old.Rules.TaxRate != 1900 {
		t.Errorf("the first list is %+v, %v", old, err)
	}
}

func TestFeeRulesRefused(t *testing.T) {
	w := newWorld(t)
	face := ptr(int64(1000))
	for name, c := range map[string]struct {
		field  string
		change func(*eventapi.NewEvent)
	}{
		"rate":         {"fee_rules.tax_rate", func(in *eventapi.NewEvent) { in.FeeRules = &seating.FeeRules{TaxRate: 10_001} }},
		"negative":     {"fee_rules.fee_fixed", func(in *eventapi.NewEvent) { in.FeeRules = &seating.FeeRules{FeeFixed: -1} }},
		"rounding":     {"fee_rules.rounding", func(in *eventapi.NewEvent) { in.FeeRules = &seating.FeeRules{Rounding: "sideways"} }},
		"all-in price": {"price", func(in *eventapi.NewEvent) { in.FeeRules = &seating.FeeRules{}; in.Price = face; in.Tiers = nil }},
		"no face": {"tiers[0].face", func(in *eventapi.NewEvent) {
			in.FeeRules = &seating.FeeRules{}
			in.Tiers[0] = eventapi.NewTier{Name: "A", Price: 1}
		}},
		"face and price": {"tiers[0].face", func(in *eventapi.NewEvent) { in.FeeRules = &seating.FeeRules{}; in.Tiers[0].Price = 1 }},
		"too dear": {"tiers[0].face", func(in *eventapi.NewEvent) {
			in.FeeRules = &seating.FeeRules{FeeFixed: 1}
			in.Tiers[0].Face = ptr(int64(1e14))
		}},
		"without rules": {"tiers[0].face", func(in *eventapi.NewEvent) {}},
	} {
		t.Run(name, func(t *testing.T) {
			in := gala()
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "A", Face: face}}
			c.change(&in)
			_, err := w.add(t.Context(), organizer, "", in)
			wantField(t, err, c.field)
		})
	}
	e := w.create(t, nil) // with an all-in price
	_, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{FeeRules: &seating.FeeRules{TaxRate: 1}})
	wantField(t, err, "tiers")
}

func TestNewTimeIsRecorded(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, func(in *eventapi.NewEvent) { in.RefundableUntil = ptr(w.clock) })
	if s := w.booth.All()[e.ID]; s.RefundsEnd != w.clock.UnixMicro() || s.ChangedAt != 0 {
		t.Fatalf("%+v", s)
	}
	w.clock = w.clock.Add(time.Hour)
	e = w.update(t, e, eventapi.Update{EventTime: ptr("2027-03-02T20:00")})
	list, err := w.history(t.Context(), e.ID)
	if err != nil || len(list) != 1 || list[0].From != "2027-03-01T20:00:00+01:00" || list[0].To != "2027-03-02T20:00:00+01:00" || !list[0].At.Equal(w.clock) {
		t.Fatalf("%+v %v", list, err)
	}
	if s := w.booth.All()[e.ID]; s.ChangedAt != w.clock.UnixMicro() || s.ChangeRefundsEnd != e.StartsAt || s.ClosesAt != e.StartsAt {
		t.Errorf("%+v", s)
	}
	e = w.update(t, e, eventapi.Update{EventTime: ptr("")})
	e = w.update(t, e, eventapi.Update{Venue: &eventapi.NewVenue{Name: "New Hall", City: "Ulm", TimeZone: "Europe/Berlin"}})
	list, err = w.history(t.Context(), e.ID)
	if err != nil || len(list) != 3 || list[1].To != "" || list[2].Field != "venue" || list[2].To != "New Hall, Ulm" {
		t.Fatalf("%+v %v", list, err)
	}
	if e.StartsAt != 0 || e.LocalDate != "" || e.ClosesAt != 0 {
		t.Errorf("%+v", e)
	}
	_, err = w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Venue: &eventapi.NewVenue{Name: "Far Hall", TimeZone: "Asia/Tokyo"}})
	wantField(t, err, "event_time")
	// Changes before the event was public are not recorded.
	draft := w.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	draft = w.update(t, draft, eventapi.Update{EventTime: ptr("2027-03-02T20:00")})
	if list, err := w.history(t.Context(), draft.ID); err != nil || len(list) != 0 || draft.ChangedAt != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestTimesThatClocksDoNotShow(t *testing.T) {
	w := newWorld(t)
	for at, ok := range map[string]bool{
		"2027-03-28T02:30": false, "2027-10-31T02:30": false, "2027-10-31T02:30:00+01:00": true, "2027-10-31T02:30:00+02:00": true,
		"2027-03-28T03:30": true, "2027-03-28T01:59": true, "2027-10-31T01:59": true, "2027-10-31T03:00": true,
	} {
		in := gala()
		in.EventTime = &at
		_, err := w.add(t.Context(), organizer, "", in)
		if ok && err != nil {
			t.Errorf("%s: %v", at, err)
		}
		if !ok {
			wantField(t, err, "event_time")
		}
	}
}

func TestPlanAndCurrency(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	dollars := eventapi.Update{Currency: ptr("USD"), Price: ptr(int64(7000))}
	bigger := eventapi.Update{Plan: &eventapi.PlanChoice{Template: "arena", Seats: 500}, Price: ptr(int64(7000))}
	e = w.update(t, e, dollars)
	e = w.update(t, e, bigger)
	if s := w.booth.All()[e.ID]; s.Currency != "USD" || s.Seats != 500 || s.PriceVersion != 3 {
		t.Fatalf("%+v", s)
	}
	w.booth.Sell(e.ID, 1)
	for slug, c := range map[string]eventapi.Update{"plan-in-use": {Plan: &eventapi.PlanChoice{Template: "club", Seats: 100}}, "currency-in-use": {Currency: ptr("EUR"), Price: ptr(int64(1))}} {
		if _, err := w.change(t.Context(), organizer, e.ID, 0, c); !errs.Is(err, slug) {
			t.Errorf("%v, want %s", err, slug)
		}
	}
	if got := w.update(t, e, eventapi.Update{Price: ptr(int64(9000))}); got.PriceFrom != 9000 {
		t.Errorf("%+v", got)
	}
}

// When seats are taken between the check and the hand-over, the event is as before, and
// can be changed again.
func TestRefusedByTheBookingSide(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.refuse = errs.New(errs.Conflict, "plan-in-use", "Somebody was faster.")
	_, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Plan: &eventapi.PlanChoice{Template: "arena", Seats: 500}, Price: ptr(int64(1)), EventTime: ptr("2027-05-05T20:00"), Title: ptr("Other")})
	var refusal *errs.Error
	if !errors.As(err, &refusal) || refusal.Type != "plan-in-use" {
		t.Fatalf("%v", err)
	}
	now, err := w.read(t.Context(), e.ID)
	if err != nil || now.Title != "Gala" || now.PlanID != e.PlanID || now.Seats != 100 || now.PriceVersion != 1 || now.StartsAt != e.StartsAt || now.Version != 3 || now.Synced != 3 {
		t.Fatalf("%+v %v", now, err)
	}
	if list, err := w.history(t.Context(), e.ID); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
	if r := now.Refusal(); r == nil || r.Type != "plan-in-use" || r.Version != 2 {
		t.Errorf("the refusal is %+v", r)
	}
	// The version of the prices that were refused is not given to others, and
	// those who have read them may keep them for good.
	if e = w.update(t, now, eventapi.Update{Price: ptr(int64(9000))}); e.PriceVersion != 3 || w.tiers(t, e)[0].Price != 9000 || e.Refused != "" {
		t.Errorf("%+v", e)
	}
	if p, err := w.Prices(t.Context(), e.ID, 2); err != nil || p.Tiers[0].Price != 1 {
		t.Errorf("the refused prices are %+v, %v", p, err)
	}
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	add := func(title, city, category, description, at string) string {
		return w.create(t, func(in *eventapi.NewEvent) {
			in.Title, in.Venue.City, in.Category, in.Description, in.EventTime = title, city, category, description, &at
		}).ID
	}
	night := add("Night of the Violins", "Zürich", "Music", "", "2027-05-01T20:00")
	dvorak := add("Antonín Dvořák: Rusalka", "Prague", "Opera", "With violins.", "2027-04-01T20:00")
	violin := add("Violin and Night", "Ulm", "Music", "100% strings_and things", "2027-06-01T20:00")
	add("Football", "Ulm", "Sports", "", "2027-03-01T20:00")
	find := func(f eventapi.Filter) (ids []string, h hits) {
		t.Helper()
		f.Limit = max(f.Limit, 1)
		for {
			page, err := w.search(t.Context(), nobody, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				ids = append(ids, e.ID)
			}
			if h = page; page.Next == "" {
				return ids, h
			}
			f.Cursor = page.Next
		}
	}
	for q, want := range map[string][]string{
		"violin":          {violin, night, dvorak}, // as the title begins, in the title, elsewhere
		"NIGHT violin":    {night, violin},
		"dvorak":          {dvorak},
		"zurich":          {night},
		"100%":            {violin},
		"strings_and":     {violin},
		"stringsXand":     nil,
		"violins rusalka": {dvorak},
		"nothing":         nil,
	} {
		if got, _ := find(eventapi.Filter{Text: q}); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", q, got, want)
		}
	}
	_, h := find(eventapi.Filter{City: "ulm", Limit: 10})
	if h.Total != 2 || len(h.Facets["city"]) != 3 || h.Facets["city"][0] != (eventapi.Facet{Value: "Ulm", Count: 2}) || fmt.Sprint(h.Facets["category"]) != "[{Music 1} {Sports 1}]" {
		t.Errorf("%+v", h)
	}
	_, err := w.search(t.Context(), nobody, eventapi.Filter{Text: "a b c d e f g h i", Limit: 1})
	wantField(t, err, "q")
	for _, cursor := range []string{"x", "1-2", "a-b-c"} {
		_, err := w.search(t.Context(), nobody, eventapi.Filter{Cursor: cursor, Limit: 1})
		wantField(t, err, "cursor")
	}
	if list, _, err := w.list(t.Context(), w.db.Browse(), nobody, eventapi.Filter{Category: "OPERA", City: "PRAGUE", Text: "DVORAK", Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
}
