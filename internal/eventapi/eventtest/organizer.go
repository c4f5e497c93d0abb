package eventtest

import (
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

func testCreate(t *test) {
	ctx := t.Context()
	for c, kind := range map[caller.Caller]errs.Kind{nobody: errs.Unauthenticated, fan: errs.Forbidden} {
		_, err := t.s.Create(ctx, c, "", Gala())
		t.refused(err, kind, "")
	}
	first, err := t.s.Create(ctx, organizer, "key", Gala())
	t.must(err)
	if first.Status != eventapi.OnSale || first.Version != 1 || first.Pending || first.Total != 100 || first.Free != 100 || first.From != 5000 || first.OrganizerID != organizer.UserID {
		t.Errorf("%+v", first)
	}
	if again, err := t.s.Create(ctx, organizer, "key", Gala()); err != nil || again.ID != first.ID {
		t.Errorf("sent again: %s %v", again.ID, err)
	}
	if other, err := t.s.Create(ctx, rival, "key", Gala()); err != nil || other.ID == first.ID {
		t.Errorf("somebody else's key: %s %v", other.ID, err)
	}
	n := Gala()
	n.Title = "Another"
	_, err = t.s.Create(ctx, organizer, "key", n)
	t.refused(err, errs.Invalid, "idempotency-key-reused")

	n.Title, n.Currency = "", "XXX"
	for _, check := range []func() error{
		func() error { _, err := t.s.Create(ctx, organizer, "", n); return err },
		func() error { _, err := t.s.Check(ctx, organizer, n); return err },
	} {
		err := check()
		t.wrong(err, "title")
		t.wrong(err, "currency")
	}
	face := int64(1000)
	n = Gala()
	n.Price, n.Tiers, n.FeeRules = nil, []eventapi.NewTier{{Name: "All", Face: &face}}, &eventapi.FeeRules{FeeRate: 1000}
	if tiers, err := t.s.Check(ctx, organizer, n); err != nil || len(tiers) != 1 || tiers[0].Price != 1100 {
		t.Errorf("all-in prices: %+v %v", tiers, err)
	}
	if n.FeeRules.Rounding != "" {
		t.Error("the service has changed what it was given")
	}
}

func testUpdate(t *test) {
	ctx, title, price := t.Context(), "Grand Gala", int64(6000)
	e := t.create(nil)
	_, err := t.s.Update(ctx, rival, e.ID, 0, eventapi.Update{Title: &title})
	t.refused(err, errs.NotFound, "")
	_, err = t.s.Update(ctx, nobody, e.ID, 0, eventapi.Update{Title: &title})
	t.refused(err, errs.Unauthenticated, "sign-in-required")
	_, err = t.s.Update(ctx, organizer, e.ID, e.Version+1, eventapi.Update{Title: &title})
	t.refused(err, errs.Precondition, "changed-meanwhile")
	got, err := t.s.Update(ctx, organizer, e.ID, e.Version, eventapi.Update{Title: &title, Price: &price})
	t.must(err)
	if got.Title != title || got.Prices.Version != 2 || got.From != price || got.Version != 2 || got.Category != "Music" {
		t.Errorf("%+v", got)
	}
	if seen, err := t.s.Event(ctx, nobody, e.ID); err != nil || seen.Version != 2 || seen.Title != title {
		t.Errorf("after the change: %+v %v", seen, err)
	}
	old, err := t.s.Prices(ctx, e.ID, 1)
	if err != nil || old.Tiers[0].Price != 5000 {
		t.Errorf("the prices of before: %+v %v", old, err)
	}
	t.w.Sell(e.ID, 1)
	draft := eventapi.Draft
	for slug, u := range map[string]eventapi.Update{
		"plan-in-use": {Plan: &eventapi.PlanChoice{Template: "club", Seats: 100}},
		"seats-taken": {Status: &draft},
	} {
		_, err := t.s.Update(ctx, organizer, e.ID, 0, u)
		t.refused(err, errs.Conflict, slug)
	}
}

func testReplace(t *test) {
	ctx, zero := t.Context(), int64(5000)
	form := Gala()
	form.Price, form.Tiers = nil, []eventapi.NewTier{{Name: "Fair", Price: zero, Categories: []string{"Premium", "Stalls", "Circle", "Balcony"}}}
	form.Status = eventapi.Draft
	closes := time.Date(2027, 2, 1, 11, 0, 30, 0, time.UTC)
	form.SaleClosesAt = &closes
	e, err := t.s.Create(ctx, organizer, "", form)
	t.must(err)

	toTheMinute := closes.Truncate(time.Minute)
	form.Title, form.SaleClosesAt, form.Status = "Grand Gala", &toTheMinute, eventapi.Published
	got, err := t.s.Replace(ctx, organizer, e.ID, e.Version, form)
	t.must(err)
	if got.Title != "Grand Gala" || got.Prices.Version != 1 || !got.Closes.Equal(closes) || got.Status != eventapi.Published || !got.Starts.Equal(e.Starts) {
		t.Errorf("more or less was changed than the title and the status: %+v", got)
	}
	later, tier := "2027-03-05T20:00", form.Tiers[0]
	tier.Price = 6000
	form.EventTime, form.Tiers, form.SaleClosesAt = &later, []eventapi.NewTier{tier}, nil
	if got, err = t.s.Replace(ctx, organizer, e.ID, got.Version, form); err != nil || got.Prices.Version != 2 || got.From != 6000 || got.Date != "2027-03-05" || !got.Closes.Equal(got.Starts) {
		t.Errorf("%+v %v", got, err)
	}
	_, err = t.s.Replace(ctx, organizer, e.ID, 1, form)
	t.refused(err, errs.Precondition, "changed-meanwhile")
	form.Tiers = nil
	_, err = t.s.Replace(ctx, organizer, e.ID, 0, form)
	t.wrong(err, "tiers")
}

func testSale(t *test) {
	ctx := t.Context()
	e := t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	for _, c := range []struct {
		action eventapi.SaleAction
		state  eventapi.SaleState
		paused bool
	}{{eventapi.Publish, eventapi.SaleAnnounced, false}, {eventapi.OpenNow, eventapi.SaleOn, false}, {eventapi.Pause, eventapi.SalePaused, true}, {eventapi.Open, eventapi.SaleOn, false}, {eventapi.Close, eventapi.SaleClosed, false}, {eventapi.OpenNow, eventapi.SaleOn, false}} {
		got, err := t.s.ChangeSale(ctx, organizer, e.ID, t.own(e.ID).Version, c.action)
		t.must(err)
		if state := got.SaleState(t.w.Now()); state != c.state || got.Paused != c.paused {
			t.Errorf("%s: %s, want %s", c.action, state, c.state)
		}
	}
	_, err := t.s.ChangeSale(ctx, organizer, e.ID, 1, eventapi.Pause)
	t.refused(err, errs.Precondition, "changed-meanwhile")
	if _, err := t.s.ChangeSale(ctx, organizer, e.ID, 0, "dance"); err == nil {
		t.Error("an unknown action was taken")
	}
}

func testCancel(t *test) {
	ctx, title := t.Context(), "Again"
	e := t.create(nil)
	_, err := t.s.Cancel(ctx, organizer, e.ID, e.Version+1)
	t.refused(err, errs.Precondition, "changed-meanwhile")
	for range 2 { // the second time nothing is left to do
		if got, err := t.s.Cancel(ctx, organizer, e.ID, 0); err != nil || got.Status != eventapi.Cancelled || got.Pending || got.Version != 2 {
			t.Errorf("%+v %v", got, err)
		}
	}
	_, err = t.s.Update(ctx, organizer, e.ID, 0, eventapi.Update{Title: &title})
	t.refused(err, errs.Conflict, "event-cancelled")
	if sales, _ := t.w.Sales(ctx, []string{e.ID}); sales[e.ID].Status != eventapi.Cancelled {
		t.Errorf("the sale is %s", sales[e.ID].Status)
	}
}

// Until the sale has followed a change, buyers see the state by which seats are sold,
// and the organizer sees the changed event.
func testPending(t *test) {
	ctx, price, limit := t.Context(), int64(7000), int32(2)
	e := t.create(nil)
	t.w.leave(true)
	got, err := t.s.Update(ctx, organizer, e.ID, 0, eventapi.Update{Price: &price, LimitPerCustomer: &limit})
	if err != nil || !got.Pending || got.From != price {
		t.Fatalf("%+v %v", got, err)
	}
	if shown, err := t.s.Event(ctx, nobody, e.ID); err != nil || shown.From != 5000 || shown.LimitPerCustomer == limit || !shown.Pending {
		t.Errorf("buyers are shown %+v %v", shown, err)
	}
	if own := t.own(e.ID); own.From != price || own.LimitPerCustomer != limit {
		t.Errorf("the organizer is shown %+v", own)
	}
	t.w.leave(false)
	if got, err = t.s.Cancel(ctx, organizer, e.ID, 0); err != nil || got.Pending {
		t.Errorf("the booking side is back: %+v %v", got, err)
	}
}

func testPlans(t *test) {
	ctx := t.Context()
	e := t.create(nil)
	p, err := t.s.Plan(ctx, e.PlanID, e.PlanVersion)
	if err != nil || len(p.Seats) != 100 || p.ID != e.PlanID {
		t.Fatalf("%+v %v", p, err)
	}
	_, err = t.s.Plan(ctx, e.PlanID, 99)
	t.refused(err, errs.NotFound, "")
	_, err = t.s.Prices(ctx, e.ID, 99)
	t.refused(err, errs.NotFound, "")
	same, err := t.s.ChosenPlan(ctx, eventapi.PlanChoice{Template: "theatre", Seats: 100})
	if err != nil || same.ID != e.PlanID {
		t.Errorf("the same template and size is another plan: %v %v", same, err)
	}
	_, err = t.s.ChosenPlan(ctx, eventapi.PlanChoice{Template: "theatre", Seats: 1})
	t.wrong(err, "plan.seats")

	const file = `{"name":"Small","categories":[{"name":"Any"}],"sections":[{"id":"S","category":"Any","capacity":7}]}`
	stored, err := t.s.StorePlan(ctx, organizer, "plan.json", []byte(file))
	if err != nil || stored.Seats != 7 || stored.Name != "Small" {
		t.Fatalf("%+v %v", stored, err)
	}
	if got, err := t.s.ChosenPlan(ctx, eventapi.PlanChoice{ID: stored.ID, Version: stored.Version}); err != nil || len(got.Seats) != 7 {
		t.Errorf("%+v %v", got, err)
	}
	_, err = t.s.StorePlan(ctx, organizer, "bad.json", []byte("{"))
	t.wrong(err, "plan.document")
	_, err = t.s.StorePlan(ctx, fan, "plan.json", []byte(file))
	t.refused(err, errs.Forbidden, "organizers-only")
}

func testDashboard(t *test) {
	ctx, opens := t.Context(), t.w.Now().Add(time.Hour)
	soon := t.create(func(n *eventapi.NewEvent) { n.SaleOpensAt = &opens })
	t.create(func(n *eventapi.NewEvent) { n.Status = eventapi.Draft })
	for _, c := range []caller.Caller{organizer, admin} {
		sum, err := t.s.Summary(ctx, c)
		if err != nil || sum.Counts["draft"] != 1 || sum.Counts["upcoming"] != 1 || sum.Opens == nil || sum.Opens.ID != soon.ID {
			t.Errorf("%s: %+v %v", c.UserID, sum, err)
		}
		venues, plans, err := t.s.Used(ctx, c)
		if err != nil || len(venues) != 1 || venues[0] != soon.Venue || len(plans) != 1 || plans[0].ID != soon.PlanID || plans[0].Seats != 100 {
			t.Errorf("%s: %+v %+v %v", c.UserID, venues, plans, err)
		}
	}
	if sum, err := t.s.Summary(ctx, rival); err != nil || len(sum.Counts) != 0 || sum.Opens != nil {
		t.Errorf("the rival has %+v %v", sum, err)
	}
	_, err := t.s.Summary(ctx, fan)
	t.refused(err, errs.Forbidden, "organizers-only")
	for i, want := range []bool{true, false} {
		if open, err := t.s.HasOpen(ctx, organizer.UserID); err != nil || open != want {
			t.Errorf("%d: open is %v, %v", i, open, err)
		}
		t.must(t.s.CancelOpen(ctx, organizer.UserID))
	}
	t.w.wait(time.Minute)
	if e := t.own(soon.ID); e.Status != eventapi.Cancelled {
		t.Errorf("it is %s", e.Status)
	}
}
