package event

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Check returns what Create would, and creates nothing.
func TestCheck(t *testing.T) {
	w := newWorld(t)
	in := gala()
	in.Price, in.Status = nil, eventapi.Draft
	in.FeeRules = &seating.FeeRules{FeeRate: 850, TaxRate: 1900}
	in.Tiers = []eventapi.NewTier{{Name: "All", Face: ptr(int64(5000))}}
	tiers, err := w.Check(t.Context(), organizer, in)
	if err != nil || len(tiers) != 1 || tiers[0].Price != 5000+425+1031 {
		t.Fatalf("%+v %v", tiers, err)
	}
	in.Title, in.Plan.Seats = "", 3
	_, err = w.Check(t.Context(), organizer, in)
	wantField(t, err, "title")
	wantField(t, err, "plan.seats")
	_, err = w.Check(t.Context(), fan, gala())
	wantKind(t, err, errs.Forbidden)
	list, _, err := w.list(t.Context(), w.db.Browse(), admin, eventapi.Filter{Status: "all", Limit: 10})
	if err != nil || len(list) != 0 {
		t.Fatalf("%d events %v", len(list), err)
	}
}

// Empty fields of a form empty these fields of the event.
func TestUnset(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	e := w.create(t, func(in *eventapi.NewEvent) {
		in.SaleOpensAt, in.SaleClosesAt, in.RefundableUntil = ptr(at), ptr(at.Add(time.Hour)), ptr(at)
		in.Price, in.FeeRules, in.Tiers = nil, &seating.FeeRules{FeeRate: 1000}, []eventapi.NewTier{{Name: "All", Face: ptr(int64(1000))}}
	})
	e, err := w.apply(t.Context(), organizer, e.ID, e.Version, change{unset: unset{opens: true, closes: true, refunds: true, feeRules: true},
		Update: eventapi.Update{Tiers: []eventapi.NewTier{{Name: "All", Price: 1000}}}})
	if err != nil || e.OpensAt != 0 || e.ClosesAt != e.StartsAt || e.RefundsEnd != 0 || e.PriceFrom != 1000 {
		t.Fatalf("%+v %v", e, err)
	}
	p, err := w.Prices(t.Context(), e.ID, e.PriceVersion)
	if err != nil || p.Rules != nil {
		t.Fatalf("%+v %v", p, err)
	}
	e, err = w.apply(t.Context(), organizer, e.ID, e.Version, change{unset: unset{closes: true}, Update: eventapi.Update{EventTime: ptr("2027-03-05T20:00")}})
	if err != nil || e.ClosesAt != e.StartsAt {
		t.Fatalf("the sale does not close with the event: %+v %v", e, err)
	}
}

// Venues and plans used before are offered again to their organizer.
func TestUsedAndSummary(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	w.clock = w.clock.Add(time.Minute)
	soon := w.create(t, func(in *eventapi.NewEvent) { in.Venue.Name = "New Hall"; in.SaleOpensAt = ptr(w.clock.Add(time.Hour)) })
	w.create(t, func(in *eventapi.NewEvent) { in.SaleOpensAt = ptr(w.clock.Add(2 * time.Hour)) })
	w.create(t, func(in *eventapi.NewEvent) { in.EventTime = ptr("2026-03-01T20:00:00+01:00") })
	foreign, err := w.add(ctx, rival, "", gala())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.cancel(ctx, rival, foreign.ID, 0); err != nil {
		t.Fatal(err)
	}
	venues, plans, err := w.Used(ctx, organizer)
	if err != nil || len(venues) != 2 || len(plans) != 1 || plans[0].Seats != 100 || plans[0].Version != 1 {
		t.Fatalf("%+v %+v %v", venues, plans, err)
	}
	if venues, _, err = w.Used(ctx, caller.Caller{UserID: "somebody", Role: caller.Organizer}); err != nil || len(venues) != 0 {
		t.Fatalf("%+v %v", venues, err)
	}
	sum, err := w.Summary(ctx, organizer)
	counts, next := sum.Counts, sum.Opens
	if err != nil || counts["draft"] != 1 || counts["upcoming"] != 2 || counts["past"] != 1 || counts["cancelled"] != 0 || next == nil || next.ID != soon.ID {
		t.Fatalf("%v %+v %v", counts, next, err)
	}
	if sum, err = w.Summary(ctx, admin); err != nil || sum.Counts["cancelled"] != 1 {
		t.Fatalf("%v %v", sum, err)
	}
	if sum, err = w.Summary(ctx, rival); err != nil || sum.Opens != nil {
		t.Fatalf("%+v %v", sum, err)
	}
}

// The latest events come first on request, over several pages.
func TestLatestFirst(t *testing.T) {
	w := newWorld(t)
	for _, day := range []string{"2027-03-03", "2027-03-01", "2027-03-02"} {
		w.create(t, func(in *eventapi.NewEvent) { in.Title, in.EventTime, in.EventDate = day, nil, day })
	}
	var got []string
	for cursor := ""; ; {
		list, next, err := w.list(t.Context(), w.db.Browse(), organizer, eventapi.Filter{Latest: true, Limit: 1, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			got = append(got, e.Title)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(got) != 3 || got[0] != "2027-03-03" || got[2] != "2027-03-01" {
		t.Fatal(got)
	}
}

// A plan is read as a document of its own, from an import file, or in pretix's format.
func TestStorePlan(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	plain := `{"name":"Hall","categories":[{"name":"A"}],"sections":[{"id":"S","category":"A","capacity":7}]}`
	p, err := w.StorePlan(ctx, organizer, "plan.json", []byte(plain))
	if err != nil || p.Seats != 7 {
		t.Fatalf("%+v %v", p, err)
	}
	again, err := w.ChosenPlan(ctx, eventapi.PlanChoice{ID: p.ID, Version: p.Version})
	if err != nil || len(again.Seats) != 7 {
		t.Fatalf("it is not stored: %v", err)
	}
	files, err := filepath.Glob("testdata/import/*retix*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plan of pretix to try: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.StorePlan(ctx, organizer, name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	own, err := json.Marshal(map[string]any{"boxoffice": 1, "plans": []any{map[string]any{"source_id": "x", "name": "H", "categories": []any{map[string]any{"name": "A"}},
		"sections": []any{map[string]any{"id": "S", "category": "A", "capacity": 3}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = w.StorePlan(ctx, organizer, "own.json", own); err != nil || p.Seats != 3 {
		t.Fatalf("%+v %v", p, err)
	}
	for _, bad := range []string{"", "{", "[]", `{"sections":[]}`, `{"sections":{}}`, `{"boxoffice":1}`, `{"name":"H","sections":[],"x":1}`} {
		_, err := w.StorePlan(ctx, organizer, "bad", []byte(bad))
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	_, err = w.StorePlan(ctx, fan, "", []byte(plain))
	wantKind(t, err, errs.Forbidden)
}
