package app

import (
	"context"
	"reflect"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/console"
	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// onConsole is the services as the organizer's pages see them.
type onConsole struct{ onPage }

// eventsShown is how many events a page of the console lists.
const eventsShown = 20

// organizer narrows what is listed to a caller's own; admins see all.
func organizer(caller caller.Caller) string {
	if caller.Administers() {
		return ""
	}
	return caller.UserID
}

// Events are a page of the events that a caller organizes.
func (p onConsole) Events(ctx context.Context, caller caller.Caller, s console.Search) (console.List, error) {
	var out console.List
	list, next, err := p.Parts.Events.List(ctx, caller, event.Filter{Status: s.Status, Text: s.Text, Organizer: organizer(caller),
		Latest: s.Status == "past" || s.Status == "cancelled", Cursor: s.Cursor, Limit: eventsShown})
	if err != nil {
		return out, err
	}
	out.Next = next
	if out.Events, err = p.shownAll(ctx, list); err != nil {
		return out, err
	}
	counts, opens, err := p.Parts.Events.Summary(ctx, organizer(caller))
	if err != nil {
		return out, err
	}
	out.Counts = counts
	if opens != nil {
		e, err := p.shown(ctx, opens)
		if err != nil {
			return out, err
		}
		out.Opens = &e
	}
	return out, nil
}

// Event is an event as its organizer wants it, whether the sale follows yet or not.
func (p onConsole) Event(ctx context.Context, caller caller.Caller, id string) (eventapi.Event, error) {
	e, err := p.Parts.Events.Get(ctx, caller, id)
	if err != nil {
		return eventapi.Event{}, err
	}
	return p.shown(ctx, &e)
}

// Check is what Create would say.
func (p onConsole) Check(ctx context.Context, caller caller.Caller, d *console.Draft) ([]seating.Tier, error) {
	in, bad := newEvent(d)
	tiers, err := p.Parts.Events.Check(ctx, caller, in)
	if e := errs.Of(err); e != nil {
		bad = append(bad, e.Fields...)
	}
	if len(bad) > 0 {
		return nil, errs.Fields(bad)
	}
	return tiers, err
}

// Create makes an event, one for a key and a draft.
func (p onConsole) Create(ctx context.Context, caller caller.Caller, key string, d *console.Draft) (string, error) {
	in, bad := newEvent(d)
	if len(bad) > 0 {
		_, err := p.Check(ctx, caller, d) // all faults, not only those
		return "", err
	}
	if key != "" {
		key = "page-" + key
	}
	e, err := p.Parts.Events.Create(ctx, caller, key, in)
	return e.ID, err
}

// newEvent is a draft as the event service wants it.
func newEvent(d *console.Draft) (event.NewEvent, []errs.Field) {
	in := event.NewEvent{
		Title: d.Title, Description: d.Description, Category: d.Category, EventDate: d.Date, Venue: venueInput(d.Venue), Plan: planInput(d.Plan),
		Currency: d.Currency, Tiers: tierInputs(d), FeeRules: rulesOf(d), LimitPerCustomer: &d.Limit, HoldMinutes: &d.HoldMinutes, Status: eventapi.Draft,
		EndDate: d.EndDate, UnverifiedBuyers: &d.Unverified,
	}
	if d.EndTime != "" {
		in.EndTime = &d.EndTime
	}
	if d.Time != "" {
		in.EventTime = &d.Time
	}
	if d.Publish {
		in.Status = eventapi.Published
	}
	if len(in.Tiers) == 0 {
		in.Currency, in.FeeRules = "", nil
	}
	opens, closes, refunds, bad := instants(d, d.Venue.Zone)
	in.SaleOpensAt, in.SaleClosesAt, in.RefundableUntil = opens, closes, refunds
	return in, bad
}

// rulesOf is a copy: the service fills in what was left out.
func rulesOf(d *console.Draft) *seating.FeeRules {
	if d.Rules == nil {
		return nil
	}
	rules := *d.Rules
	return &rules
}

func venueInput(v eventapi.Venue) event.VenueInput {
	return event.VenueInput{Name: v.Name, Address: v.Address, City: v.City, Country: v.Country, TimeZone: v.Zone}
}

func planInput(p console.Plan) event.PlanInput {
	return event.PlanInput{Template: p.Template, Seats: p.Seats, ID: p.ID, Version: p.Version}
}

func tierInputs(d *console.Draft) []event.TierInput {
	var out []event.TierInput
	for _, t := range d.Tiers {
		in := event.TierInput{Name: t.Name, Categories: t.Categories, Sections: t.Sections}
		if amount := t.Amount; d.Rules != nil {
			in.Face = &amount
		} else {
			in.Price = amount
		}
		out = append(out, in)
	}
	return out
}

// instants are the times of a draft's sale; nil: left empty.
func instants(d *console.Draft, zone string) (opens, closes, refunds *time.Time, bad []errs.Field) {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" {
		return nil, nil, nil, nil // the zone is at fault, and told as that
	}
	read := func(field, text string) *time.Time {
		if text == "" {
			return nil
		}
		t, err := event.AtWall(field, text, zone)
		if e := errs.Of(err); e != nil {
			bad = append(bad, e.Fields...)
			return nil
		}
		return &t
	}
	return read("sale_opens_at", d.Opens), read("sale_closes_at", d.Closes), read("refundable_until", d.Refunds), bad
}

// Change makes an event what a draft says. What the draft leaves as it is is not
// sent: a price list that stays keeps its version, and a time that clocks show
// twice stays the one that it was.
func (p onConsole) Change(ctx context.Context, caller caller.Caller, eventID string, version int64, d *console.Draft) error {
	stored, err := p.Parts.Events.Get(ctx, caller, eventID)
	if err != nil {
		return err
	}
	was, err := p.Parts.Events.Shown(ctx, &stored)
	if err != nil {
		return err
	}
	c := event.Change{Title: &d.Title, Description: &d.Description, Category: &d.Category, LimitPerCustomer: &d.Limit, HoldMinutes: &d.HoldMinutes, UnverifiedBuyers: &d.Unverified}
	zone := was.Zone
	if d.Venue.ID != was.Venue.ID {
		venue := venueInput(d.Venue)
		c.Venue, zone = &venue, d.Venue.Zone
	}
	changeWhen(&c, d, &was, zone)
	bad := changeSale(&c, d, &was, zone)
	if err := p.changePrices(ctx, &c, d, &was); err != nil {
		return err
	}
	if d.Publish && was.Status == string(eventapi.Draft) {
		published := eventapi.Published
		c.Status = &published
	}
	if len(bad) > 0 {
		if _, err := p.Check(ctx, caller, d); errs.Of(err) != nil {
			bad = append(bad, errs.Of(err).Fields...)
		}
		return errs.Fields(bad)
	}
	_, err = p.Parts.Events.Update(ctx, caller, eventID, version, c)
	return err
}

const wall = "2006-01-02T15:04"

// changeWhen sets the time if it is another one than before.
func changeWhen(c *event.Change, d *console.Draft, was *eventapi.Event, zone string) {
	same := d.Time == "" && was.Starts.IsZero() && d.Date == was.Date
	if d.Time != "" && !was.Starts.IsZero() {
		same = d.Time == was.Starts.Format(wall)
	}
	switch {
	case same && zone == was.Zone:
	case d.Date != "":
		c.EventDate = &d.Date
	default:
		c.EventTime = &d.Time // "": to be announced
	}
	changeEnd(c, d, was)
}

// changeEnd sets the end if it is another one than before; else it moves along
// with the beginning.
func changeEnd(c *event.Change, d *console.Draft, was *eventapi.Event) {
	known := ""
	if !was.Ends.IsZero() {
		known = was.Ends.Format(wall)
	}
	switch {
	case d.Time != "" && d.EndTime == known:
	case d.Date != "" && was.Starts.IsZero() && d.EndDate == was.EndDate:
	case d.EndDate != "":
		c.EndDate = &d.EndDate
	default:
		c.EndTime = &d.EndTime // "": unknown
	}
}

// changeSale sets the times of the sale; those that stay keep their seconds.
func changeSale(c *event.Change, d *console.Draft, was *eventapi.Event, zone string) []errs.Field {
	opens, closes, refunds, bad := instants(d, zone)
	z, err := time.LoadLocation(zone)
	if err != nil {
		return bad
	}
	keep := func(t *time.Time, before time.Time) *time.Time {
		if t != nil && !before.IsZero() && t.Format(wall) == before.In(z).Format(wall) {
			return &before
		}
		return t
	}
	c.SaleOpensAt, c.SaleClosesAt, c.RefundableUntil = keep(opens, was.Opens), keep(closes, was.Closes), keep(refunds, was.RefundsEnd)
	c.Unset.Opens, c.Unset.Closes, c.Unset.Refunds = d.Opens == "", d.Closes == "", d.Refunds == ""
	return bad
}

// changePrices sets plan and prices where they are others than before.
func (p onConsole) changePrices(ctx context.Context, c *event.Change, d *console.Draft, was *eventapi.Event) error {
	moved := d.Plan.ID != was.PlanID || d.Plan.Version != was.PlanVersion
	if moved && d.Plan.Template != "" { // the same template with as many seats is the same plan
		plan, err := p.Plan(ctx, d.Plan)
		if err != nil {
			return err
		}
		moved = plan.ID != was.PlanID || plan.Version != was.PlanVersion
	}
	if moved {
		plan := planInput(d.Plan)
		c.Plan = &plan
	}
	if len(d.Tiers) == 0 && !was.Priced() || !moved && samePrices(d, &was.Prices) {
		return nil
	}
	if len(d.Tiers) == 0 {
		return errs.Bad("tiers", "is required")
	}
	c.Tiers, c.FeeRules, c.Unset.FeeRules = tierInputs(d), rulesOf(d), d.Rules == nil
	if d.Currency != was.Prices.Currency {
		c.Currency = &d.Currency
	}
	return nil
}

// samePrices reports whether a draft has the prices that an event has.
func samePrices(d *console.Draft, p *seating.Prices) bool {
	if d.Currency != p.Currency || len(d.Tiers) != len(p.Tiers) || (d.Rules == nil) != (p.Rules == nil) || d.Rules != nil && *d.Rules != *p.Rules {
		return false
	}
	for i, t := range p.Tiers {
		amount := t.Price
		if p.Rules != nil {
			amount = t.Face
		}
		is := d.Tiers[i]
		if is.Name != t.Name || is.Amount != amount || strings.Join(is.Sections, "\n") != strings.Join(t.Sections, "\n") ||
			!reflect.DeepEqual(append([]string{}, is.Categories...), append([]string{}, t.Categories...)) {
			return false
		}
	}
	return true
}

// Turn changes how an event's sale stands.
func (p onConsole) Turn(ctx context.Context, caller caller.Caller, eventID string, version int64, to console.Turn) error {
	status, now := eventapi.Published, p.DB.Now()
	c := event.Change{Status: &status}
	switch to {
	case console.Open, console.OpenNow:
		e, err := p.Parts.Events.Get(ctx, caller, eventID)
		if err != nil {
			return err
		}
		status = eventapi.OnSale
		c.Unset.Opens = to == console.OpenNow
		c.Unset.Closes = e.ClosesAt != 0 && e.ClosesAt <= now.UnixMicro() // it was closed: it closes with the event again
	case console.Close:
		c = event.Change{SaleClosesAt: &now}
	}
	_, err := p.Parts.Events.Update(ctx, caller, eventID, version, c)
	return err
}

// Cancel cancels an event.
func (p onConsole) Cancel(ctx context.Context, caller caller.Caller, eventID string) error {
	_, err := p.Parts.Events.Cancel(ctx, caller, eventID)
	return err
}

// Used are the venues and plans of a caller's events.
func (p onConsole) Used(ctx context.Context, caller caller.Caller) ([]eventapi.Venue, []console.Plan, error) {
	venues, plans, err := p.Parts.Events.Used(ctx, organizer(caller))
	if err != nil {
		return nil, nil, err
	}
	places := make([]eventapi.Venue, len(venues))
	for i, v := range venues {
		places[i] = eventapi.Venue{ID: v.ID, Name: v.Name, Address: v.Address, City: v.City, Country: v.Country, Zone: v.TimeZone}
	}
	out := make([]console.Plan, len(plans))
	for i, u := range plans {
		out[i] = console.Plan{Name: u.Name, ID: u.ID, Version: u.Version, Seats: int(u.Seats)}
	}
	return places, out, nil
}

// Plan is the seating plan of a choice.
func (p onConsole) Plan(ctx context.Context, choice console.Plan) (*seating.Plan, error) {
	return p.Parts.Events.Sketch(ctx, planInput(choice))
}

// KeepPlan stores the plan of an uploaded file.
func (p onConsole) KeepPlan(ctx context.Context, caller caller.Caller, name string, data []byte) (console.Plan, error) {
	plan, err := p.Parts.Events.KeepPlan(ctx, caller, event.ImportFile{Name: name, Data: data})
	if err != nil {
		return console.Plan{}, err
	}
	return console.Plan{Name: plan.Name, ID: plan.ID, Version: plan.Version, Seats: len(plan.Seats)}, nil
}
