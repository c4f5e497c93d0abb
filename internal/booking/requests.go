package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// Hold takes seats for a while. With a key the same request by the same caller
// comes to the same booking, however often it is sent.
func (s *Service) Hold(ctx context.Context, who caller.Caller, key string, r bookingapi.HoldRequest) (bookingapi.Booking, error) {
	if err := r.Check(); err != nil {
		return bookingapi.Booking{}, err
	}
	bookingID, early := id.Booking(r.EventID, who.UserID, key), true
	b, err := s.look(ctx, r.EventID, &r.Selection, func(v *view, c command) (bookingapi.Booking, error) {
		early = true
		c.do, c.bookingID, c.caller, c.fingerprint = doHold, bookingID, who, fingerprint(key, r.EventID, &r.Selection, caller.Person{})
		if v.hiddenFrom(who) {
			return bookingapi.Booking{}, errs.Missing("event")
		}
		if gone := v.gone(c.bookingID, c.seats, s.now().UnixMicro()); len(gone) > 0 {
			yours, err := s.yours(ctx, v, who, c.seats)
			if err == nil && yours != "" {
				err = alreadyYours(yours, gone)
			} else if err == nil {
				err = taken(gone)
			}
			return bookingapi.Booking{}, err
		}
		done, err := s.admit(ctx, who, v, c.bookingID, max(len(c.seats), c.quantity))
		if err != nil {
			return bookingapi.Booking{}, err
		}
		early = false
		return s.submitTold(ctx, &c, done)
	})
	if early && key != "" && errs.Of(err) != nil {
		again := &command{do: doHold, eventID: r.EventID, bookingID: bookingID, caller: who, fingerprint: fingerprint(key, r.EventID, &r.Selection, caller.Person{})}
		return s.replay(ctx, again, err)
	}
	return b, err
}

// replay answers a hold that was refused before the writer was asked: by its key it
// may have been made before, on whatever node, and have other seats by now. The writer
// compares the request with the first one; of a booking that is there it needs no more.
//
// Most refusals in an on-sale are first requests, and must not cost a read each, so
// only bookings that the node knows of are looked for: those that it remembers, that
// it has heard of since they let seats go, or that have seats in its view or had some
// when that was filled. What is missing are bookings that had lost all their seats
// before that, and those that other nodes made before this one heard of them.
func (s *Service) replay(ctx context.Context, c *command, refused error) (bookingapi.Booking, error) {
	v := s.views.peek(c.eventID)
	if _, ok := s.Remembered(c.bookingID); !ok && !s.recent.letGo(c.bookingID) && (v == nil || !v.had(c.bookingID)) {
		return bookingapi.Booking{}, refused
	}
	return s.submit(ctx, c)
}

// maxLooks is how often what somebody names is looked up before the event changes
// too fast for them.
const maxLooks = 4

// look finds what a selection names in the event's plan and prices and has it decided;
// when these have changed in the meantime, again.
func (s *Service) look(ctx context.Context, eventID string, sel *bookingapi.Selection, do func(*view, command) (bookingapi.Booking, error)) (bookingapi.Booking, error) {
	for range maxLooks {
		v, err := s.views.get(ctx, eventID)
		if err != nil {
			return bookingapi.Booking{}, err
		}
		c := command{eventID: eventID}
		if err := resolve(v, sel, &c); err != nil {
			return bookingapi.Booking{}, err
		}
		b, err := do(v, c)
		if !errors.Is(err, errLookAgain) {
			return b, err
		}
		s.views.forgetStale(v, c.at)
	}
	return bookingapi.Booking{}, errs.New(errs.Conflict, "event-changed", "The event has just changed; please check it again.")
}

// Swap exchanges the seats of a hold. Version, if not 0, must be the booking's
// Seq: another one is refused with kind Precondition.
func (s *Service) Swap(ctx context.Context, caller caller.Caller, bookingID string, version int64, sel bookingapi.Selection) (bookingapi.Booking, error) {
	if err := sel.Check(); err != nil {
		return bookingapi.Booking{}, err
	}
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return b, err
	}
	return s.look(ctx, b.EventID, &sel, func(v *view, c command) (bookingapi.Booking, error) {
		c.do, c.bookingID, c.caller, c.version = doSwap, bookingID, caller, version
		n := max(len(c.seats), c.quantity)
		if n <= len(b.Seats) {
			return s.submit(ctx, &c)
		}
		done, err := s.admit(ctx, caller, v, bookingID, n)
		if err != nil {
			return b, err
		}
		return s.submitTold(ctx, &c, done)
	})
}

// Cancel gives up a hold or gives sold seats back. It answers the booking as it is
// afterwards.
func (s *Service) Cancel(ctx context.Context, caller caller.Caller, r bookingapi.Cancellation) (bookingapi.Booking, error) {
	b, err := s.mine(ctx, caller, r.BookingID)
	if err != nil {
		return b, err
	}
	c := command{do: doCancel, eventID: b.EventID, bookingID: b.ID, caller: caller, version: r.Version}
	if len(r.Seats) > 0 {
		plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
		if err != nil {
			return b, err
		}
		if err := named(plan, &b, r.Seats, &c); err != nil {
			return b, err
		}
	}
	out, err := s.submit(ctx, &c)
	if err == nil && b.UserID == "" && out.Status == bookingapi.Cancelled {
		err = s.links.Forget(ctx, b.ID)
	}
	return out, err
}

// named finds seats by label in the plan of a booking, among its own first.
// Whether they are, or were, the booking's is decided later.
func named(p *seating.Plan, b *bookingapi.Booking, labels []string, c *command) error {
	c.at = bookingKey(b)
	for i, label := range labels {
		seat := int32(-1)
		for _, n := range b.Seats {
			if int(n) < len(p.Seats) && p.Seats[n].Label == label {
				seat = n
			}
		}
		if seat < 0 {
			seat = int32(slices.IndexFunc(p.Seats, func(s seating.Seat) bool { return s.Label == label }))
		}
		if seat < 0 {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "seat-not-in-booking", "names %s, which is not in this booking", label)
		}
		if slices.Contains(c.seats, seat) {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "seat-twice", "names %s twice", label)
		}
		c.seats = append(c.seats, seat)
	}
	return nil
}

// Confirm turns a hold into a booking because the money for it is authorized;
// the same payment may confirm again. Refusals for good are of kind Conflict,
// Invalid or NotFound; of other kinds the outcome is unclear.
func (s *Service) Confirm(ctx context.Context, m bookingapi.Confirm) (bookingapi.Booking, error) {
	return s.system(ctx, &command{do: doConfirm, bookingID: m.BookingID, payment: m.PaymentID, amount: m.Amount, currency: m.Currency, started: m.StartedAt})
}

// Extend lets a hold last ten minutes longer, once.
func (s *Service) Extend(ctx context.Context, bookingID string) error {
	_, err := s.system(ctx, &command{do: doExtend, bookingID: bookingID})
	return err
}

// CancelUnpaid makes sure that a payment never books its booking: it takes it back
// if the payment has booked it, and gives its hold up if nothing has, also one that
// has ended. Nothing is refunded for it.
func (s *Service) CancelUnpaid(ctx context.Context, bookingID, paymentID string) error {
	_, err := s.system(ctx, &command{do: doCancel, bookingID: bookingID, payment: paymentID, unpaid: true})
	return err
}

// system submits a command of our own about a booking.
func (s *Service) system(ctx context.Context, c *command) (bookingapi.Booking, error) {
	c.caller = caller.System
	if c.eventID = id.Event(c.bookingID); c.eventID == "" {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return s.submit(ctx, c)
}
