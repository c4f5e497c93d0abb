package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Replace implements eventapi.Organizer. It changes only what differs: the same prices
// keep their version, and the same local time stays the same instant, even if clocks
// show it twice.
func (s *Service) Replace(ctx context.Context, c caller.Caller, eventID string, version int64, n eventapi.NewEvent) (eventapi.Event, error) {
	stored, err := s.owned(ctx, c, eventID)
	if err != nil {
		return eventapi.Event{}, err
	}
	was, err := s.show(ctx, &stored)
	if err != nil {
		return eventapi.Event{}, err
	}
	plan := eventapi.StoredPlan{ID: n.Plan.ID, Version: n.Plan.Version}
	if plan.ID == "" { // the same template with as many seats is the same plan
		_, p, err := s.planOf(ctx, n.Plan)
		if err != nil {
			return eventapi.Event{}, err
		}
		plan.ID, plan.Version = p.ID, p.Version
	}
	diff, err := difference(&was, &n, plan)
	if err != nil {
		return eventapi.Event{}, err
	}
	e, err := s.apply(ctx, c, eventID, version, diff)
	return s.answered(ctx, e, err)
}

// difference returns the change that makes an event what a form says. Plan is the plan
// that the form chooses.
func difference(was *eventapi.Event, n *eventapi.NewEvent, plan eventapi.StoredPlan) (change, error) {
	c := change{Update: eventapi.Update{Title: &n.Title, Description: &n.Description, Category: &n.Category,
		LimitPerCustomer: n.LimitPerCustomer, HoldMinutes: n.HoldMinutes, UnverifiedBuyers: n.UnverifiedBuyers, Attributes: n.Attributes}}
	zone := was.Zone
	if newVenue(n.Venue).show() != was.Venue {
		c.Venue, zone = &n.Venue, n.Venue.TimeZone
	}
	c.times(was, n, zone)
	c.sale(was, n, zone)
	if err := c.plan(was, n, plan); err != nil {
		return c, err
	}
	if n.Status == eventapi.Published && was.Status == eventapi.Draft {
		c.Status = &n.Status
	}
	return c, nil
}

// wall is a local time as forms write it.
const wall = "2006-01-02T15:04"

// times sets when the event takes place, if that differs. An end that does not differ
// is left out, so that it moves along with the beginning.
func (c *change) times(was *eventapi.Event, n *eventapi.NewEvent, zone string) {
	begins, ends, knownEnd := "", "", ""
	if n.EventTime != nil {
		begins = *n.EventTime
	}
	if n.EndTime != nil {
		ends = *n.EndTime
	}
	if !was.Ends.IsZero() {
		knownEnd = was.Ends.Format(wall)
	}
	same := begins == "" && was.Starts.IsZero() && n.EventDate == was.Date
	if begins != "" && !was.Starts.IsZero() {
		same = begins == was.Starts.Format(wall)
	}
	switch {
	case same && zone == was.Zone:
	case n.EventDate != "":
		c.EventDate = &n.EventDate
	default:
		c.EventTime = &begins // "": to be announced
	}
	switch {
	case begins != "" && ends == knownEnd:
	case n.EventDate != "" && was.Starts.IsZero() && n.EndDate == was.EndDate:
	case n.EndDate != "":
		c.EndDate = &n.EndDate
	default:
		c.EndTime = &ends // "": unknown
	}
}

// sale sets the times of the sale. Forms give minutes; a time that is the same to the
// minute keeps its seconds.
func (c *change) sale(was *eventapi.Event, n *eventapi.NewEvent, zone string) {
	z, err := time.LoadLocation(zone)
	if err != nil {
		return // the zone is a fault of the venue
	}
	keep := func(t *time.Time, before time.Time) *time.Time {
		if t != nil && !before.IsZero() && t.In(z).Format(wall) == before.In(z).Format(wall) {
			return &before
		}
		return t
	}
	c.SaleOpensAt, c.SaleClosesAt, c.RefundableUntil = keep(n.SaleOpensAt, was.Opens), keep(n.SaleClosesAt, was.Closes), keep(n.RefundableUntil, was.RefundsEnd)
	c.CancellationFees = &n.CancellationFees
	c.unset.opens, c.unset.closes, c.unset.refunds = n.SaleOpensAt == nil, n.SaleClosesAt == nil, n.RefundableUntil == nil
}

// plan sets plan and prices, if they differ.
func (c *change) plan(was *eventapi.Event, n *eventapi.NewEvent, plan eventapi.StoredPlan) error {
	moved := plan.ID != was.PlanID || plan.Version != was.PlanVersion
	if moved {
		c.Plan = &n.Plan
	}
	if len(n.Tiers) == 0 && !was.Priced() || !moved && samePrices(n, &was.Prices) {
		return nil
	}
	if len(n.Tiers) == 0 {
		return errs.Bad("tiers", "required", "is required")
	}
	c.Tiers, c.FeeRules, c.unset.feeRules = n.Tiers, n.FeeRules, n.FeeRules == nil
	if n.Currency != was.Prices.Currency {
		c.Currency = &n.Currency
	}
	return nil
}

// samePrices reports whether a form has the prices that an event has.
func samePrices(n *eventapi.NewEvent, p *seating.Prices) bool {
	if n.Currency != p.Currency || len(n.Tiers) != len(p.Tiers) || (n.FeeRules == nil) != (p.Rules == nil) || n.FeeRules != nil && *n.FeeRules != *p.Rules {
		return false
	}
	for i, t := range p.Tiers {
		is := &n.Tiers[i]
		amount := is.Price == t.Price && is.Face == nil
		if p.Rules != nil {
			amount = is.Face != nil && *is.Face == t.Face
		}
		if !amount || is.Name != t.Name || !slices.Equal(is.Sections, t.Sections) || !slices.Equal(is.Categories, t.Categories) {
			return false
		}
	}
	return true
}

// ChangeSale implements eventapi.Organizer.
func (s *Service) ChangeSale(ctx context.Context, c caller.Caller, eventID string, version int64, a eventapi.SaleAction) (eventapi.Event, error) {
	was, err := s.owned(ctx, c, eventID)
	if err != nil {
		return eventapi.Event{}, err
	}
	diff, err := step(&was, a, s.now())
	if err != nil {
		return eventapi.Event{}, err
	}
	e, err := s.apply(ctx, c, eventID, version, diff)
	return s.answered(ctx, e, err)
}

// step returns the change that an action makes at a time.
func step(was *stored, a eventapi.SaleAction, now time.Time) (c change, err error) {
	status := eventapi.Published
	switch a {
	case eventapi.Publish, eventapi.Pause:
		c.Status = &status
	case eventapi.Open, eventapi.OpenNow:
		status = eventapi.OnSale
		c.Status = &status
		c.unset.opens = a == eventapi.OpenNow
		c.unset.closes = was.ClosesAt != 0 && was.ClosesAt <= now.UnixMicro() // it was closed: it closes with the event again
	case eventapi.Close:
		c.SaleClosesAt = &now
	default:
		return c, fmt.Errorf("there is no sale action %q", a)
	}
	return c, nil
}
