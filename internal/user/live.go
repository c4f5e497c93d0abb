package user

import (
	"context"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
)

// What keeps an account from being deleted.
// Bookings for events that are over do not keep it.

// Bookings is the part of bookingapi.Service that accounts use.
type Bookings interface {
	LatestOfUser(ctx context.Context, userID string, limit int) (ids []string, more bool, err error)
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	HasLive(ctx context.Context, userID string) (bool, error)
	Adopt(ctx context.Context, from, to string, email caller.EmailKey) error
	GiveUp(ctx context.Context, userID string, since int64, spared []string) error
}

// Events is the part of eventapi.Service that accounts use.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
	HasOpen(ctx context.Context, organizerID string) (bool, error)
}

// Payments is the part of paymentapi.Service that accounts use.
type Payments interface {
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
}

const (
	bookingsAtOnce = 200
	paidLateMost   = 2000 // how many bookings of an account are checked for a late payment

	// clocksDiffer allows for clock differences between two nodes, and for the time
	// that writing a hold may take.
	clocksDiffer = time.Minute
)

// LiveBookings returns the bookings that keep an account from being deleted: held,
// or sold for an event that is not over. Gifts do not count.
func (s *Service) LiveBookings(ctx context.Context, caller caller.Caller, userID string) ([]bookingapi.Booking, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil || s.bookings == nil {
		return nil, err
	}
	return s.live(ctx, userID, s.now().UnixMicro())
}

// live returns the LiveBookings at a time, µs since 1970.
func (s *Service) live(ctx context.Context, userID string, at int64) ([]bookingapi.Booking, error) {
	list, err := s.heldOrSold(ctx, userID)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(b bookingapi.Booking) bool {
		return b.PriceVersion == bookingapi.FreeOfCharge || b.Status == bookingapi.Pending && b.ExpiresAt <= at
	})
	over, err := s.over(ctx, list, at)
	return slices.DeleteFunc(list, func(b bookingapi.Booking) bool { return slices.Contains(over, b.EventID) }), err
}

// hasLive reports whether an account has bookings that keep it from being deleted at
// a time (µs since 1970): live ones, or an expired hold whose payment is under way.
func (s *Service) hasLive(ctx context.Context, userID string, at int64) (bool, error) {
	if s.bookings == nil {
		return false, nil
	}
	if some, err := s.bookings.HasLive(ctx, userID); err != nil || !some {
		return false, err
	}
	list, err := s.live(ctx, userID, at)
	if err != nil || len(list) > 0 {
		return err == nil, err
	}
	return s.payingLate(ctx, userID)
}

// over returns the events of some bookings that were over at a time, µs since 1970.
func (s *Service) over(ctx context.Context, list []bookingapi.Booking, at int64) (eventIDs []string, err error) {
	if s.events == nil || len(list) == 0 {
		return nil, nil
	}
	var ids []string
	for i := range list {
		ids = append(ids, list[i].EventID)
	}
	slices.Sort(ids)
	events, err := s.events.Events(ctx, slices.Compact(ids))
	for id, e := range events {
		if e.OverAt(time.UnixMicro(at)) {
			eventIDs = append(eventIDs, id)
		}
	}
	return eventIDs, err
}

// payingLate reports whether a payment is under way for an expired hold of an
// account: it may still book the seats.
func (s *Service) payingLate(ctx context.Context, userID string) (bool, error) {
	since := s.now().UnixMicro() - bookingapi.LateConfirm
	var ids []string
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Expired} {
		list, err := s.bookingsOf(ctx, userID, status, paidLateMost)
		if err != nil {
			return false, err
		}
		for i := range list {
			if list[i].ExpiresAt > since {
				ids = append(ids, list[i].ID)
			}
		}
	}
	if s.payments == nil || len(ids) == 0 {
		return false, nil
	}
	latest, err := s.payments.Latest(ctx, ids)
	for _, p := range latest {
		if !p.Status.Final() {
			return err == nil, err
		}
	}
	return false, err
}

// heldOrSold returns all bookings of an account that are pending or booked.
func (s *Service) heldOrSold(ctx context.Context, userID string) (all []bookingapi.Booking, err error) {
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Booked} {
		list, err := s.bookingsOf(ctx, userID, status, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// bookingsOf returns an account's bookings of one status: at least most of them, if
// there are that many, or all if most is 0.
func (s *Service) bookingsOf(ctx context.Context, userID string, status bookingapi.Status, most int) (all []bookingapi.Booking, err error) {
	f := bookingapi.Filter{UserID: userID, Status: status, Limit: bookingsAtOnce}
	for most == 0 || len(all) < most {
		list, err := s.bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < f.Limit {
			break
		}
		f.After = list[len(list)-1].ID
	}
	return all, nil
}
