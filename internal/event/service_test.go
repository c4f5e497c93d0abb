package event

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/seating/seatingtest"
)

func TestCreateHandsTheSaleOver(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	want := bookingapi.Sale{
		Status: eventapi.OnSale, ClosesAt: e.StartsAt, PlanID: e.PlanID, PlanVersion: 1, PriceVersion: 1, Currency: "EUR", Seats: 100,
		LimitPerCustomer: bookingapi.DefaultPerPerson, HoldFor: bookingapi.DefaultHold, OrganizerID: organizer.UserID, EventVersion: 1, RefundsEnd: e.StartsAt,
	}
	if got := w.booth.All()[e.ID]; !reflect.DeepEqual(got, want) {
		t.Fatalf("sale is %+v, want %+v", got, want)
	}
	stored, err := w.read(t.Context(), e.ID)
	if err != nil || stored.Synced != 1 {
		t.Fatalf("synced version is %d (%v), want 1", stored.Synced, err)
	}
}

func TestWhoMayCreate(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		caller caller.Caller
		kind   errs.Kind
	}{{nobody, errs.Unauthenticated}, {fan, errs.Forbidden}} {
		_, err := w.add(t.Context(), c.caller, "", gala())
		wantKind(t, err, c.kind)
	}
	for _, c := range []caller.Caller{organizer, admin} {
		if _, err := w.add(t.Context(), c, "", gala()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDraftsArePrivate(t *testing.T) {
	w := newWorld(t)
	draft := w.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	check := func(when string) {
		t.Helper()
		for _, c := range []caller.Caller{nobody, fan, rival} {
			if _, err := w.get(t.Context(), c, draft.ID); errs.KindOf(err) != errs.NotFound {
				t.Fatalf("%s: %v got %v, want NotFound", when, c, err)
			}
			for _, status := range []eventapi.Status{"", "draft", "cancelled", "all"} {
				list, _, err := w.list(t.Context(), w.db.Browse(), c, eventapi.Filter{Status: status, Limit: 10})
				if err != nil || len(list) > 0 {
					t.Fatalf("%s: list %q shows %v %d events (%v)", when, status, c, len(list), err)
				}
			}
		}
		_, err := w.change(t.Context(), rival, draft.ID, 0, eventapi.Update{Title: ptr("Mine")})
		wantKind(t, err, errs.NotFound)
		_, err = w.cancel(t.Context(), rival, draft.ID, 0)
		wantKind(t, err, errs.NotFound)
		for _, c := range []caller.Caller{organizer, admin} {
			if _, err := w.get(t.Context(), c, draft.ID); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if list, _, err := w.list(t.Context(), w.db.Browse(), c, eventapi.Filter{Status: "all", Limit: 10}); err != nil || len(list) != 1 {
				t.Fatalf("%s: %d events, %v", when, len(list), err)
			}
		}
	}
	check("draft")
	if _, err := w.cancel(t.Context(), organizer, draft.ID, 0); err != nil {
		t.Fatal(err)
	}
	check("cancelled draft")
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	got, err := w.change(t.Context(), organizer, e.ID, 1, eventapi.Update{
		Title: ptr("Grand Gala"), Price: ptr(int64(7000)), LimitPerCustomer: ptr(int32(4)), HoldMinutes: ptr(int64(5)), EventTime: ptr("2027-04-01T20:00"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "Grand Gala" || got.Version != 2 || got.PriceVersion != 2 || rfc(got.StartsAt) != "2027-04-01T18:00:00Z" || got.ClosesAt != got.StartsAt {
		t.Fatalf("event is %+v", got)
	}
	sale := w.booth.All()[e.ID]
	if sale.EventVersion != 2 || sale.PriceVersion != 2 || sale.LimitPerCustomer != 4 || sale.HoldFor != 5*60_000_000 || sale.ClosesAt != got.StartsAt {
		t.Fatalf("sale is %+v", sale)
	}
	for version, want := range map[int64]int64{1: 5000, 2: 7000} {
		p, err := w.Prices(t.Context(), e.ID, version)
		if err != nil || p.Tiers[0].Price != want {
			t.Fatalf("prices %d are %+v (%v), want %d", version, p, err, want)
		}
	}
	if shown, err := w.get(t.Context(), nobody, e.ID); err != nil || shown.Version != 2 {
		t.Fatalf("version %d is shown (%v), want 2", shown.Version, err)
	}
}

func TestUpdateRefusals(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.Sell(e.ID, 1)
	for _, c := range []struct {
		name    string
		caller  caller.Caller
		version int64
		change  eventapi.Update
		kind    errs.Kind
		field   string
	}{
		{"not signed in", nobody, 0, eventapi.Update{}, errs.Unauthenticated, ""},
		{"somebody else's", rival, 0, eventapi.Update{Title: ptr("x")}, errs.NotFound, ""},
		{"other version", organizer, 7, eventapi.Update{Title: ptr("x")}, errs.Precondition, ""},
		{"plan", organizer, 1, eventapi.Update{Plan: &eventapi.PlanChoice{Template: "club", Seats: 100}}, errs.Conflict, ""},
		{"currency", organizer, 1, eventapi.Update{Currency: ptr("USD"), Price: ptr(int64(1))}, errs.Conflict, ""},
		{"back to draft with seats taken", organizer, 1, eventapi.Update{Status: ptr(eventapi.Draft)}, errs.Conflict, ""},
		{"unknown status", organizer, 1, eventapi.Update{Status: ptr(eventapi.Status("past"))}, errs.Invalid, "status"},
		{"title", organizer, 1, eventapi.Update{Title: ptr("")}, errs.Invalid, "title"},
		{"limit", organizer, 1, eventapi.Update{LimitPerCustomer: ptr(int32(101))}, errs.Invalid, "limit_per_customer"},
		{"incomplete prices", organizer, 1, eventapi.Update{Tiers: []eventapi.NewTier{{Name: "a", Price: 1, Sections: []string{"CI"}}}}, errs.Invalid, "tiers"},
		{"negative price", organizer, 1, eventapi.Update{Tiers: []eventapi.NewTier{{Name: "a", Price: -1}}}, errs.Invalid, "tiers[0].price"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.change(t.Context(), c.caller, e.ID, c.version, c.change)
			wantKind(t, err, c.kind)
			if c.field != "" {
				wantField(t, err, c.field)
			}
		})
	}
	if now, err := w.read(t.Context(), e.ID); err != nil || now.Version != 1 || now.Title != "Gala" || w.booth.All()[e.ID].EventVersion != 1 {
		t.Fatalf("refusals changed the event: %+v, %v", now, err)
	}
}

func TestTwoUpdatesOfOneVersion(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	outcomes := make(chan error, 8)
	for i := range cap(outcomes) {
		go func() {
			_, err := w.change(t.Context(), organizer, e.ID, 1, eventapi.Update{Title: ptr(fmt.Sprint("by ", i))})
			outcomes <- err
		}()
	}
	won := 0
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			won++
		} else {
			wantKind(t, err, errs.Precondition)
		}
	}
	if won != 1 {
		t.Fatalf("%d of the updates won, want 1", won)
	}
}

func TestPricedAndPutOnSaleLater(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, func(in *eventapi.NewEvent) { in.Price, in.Currency, in.Status = nil, "", eventapi.Published })
	_, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Status: ptr(eventapi.OnSale)})
	wantField(t, err, "status")
	e, err = w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Status: ptr(eventapi.OnSale), Currency: ptr("USD"), Price: ptr(int64(0))})
	if err != nil || e.Status != eventapi.OnSale || e.Currency != "USD" {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestCancelIsForGood(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	for range 2 { // the second time nothing happens
		got, err := w.cancel(t.Context(), organizer, e.ID, 0)
		if err != nil || got.Status != eventapi.Cancelled || got.Version != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if s := w.booth.All()[e.ID]; s.Status != eventapi.Cancelled {
		t.Fatalf("sale is %+v", s)
	}
	_, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Status: ptr(eventapi.OnSale)})
	wantKind(t, err, errs.Conflict)
}

func TestCancelledByUpdateStaysVisible(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	if _, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Status: ptr(eventapi.Cancelled)}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.get(t.Context(), nobody, e.ID); err != nil || got.Status != eventapi.Cancelled {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestListPagesSurviveInserts(t *testing.T) {
	w := newWorld(t)
	at := func(day int) func(*eventapi.NewEvent) {
		return func(in *eventapi.NewEvent) {
			in.EventTime = ptr(time.Date(2027, 2, 1+day, 20, 0, 0, 0, time.UTC).Format(time.RFC3339))
			in.Title = fmt.Sprint("day ", day)
		}
	}
	for day := range 9 {
		w.create(t, at(day*2))
	}
	w.create(t, func(in *eventapi.NewEvent) { in.EventTime, in.Title = nil, "to be announced" })
	seen, cursor := map[string]int{}, ""
	for page := 0; ; page++ {
		list, next, err := w.list(t.Context(), w.db.Browse(), nobody, eventapi.Filter{Limit: 4, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			seen[e.Title]++
		}
		w.create(t, at(-5+page)) // before what was read
		if cursor = next; cursor == "" {
			break
		}
	}
	for range 5 { // all at the same time
		w.create(t, func(in *eventapi.NewEvent) { in.Category = "Festival" })
	}
	together := map[string]bool{}
	for cursor, pages := "", 0; pages < 3; pages++ {
		list, next, err := w.list(t.Context(), w.db.Browse(), nobody, eventapi.Filter{Category: "Festival", Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if together[e.ID] {
				t.Fatal("an event is on two pages")
			}
			together[e.ID] = true
		}
		cursor = next
	}
	if len(together) != 5 {
		t.Fatalf("%d of five events at the same time are listed", len(together))
	}
	for day := range 9 {
		if n := seen[fmt.Sprint("day ", day*2)]; n != 1 {
			t.Errorf("day %d was listed %d times", day*2, n)
		}
	}
	if seen["to be announced"] != 1 {
		t.Error("the event to be announced was not listed once")
	}
	_, _, err := w.list(t.Context(), w.db.Browse(), nobody, eventapi.Filter{Limit: 4, Cursor: "1; DROP TABLE events"})
	wantField(t, err, "cursor")
}

func TestListFilters(t *testing.T) {
	w := newWorld(t)
	w.create(t, func(in *eventapi.NewEvent) { in.Title, in.Category = "100% Jazz", "Music" })
	w.create(t, func(in *eventapi.NewEvent) {
		in.Title, in.Venue.City, in.EventTime = "Opera", "Wien", ptr("2027-05-01T20:00")
	})
	w.create(t, func(in *eventapi.NewEvent) { in.Title, in.EventTime = "Yesterday", ptr("2027-01-09T20:00") })
	gone := w.create(t, func(in *eventapi.NewEvent) { in.Title = "Gone" })
	if _, err := w.cancel(t.Context(), organizer, gone.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter eventapi.Filter
		want   []string
	}{
		{eventapi.Filter{}, []string{"100% Jazz", "Opera"}},
		{eventapi.Filter{Status: "past"}, []string{"Yesterday"}},
		{eventapi.Filter{Status: "cancelled"}, []string{"Gone"}},
		{eventapi.Filter{Status: "all"}, []string{"Yesterday", "100% Jazz", "Gone", "Opera"}},
		{eventapi.Filter{Text: "jAzz"}, []string{"100% Jazz"}},
		{eventapi.Filter{Text: "%"}, []string{"100% Jazz"}},
		{eventapi.Filter{Text: "wien"}, []string{"Opera"}},
		{eventapi.Filter{City: "wien"}, []string{"Opera"}},
		{eventapi.Filter{Category: "music"}, []string{"100% Jazz"}},
		{eventapi.Filter{From: time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)}, []string{"Opera"}},
		{eventapi.Filter{To: time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)}, []string{"100% Jazz"}},
	} {
		c.filter.Limit = 10
		list, next, err := w.list(t.Context(), w.db.Browse(), nobody, c.filter)
		if err != nil || next != "" {
			t.Fatal(err, next)
		}
		got := map[string]bool{}
		for _, e := range list {
			got[e.Title] = true
		}
		ok := len(list) == len(c.want)
		for _, title := range c.want {
			ok = ok && got[title]
		}
		if !ok {
			t.Errorf("%+v shows %v, want %v", c.filter, got, c.want)
		}
	}
}

// A plan document is stored once, however often it is used, and is read back unchanged.
func TestOwnPlan(t *testing.T) {
	w := newWorld(t)
	doc := smallPlan("1", "2", "3")
	doc.Sections = append(doc.Sections, seating.SectionDocument{ID: "PIT", Capacity: 20, Category: "Any"})
	a := w.create(t, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{Document: doc} })
	b := w.create(t, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{Document: doc} })
	c := w.create(t, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{ID: a.PlanID} })
	if a.PlanID != b.PlanID || c.PlanVersion != 1 || a.Seats != 23 {
		t.Fatalf("plans %s, %s, version %d; %d seats", a.PlanID, b.PlanID, c.PlanVersion, a.Seats)
	}
	w.plans.InvalidateAll()
	p, err := w.Plan(t.Context(), a.PlanID, 1)
	if err != nil {
		t.Fatal(err)
	}
	seatingtest.Check(t, p)
	if n, ok := p.Ordinal("S-A-2"); !ok || n != 1 || p.Seats[1].X != 10 || !p.Sections[1].GeneralAdmission {
		t.Fatalf("plan came back as %+v", p)
	}
}

func TestMissing(t *testing.T) {
	w := newWorld(t)
	_, err := w.get(t.Context(), admin, "0000000000000000")
	wantKind(t, err, errs.NotFound)
	_, err = w.Plan(t.Context(), "0000000000000000", 1)
	wantKind(t, err, errs.NotFound)
	_, err = w.Prices(t.Context(), "0000000000000000", 1)
	wantKind(t, err, errs.NotFound)
	_, err = w.change(t.Context(), admin, "0000000000000000", 0, eventapi.Update{})
	wantKind(t, err, errs.NotFound)
}

// An event with 80,000 seats takes a few rows; the time is logged, not checked.
func TestLargeEventWritesNoSeats(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 2 {
		start := time.Now()
		e := w.create(t, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{Template: "stadium", Seats: 80_000} })
		t.Logf("80,000 seats, plan made before: %v: %v", i > 0, time.Since(start))
		ids = append(ids, e.PlanID)
	}
	var plans, document int
	if err := w.db.Reader().QueryRow(`SELECT count(*), coalesce(sum(length(document)), 0) FROM plans`).Scan(&plans, &document); err != nil {
		t.Fatal(err)
	}
	if ids[0] != ids[1] || plans != 1 || document != 0 {
		t.Fatalf("plans %v, %d rows with %d bytes; want one row that names its template", ids, plans, document)
	}
}

func BenchmarkCreate80000(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.plans.InvalidateAll()
		w.create(b, func(in *eventapi.NewEvent) { in.Plan = eventapi.PlanChoice{Template: "stadium", Seats: 80_000} })
	}
}
