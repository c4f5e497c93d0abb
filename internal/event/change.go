package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// owned reads an event that the caller may change. For others it is NotFound.
func (s *Service) owned(ctx context.Context, caller caller.Caller, eventID string) (stored, error) {
	if !caller.SignedIn() {
		return stored{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	e, err := s.read(ctx, eventID)
	if err != nil {
		return e, err
	}
	if !caller.MayOrganize(e.OrganizerID) {
		return e, errs.Missing("event")
	}
	return e, nil
}

// change is an update of an event, together with the fields to empty. Only forms can
// empty these fields: a form shows all of an event, so an empty field in it means
// something. In the API a field that is left out stays as it is.
type change struct {
	eventapi.Update
	unset unset
}

type unset struct{ opens, closes, refunds, feeRules bool }

// apply empties fields of an event.
func (u unset) apply(e *stored) {
	if u.opens {
		e.OpensAt = 0
	}
	if u.closes {
		e.ClosesAt = 0 // the sale closes as the event begins
	}
	if u.refunds {
		e.RefundsEnd = 0
	}
}

// Update implements eventapi.Organizer.
func (s *Service) Update(ctx context.Context, c caller.Caller, eventID string, version int64, u eventapi.Update) (eventapi.Event, error) {
	e, err := s.change(ctx, c, eventID, version, u)
	return s.answered(ctx, e, err)
}

func (s *Service) change(ctx context.Context, c caller.Caller, eventID string, version int64, u eventapi.Update) (stored, error) {
	return s.apply(ctx, c, eventID, version, change{Update: u})
}

// apply changes an event. Version, if not 0, must be the event's.
func (s *Service) apply(ctx context.Context, caller caller.Caller, eventID string, version int64, c change) (stored, error) {
	before, err := s.owned(ctx, caller, eventID)
	if err != nil {
		return before, err
	}
	switch {
	case version != 0 && version != before.Version:
		return before, errs.New(errs.Precondition, "changed-meanwhile", "The event has changed since you read it.")
	case before.Status == eventapi.Cancelled:
		return before, errs.New(errs.Conflict, "event-cancelled", "A cancelled event cannot be changed.")
	}
	if err := s.mayReplace(ctx, &before, &c); err != nil {
		return before, err
	}
	e, w := before, writing{before: &before}
	if err := s.merge(ctx, &e, &w, c); err != nil {
		return before, err
	}
	if err := s.keepPromises(ctx, &before, &e); err != nil {
		return before, err
	}
	w.changes = s.changed(&before, &e)
	e.Version++
	return s.write(ctx, e, w)
}

// mayReplace refuses to replace the plan or the currency, or to make the event a draft,
// while people have seats. The booking side decides again when it gets the sale.
func (s *Service) mayReplace(ctx context.Context, e *stored, c *change) error {
	if c.Plan != nil {
		if err := s.untouched(ctx, e.ID, "plan-in-use", "the seating plan cannot change"); err != nil {
			return err
		}
	}
	if c.Currency != nil && e.Currency != "" && *c.Currency != e.Currency {
		if err := s.untouched(ctx, e.ID, "currency-in-use", "the currency cannot change"); err != nil {
			return err
		}
	}
	if c.Status != nil && *c.Status == eventapi.Draft {
		return s.untouched(ctx, e.ID, "seats-taken", "it cannot become a draft again")
	}
	return nil
}

// untouched returns an error while people have seats of an event.
func (s *Service) untouched(ctx context.Context, eventID, slug, what string) error {
	counts, err := bookingapi.One(ctx, s.sales.Counts, "event", eventID)
	if errs.KindOf(err) == errs.NotFound {
		return nil // never handed over
	}
	if err != nil {
		return fmt.Errorf("count seats: %w", err)
	}
	if counts.Held+counts.Sold > 0 {
		return errs.New(errs.Conflict, slug, "People have seats for this event: %s.", what)
	}
	return nil
}

// writing holds the rows that are written together with a changed event.
type writing struct {
	before *stored
	plan   *planRow // nil: the plan is stored already
	pricing
	changes []recorded
}

// write stores a changed event together with the new state of its sale, and hands the
// state over to the booking side. If the booking side refuses it, because seats were
// taken meanwhile, the event becomes what it was before.
func (s *Service) write(ctx context.Context, e stored, w writing) (stored, error) {
	e.Refused = ""
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if w.plan != nil {
			if err := insertPlan(ctx, tx, w.plan, s.now().UnixMicro()); err != nil {
				return err
			}
		}
		if e.Venue.ID != w.before.Venue.ID {
			if err := insertVenue(ctx, tx, e.Venue); err != nil {
				return err
			}
		}
		if err := updateEvent(ctx, tx, &e, w.before.Version); err != nil {
			return err
		}
		if len(w.tiers) > 0 {
			if err := insertPrices(ctx, tx, w.list(e.ID, e.PriceVersion, e.Currency)); err != nil {
				return err
			}
		}
		if err := insertChanges(ctx, tx, &e, w.changes); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, &e, w.before)
	})
	s.forget(e.ID)
	if errors.Is(err, errChanged) {
		return e, errs.New(errs.Precondition, "changed-meanwhile", "The event has changed in the meantime.")
	}
	if err != nil {
		return e, err
	}
	return s.handOver(ctx, e)
}

// merge applies a change to an event and checks the result. What must be written with
// the event goes into w.
func (s *Service) merge(ctx context.Context, e *stored, w *writing, c change) error {
	f := &faults{}
	if c.Title != nil {
		e.Title = strings.TrimSpace(*c.Title)
		f.Text("title", e.Title, 1, 200)
	}
	if c.Description != nil {
		e.Description = *c.Description
		f.Lines("description", e.Description, 20_000)
	}
	if c.Category != nil {
		e.Category = *c.Category
		f.Text("category", e.Category, 0, 60)
	}
	c.unset.apply(e)
	f.mergeWhen(e, &c)
	f.mergeEnding(e, w.before, &c)
	if c.UnverifiedBuyers != nil {
		e.UnverifiedBuyers = *c.UnverifiedBuyers
	}
	if len(c.Attributes) > 0 {
		e.Attributes = f.attributes(c.Attributes)
	}
	plan, err := s.mergePlan(ctx, f, e, w, c.Plan)
	if err != nil {
		return err
	}
	if err := s.mergePrices(ctx, f, e, w, &c, plan); err != nil {
		return err
	}
	f.sale(e, c.SaleOpensAt, c.SaleClosesAt, c.RefundableUntil, c.LimitPerCustomer, c.HoldMinutes)
	if c.CancellationFees != nil {
		e.CancelFees = f.cancelFees(e, *c.CancellationFees)
	}
	if c.Status != nil {
		switch *c.Status {
		case eventapi.Draft, eventapi.Published, eventapi.OnSale, eventapi.Cancelled:
			e.Paused = *c.Status == eventapi.Published && (e.Status == eventapi.OnSale || e.Paused)
			e.ImportPaused = false // from here on the organizer decides
			e.Status = *c.Status
		default:
			f.Add("status", "not-a-choice", "must be draft, published, on_sale or cancelled")
		}
	}
	e.Announced = e.Announced || e.Status == eventapi.Published || e.Status == eventapi.OnSale
	if e.Status == eventapi.OnSale && len(f.List) == 0 {
		current := w.tiers
		if len(current) == 0 && e.PriceVersion > 0 {
			p, err := s.Prices(ctx, e.ID, e.PriceVersion)
			if err != nil {
				return err
			}
			current = p.Tiers
		}
		f.sellable(e, plan, current)
	}
	return errs.Fields(f.List)
}

// mergeWhen sets when and where an event takes place.
func (f *faults) mergeWhen(e *stored, c *change) {
	closesWithEvent := e.ClosesAt == e.ends() && c.SaleClosesAt == nil
	if c.Venue != nil {
		f.Venue(*c.Venue)
		if c.Venue.TimeZone != e.TimeZone && c.EventTime == nil && c.EventDate == nil {
			f.Add("event_time", "needs-another-field", "must be given with a venue in another time zone")
		}
		e.Venue, e.TimeZone = newVenue(*c.Venue), c.Venue.TimeZone
	}
	if c.EventTime == nil && c.EventDate == nil {
		return
	}
	if closesWithEvent {
		e.ClosesAt = 0 // it keeps following the event's beginning
	}
	at, date := c.EventTime, ""
	if c.EventDate != nil {
		date = *c.EventDate
	}
	if at != nil && *at == "" {
		at = nil
	}
	f.When(&e.When, at, date, f.Zone("time_zone", e.TimeZone))
}

// mergePlan returns the plan that the changed event has.
func (s *Service) mergePlan(ctx context.Context, f *faults, e *stored, w *writing, in *eventapi.PlanChoice) (*seating.Plan, error) {
	if in == nil {
		return s.Plan(ctx, e.PlanID, e.PlanVersion)
	}
	row, plan, err := s.planOf(ctx, *in)
	if err != nil {
		var fault *errs.Error
		if !errors.As(err, &fault) || len(fault.Fields) == 0 {
			return nil, err
		}
		f.List = append(f.List, fault.Fields...)
		return nil, nil
	}
	w.plan = row
	e.PlanID, e.PlanVersion, e.Seats = plan.ID, plan.Version, int32(len(plan.Seats))
	return plan, nil
}

// mergePrices makes a new price list if the change has prices or rules.
func (s *Service) mergePrices(ctx context.Context, f *faults, e *stored, w *writing, c *change, plan *seating.Plan) error {
	list, rules := c.Tiers, copyOf(c.FeeRules)
	if e.PriceVersion > 0 {
		now, err := s.Prices(ctx, e.ID, e.PriceVersion)
		if err != nil {
			return err
		}
		switch {
		case rules == nil && now.Rules != nil && c.Price == nil && !c.unset.feeRules:
			same := *now.Rules
			rules = &same
		case rules != nil && c.Price == nil && len(list) == 0:
			if list, err = again(now.Tiers); err != nil {
				f.Add("tiers", "needs-another-field", "must be given with fee_rules: %s", err)
				return nil
			}
		}
	}
	currency := e.Currency
	if c.Currency != nil {
		currency = *c.Currency
	}
	w.tiers, w.rules = f.tiers(currency, c.Price, list, rules, plan), rules
	switch {
	case len(w.tiers) > 0:
		next, err := s.nextPriceVersion(ctx, e.ID)
		if err != nil {
			return err
		}
		e.PriceVersion, e.Currency, e.PriceFrom = next, currency, lowest(w.tiers)
	case currency != e.Currency:
		f.Add("currency", "needs-another-field", "cannot change without new prices")
	}
	return nil
}

// Cancel implements eventapi.Organizer. The event is Pending until its sale has stopped.
func (s *Service) Cancel(ctx context.Context, c caller.Caller, eventID string, version int64) (eventapi.Event, error) {
	e, err := s.cancel(ctx, c, eventID, version)
	return s.answered(ctx, e, err)
}

func (s *Service) cancel(ctx context.Context, caller caller.Caller, eventID string, version int64) (stored, error) {
	e, err := s.owned(ctx, caller, eventID)
	if err != nil {
		return e, err
	}
	if version != 0 && version != e.Version {
		return e, errs.New(errs.Precondition, "changed-meanwhile", "The event has changed since you read it.")
	}
	if e.Status == eventapi.Cancelled {
		if e.Pending() { // the booking side has not got it yet
			return s.handOver(ctx, e)
		}
		return e, nil
	}
	before := e
	e.Status = eventapi.Cancelled
	e.Version++
	return s.write(ctx, e, writing{before: &before})
}
