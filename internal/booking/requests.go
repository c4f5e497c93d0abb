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

// Hold holds seats for a few minutes. Repeated requests of a caller with the same key
// return the same booking.
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

// replay answers a hold that was refused before it reached the writer. The request may
// be a repeat: then its booking exists already, perhaps made on another node, and
// perhaps with other seats by now. The writer compares it with the first request.
//
// Most refusals in an on-sale concern first requests and must not cost a read each, so
// the writer is asked only about bookings that this node knows: cached ones, ones that
// gave up seats recently, and ones that have seats in the view or had some when it was
// filled. Not found are bookings that had lost all seats before that, and bookings
// that another node has made but this one has not heard of yet.
func (s *Service) replay(ctx context.Context, c *command, refused error) (bookingapi.Booking, error) {
	v := s.views.peek(c.eventID)
	if _, ok := s.Remembered(c.bookingID); !ok && !s.recent.letGo(c.bookingID) && (v == nil || !v.had(c.bookingID)) {
		return bookingapi.Booking{}, refused
	}
	return s.submit(ctx, c)
}

// maxLooks is how often a selection is looked up before the request fails because the
// event keeps changing.
const maxLooks = 4

// look resolves a selection in the event's plan and prices and calls do with it. It
// starts over when these have changed in the meantime.
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

// Swap exchanges the seats of a hold. If version is not 0, it must be the booking's
// Seq; otherwise the error has kind Precondition.
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

// Cancel releases a hold or gives sold seats back, and returns the booking as it is
// afterwards.
func (s *Service) Cancel(ctx context.Context, caller caller.Caller, r bookingapi.Cancellation) (bookingapi.Booking, error) {
	b, err := s.mine(ctx, caller, r.BookingID)
	if err != nil {
		return b, err
	}
	c := command{do: doCancel, eventID: b.EventID, bookingID: b.ID, caller: caller, version: r.Version, refund: r.Refund}
	if len(r.Seats) > 0 {
		plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
		if err != nil {
			return b, err
		}
		if err := named(plan, &b, r.Seats, &c); err != nil {
			return b, err
		}
	}
	if err := s.unused(ctx, caller, &b, c.seats); err != nil {
		return b, err
	}
	out, err := s.submit(ctx, &c)
	if err == nil && b.UserID == "" && out.Status == bookingapi.Cancelled {
		err = s.links.Forget(ctx, b.ID)
	}
	return out, err
}

// unused refuses to give back seats with which somebody was let in: who has seen the show
// gets no refund for it, but from the organizer or an admin, who may also take back gifts. Whoever is let in while this is
// asked may still be missed.
func (s *Service) unused(ctx context.Context, caller caller.Caller, b *bookingapi.Booking, seats []int32) error {
	if s.entered == nil || b.Status != bookingapi.Booked || caller.MayOrganize(b.OrganizerID) {
		return nil
	}
	used, err := s.entered(ctx, b.ID, slices.DeleteFunc(slices.Clone(b.Seats), func(n int32) bool { return len(seats) > 0 && !slices.Contains(seats, n) }))
	if err != nil || len(used) == 0 {
		return err
	}
	plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
	if err != nil {
		return err
	}
	labels := make([]string, len(used))
	for i, seat := range used {
		labels[i] = plan.Seats[seat].Label
	}
	return errs.New(errs.Conflict, "already-used", "Somebody was let in with these tickets. Only the organizer can cancel them now.").With("seats", labels)
}

// named finds seats by label in the plan of a booking, looking at its own seats first.
// Whether they are or were the booking's is decided later.
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

// Confirm books a hold once its payment is authorized; the same payment may confirm
// again. Errors of kind Conflict, Invalid, NotFound and Forbidden are final; after
// other errors the outcome is unclear.
func (s *Service) Confirm(ctx context.Context, m bookingapi.Confirm) (bookingapi.Booking, error) {
	return s.system(ctx, &command{do: doConfirm, bookingID: m.BookingID, payment: m.PaymentID, amount: m.Amount, currency: m.Currency, started: m.StartedAt, others: m.Alternatives})
}

// Extend prolongs a hold by ten minutes, once.
func (s *Service) Extend(ctx context.Context, bookingID string) error {
	_, err := s.system(ctx, &command{do: doExtend, bookingID: bookingID})
	return err
}

// CancelUnpaid makes sure that a failed payment does not book its booking: it cancels
// the booking if this payment booked it, and cancels the hold, even an expired one, if
// it is not paid. Nothing is refunded.
func (s *Service) CancelUnpaid(ctx context.Context, bookingID, paymentID string) error {
	_, err := s.system(ctx, &command{do: doCancel, bookingID: bookingID, payment: paymentID, unpaid: true})
	return err
}

// system submits a command as one of our own jobs (caller.System).
func (s *Service) system(ctx context.Context, c *command) (bookingapi.Booking, error) {
	c.caller = caller.System
	if c.eventID = id.Event(c.bookingID); c.eventID == "" {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return s.submit(ctx, c)
}
