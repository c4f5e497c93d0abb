package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Change is what an organizer changes of an event; nil fields stay as they are.
type Change struct {
	Title            *string         `json:"title,omitempty" maxLength:"200"`
	Description      *string         `json:"description,omitempty" maxLength:"20000"`
	Category         *string         `json:"category,omitempty" maxLength:"60"`
	EventTime        *string         `json:"event_time,omitempty" doc:"RFC 3339, or local time in the event's zone."`
	EventDate        *string         `json:"event_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD: the time of day becomes unknown."`
	Currency         *string         `json:"currency,omitempty" maxLength:"3"`
	Price            *int64          `json:"price,omitempty" doc:"New price for later holds, minor units."`
	Tiers            []TierInput     `json:"tiers,omitempty" maxItems:"100" doc:"New prices for later holds."`
	Plan             *PlanInput      `json:"plan,omitempty" doc:"Refused: the plan of an event does not change."`
	SaleOpensAt      *time.Time      `json:"sale_opens_at,omitempty"`
	SaleClosesAt     *time.Time      `json:"sale_closes_at,omitempty"`
	Status           *message.Status `json:"status,omitempty" enum:"draft,published,on_sale,cancelled"`
	LimitPerCustomer *int32          `json:"limit_per_customer,omitempty"`
	HoldMinutes      *int64          `json:"hold_minutes,omitempty"`
	Attributes       json.RawMessage `json:"attributes,omitempty"`
}

// owned is an event that a caller may change; NotFound for strangers.
func (s *Service) owned(ctx context.Context, caller message.Caller, eventID string) (Event, error) {
	if !caller.SignedIn() {
		return Event{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	e, err := s.read(ctx, eventID)
	if err != nil {
		return e, err
	}
	if !caller.MayRead(e.OrganizerID) {
		return e, errs.Missing("event")
	}
	return e, nil
}

// Update changes an event. Version, if not 0, must be the event's.
func (s *Service) Update(ctx context.Context, caller message.Caller, eventID string, version int64, c Change) (Event, error) {
	e, err := s.owned(ctx, caller, eventID)
	if err != nil {
		return e, err
	}
	switch {
	case version != 0 && version != e.Version:
		return e, errs.New(errs.Precondition, "changed-meanwhile", "The event has changed since you read it.")
	case c.Plan != nil:
		return e, errs.New(errs.Conflict, "plan-in-use", "The plan of an event does not change; make a new event.")
	case c.Currency != nil && e.Currency != "" && *c.Currency != e.Currency:
		return e, errs.New(errs.Conflict, "currency-in-use", "The currency of an event does not change.")
	case e.Status == message.Cancelled:
		return e, errs.New(errs.Conflict, "event-cancelled", "A cancelled event stays as it is.")
	}
	plan, err := s.Plan(ctx, e.PlanID, e.PlanVersion)
	if err != nil {
		return e, err
	}
	before := e.Version
	tiers, err := s.merge(ctx, &e, plan, c)
	if err != nil {
		return e, err
	}
	if c.Status != nil && *c.Status == message.Draft {
		if err := s.untouched(ctx, e.ID); err != nil {
			return e, err
		}
	}
	e.Version++
	return s.write(ctx, e, before, tiers)
}

// untouched refuses to take an event back from sight while people have seats of it.
func (s *Service) untouched(ctx context.Context, eventID string) error {
	counts, err := s.sales.Counts(ctx, eventID)
	if errs.KindOf(err) == errs.NotFound {
		return nil // never handed over
	}
	if err != nil {
		return fmt.Errorf("count seats: %w", err)
	}
	if counts.Held+counts.Sold > 0 {
		return errs.New(errs.Conflict, "seats-taken", "People have seats of this event; it cannot become a draft again.")
	}
	return nil
}

// write stores a changed event, with new prices if there are any, and hands it over.
func (s *Service) write(ctx context.Context, e Event, before int64, tiers []message.Tier) (Event, error) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if len(tiers) > 0 {
			if err := insertPrices(ctx, tx, &message.Prices{EventID: e.ID, Version: e.PriceVersion, Currency: e.Currency, Tiers: tiers}); err != nil {
				return err
			}
		}
		return updateEvent(ctx, tx, &e, before)
	})
	s.forget(e.ID)
	if errors.Is(err, errChanged) {
		return e, errs.New(errs.Precondition, "changed-meanwhile", "The event has changed meanwhile.")
	}
	if err != nil {
		return e, err
	}
	return s.push(ctx, e)
}

// merge puts a change into an event and checks the outcome.
func (s *Service) merge(ctx context.Context, e *Event, plan *message.Plan, c Change) ([]message.Tier, error) {
	f := &faults{}
	if c.Title != nil {
		e.Title = strings.TrimSpace(*c.Title)
		f.text("title", e.Title, 1, 200)
	}
	if c.Description != nil {
		e.Description = *c.Description
		f.lines("description", e.Description, 20_000)
	}
	if c.Category != nil {
		e.Category = *c.Category
		f.text("category", e.Category, 0, 60)
	}
	if c.EventTime != nil || c.EventDate != nil {
		date := ""
		if c.EventDate != nil {
			date = *c.EventDate
		}
		if e.ClosesAt == e.ends() && c.SaleClosesAt == nil {
			e.ClosesAt = 0 // it followed the event, and goes on to
		}
		f.when(e, c.EventTime, date, f.zone("time_zone", e.TimeZone))
	}
	if len(c.Attributes) > 0 {
		e.Attributes = f.attributes(c.Attributes)
	}
	currency := e.Currency
	if c.Currency != nil {
		currency = *c.Currency
	}
	tiers := f.tiers(currency, c.Price, c.Tiers, plan)
	if len(tiers) > 0 {
		e.PriceVersion++
		e.Currency, e.PriceFrom = currency, lowest(tiers)
	}
	f.sale(e, c.SaleOpensAt, c.SaleClosesAt, c.LimitPerCustomer, c.HoldMinutes)
	if c.Status != nil {
		switch *c.Status {
		case message.Draft, message.Published, message.OnSale, message.Cancelled:
			e.Status = *c.Status
		default:
			f.add("status", "must be draft, published, on_sale or cancelled")
		}
	}
	e.Announced = e.Announced || e.Status == message.Published || e.Status == message.OnSale
	if e.Status == message.OnSale && len(f.list) == 0 {
		current := tiers
		if len(current) == 0 && e.PriceVersion > 0 {
			p, err := s.Prices(ctx, e.ID, e.PriceVersion)
			if err != nil {
				return nil, err
			}
			current = p.Tiers
		}
		f.sellable(e, plan, current)
	}
	return tiers, errs.Fields(f.list)
}

// Cancel cancels an event; the booking side gives all its bookings back.
func (s *Service) Cancel(ctx context.Context, caller message.Caller, eventID string) (Event, error) {
	e, err := s.owned(ctx, caller, eventID)
	if err != nil {
		return e, err
	}
	if e.Status == message.Cancelled {
		if e.Synced < e.Version { // the booking side did not hear of it
			return s.push(ctx, e)
		}
		return e, nil
	}
	before := e.Version
	e.Status = message.Cancelled
	e.Version++
	return s.write(ctx, e, before, nil)
}
