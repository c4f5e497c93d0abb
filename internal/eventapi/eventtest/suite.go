// Package eventtest is the contract of the event service as tests: every
// implementation of eventapi.Service passes them, in process or remote.
package eventtest

import (
	"slices"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

// Test runs the suite. Each test has a service of its own, which works with a world of
// its own.
func Test(t *testing.T, newService func(t *testing.T, w *World) eventapi.Service) {
	for name, run := range map[string]func(*test){
		"who may see":      testVisible,
		"by id":            testEvents,
		"lists":            testLists,
		"search":           testSearch,
		"site map":         testSiteMap,
		"changes":          testChanges,
		"create":           testCreate,
		"update":           testUpdate,
		"replace":          testReplace,
		"sale":             testSale,
		"cancel":           testCancel,
		"sales that lag":   testPending,
		"plans and prices": testPlans,
		"dashboard":        testDashboard,
	} {
		t.Run(name, func(t *testing.T) {
			w := &World{Booth: NewBooth(), clock: time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)}
			run(&test{t, newService(t, w), w})
		})
	}
}

func testVisible(t *test) {
	ctx := t.Context()
	draft := t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	public := t.create(nil)
	if !draft.Private || public.Private {
		t.Errorf("drafts are private and nothing else: %v %v", draft.Private, public.Private)
	}
	for _, c := range []caller.Caller{nobody, fan, rival} {
		_, err := t.s.Event(ctx, c, draft.ID)
		t.refused(err, errs.NotFound, "")
		if e, err := t.s.Event(ctx, c, public.ID); err != nil || e.Title != "Gala" {
			t.Errorf("%s: %v", c.UserID, err)
		}
	}
	for _, c := range []caller.Caller{organizer, admin} {
		if e, err := t.s.OwnEvent(ctx, c, draft.ID); err != nil || e.ID != draft.ID {
			t.Errorf("%s: %v", c.UserID, err)
		}
	}
	_, err := t.s.OwnEvent(ctx, rival, public.ID)
	t.refused(err, errs.NotFound, "")
	_, err = t.s.OwnEvent(ctx, fan, public.ID)
	t.refused(err, errs.Forbidden, "organizers-only")
	_, err = t.s.OwnEvent(ctx, nobody, public.ID)
	t.refused(err, errs.Unauthenticated, "sign-in-required")
	_, err = t.s.Event(ctx, admin, "0000000000000000")
	t.refused(err, errs.NotFound, "")
}

func testEvents(t *test) {
	a, b := t.create(nil), t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	got, err := t.s.Events(t.Context(), []string{a.ID, b.ID, "0000000000000000"})
	t.must(err)
	if len(got) != 2 || got[a.ID].Title != "Gala" || got[b.ID].Status != eventapi.Draft || got[a.ID].Prices.Version != 1 {
		t.Errorf("%+v", got)
	}
	if got, err := t.s.Events(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no ids: %v %v", got, err)
	}
	e := got[a.ID]
	if begins := time.Date(2027, 3, 1, 19, 0, 0, 0, time.UTC); !e.Starts.Equal(begins) || e.Starts.Format("15:04") != "20:00" || e.Date != "2027-03-01" {
		t.Errorf("begins %v on %s", e.Starts, e.Date)
	}
	for hours, over := range map[time.Duration]bool{0: false, 24: true} {
		if e.OverAt(e.Starts.Add(hours*time.Hour)) != over {
			t.Errorf("%d hours after it began: over is %v", hours, !over)
		}
	}
}

func testLists(t *test) {
	ctx := t.Context()
	var ids []string
	for _, day := range []string{"2027-03-01", "2027-03-02", "2027-03-03"} {
		ids = append(ids, t.create(func(n *eventapi.NewEvent) { n.EventTime, n.EventDate = nil, day }).ID)
	}
	draft := t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	all := func(c caller.Caller, f eventapi.Filter) (got []string) {
		t.Helper()
		for f.Limit = 2; ; {
			p, err := t.s.List(ctx, c, f)
			t.must(err)
			for _, e := range p.Events {
				got = append(got, e.ID)
			}
			if f.Cursor = p.Next; p.Next == "" {
				return got
			}
		}
	}
	if got := all(nobody, eventapi.Filter{}); !slices.Equal(got, ids) {
		t.Errorf("upcoming: %v, want %v", got, ids)
	}
	if got := all(nobody, eventapi.Filter{Latest: true}); !slices.Equal(got, []string{ids[2], ids[1], ids[0]}) {
		t.Errorf("the last first: %v", got)
	}
	for c, n := range map[caller.Caller]int{nobody: 0, rival: 0, organizer: 1, admin: 1} {
		if got := all(c, eventapi.Filter{Status: "draft"}); len(got) != n || n > 0 && got[0] != draft.ID {
			t.Errorf("drafts for %q: %v", c.UserID, got)
		}
		want := map[caller.Caller]int{organizer: 4, admin: 4}[c]
		if got := all(c, eventapi.Filter{Status: "all", Own: true}); c.Organizes() && len(got) != want {
			t.Errorf("own events of %q: %v", c.UserID, got)
		}
	}
	if got := all(nobody, eventapi.Filter{FirstDay: "2027-03-02", LastDay: "2027-03-02"}); !slices.Equal(got, ids[1:2]) {
		t.Errorf("on a day: %v", got)
	}
	_, err := t.s.List(ctx, nobody, eventapi.Filter{Limit: 1, Cursor: "no cursor"})
	t.wrong(err, "cursor")
}

func testSearch(t *test) {
	ctx := t.Context()
	in := t.create(func(n *eventapi.NewEvent) { n.Title, n.Venue.City = "Violins at Night", "Köln" })
	about := t.create(func(n *eventapi.NewEvent) { n.Description = "With violins." })
	t.create(func(n *eventapi.NewEvent) { n.Title, n.Category = "Football", "Sports" })
	found, err := t.s.Search(ctx, nobody, eventapi.Filter{Text: "VIOLINS", Limit: 10})
	t.must(err)
	if found.Total != 2 || len(found.Events) != 2 || found.Events[0].ID != in.ID || found.Events[1].ID != about.ID {
		t.Errorf("%d found: %+v", found.Total, found.Events)
	}
	if f := found.Facets["city"]; len(f) != 2 || f[0].Count != 1 {
		t.Errorf("cities: %+v", f)
	}
	if found, err = t.s.Search(ctx, nobody, eventapi.Filter{City: "koln", Limit: 10}); err != nil || found.Total != 1 {
		t.Errorf("in Köln: %+v %v", found, err)
	}
	first, err := t.s.Search(ctx, nobody, eventapi.Filter{Limit: 2})
	t.must(err)
	rest, err := t.s.Search(ctx, nobody, eventapi.Filter{Limit: 2, Cursor: first.Next})
	if err != nil || len(first.Events) != 2 || len(rest.Events) != 1 || rest.Next != "" || rest.Total != 3 {
		t.Errorf("two pages: %d, %d %v", len(first.Events), len(rest.Events), err)
	}
}

func testSiteMap(t *test) {
	ctx := t.Context()
	for range 3 {
		t.create(nil)
	}
	t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	pages, err := t.s.MapPages(ctx, 2)
	t.must(err)
	if len(pages) != 2 {
		t.Fatalf("pages %v", pages)
	}
	first, err := t.s.MapPage(ctx, "", 2)
	t.must(err)
	second, err := t.s.MapPage(ctx, pages[1], 2)
	t.must(err)
	if len(first) != 2 || len(second) != 1 || first[0].Title != "Gala" || !first[0].Changed.Equal(t.w.Now()) {
		t.Errorf("%+v, %+v", first, second)
	}
}

func testChanges(t *test) {
	ctx := t.Context()
	moved, kept := t.create(nil), t.create(nil)
	later := "2027-03-02T20:00"
	e, err := t.s.Update(ctx, organizer, moved.ID, 0, eventapi.Update{EventTime: &later})
	t.must(err)
	if !e.Changed.Equal(t.w.Now()) {
		t.Errorf("changed at %v", e.Changed)
	}
	got, err := t.s.Changes(ctx, []string{moved.ID, kept.ID})
	t.must(err)
	list := got[moved.ID]
	if len(got) != 1 || len(list) != 1 || list[0].Field != "event_time" || list[0].From != "2027-03-01T20:00:00+01:00" || list[0].To != "2027-03-02T20:00:00+01:00" {
		t.Errorf("%+v", got)
	}
}
