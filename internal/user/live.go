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

// What keeps an account from being deleted, and what is given up afterwards. Seats of
// an event that is over keep nobody from leaving.

// Bookings is what accounts need of the booking service; see bookingapi.Service.
type Bookings interface {
	LatestOfUser(ctx context.Context, userID string, limit int) (ids []string, more bool, err error)
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	HasLive(ctx context.Context, userID string) (bool, error)
	Adopt(ctx context.Context, from, to string, email caller.EmailKey) error
	GiveUp(ctx context.Context, userID string, since int64, spared []string) error
}

// Events is what accounts need of the event service; see eventapi.Service.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
	HasOpen(ctx context.Context, organizerID string) (bool, error)
	CancelOpen(ctx context.Context, organizerID string) error
}

// Payments is what accounts need of the payment service; see paymentapi.Service.
type Payments interface {
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
}

const (
	bookingsAtOnce = 200
	paidLateMost   = 2000 // bookings of an account among which a late payment is looked for

	// clocksDiffer is how far the clocks of two nodes may differ, and how long writing a
	// hold may take.
	clocksDiffer = time.Minute
)

// LiveBookings are the bookings for which an account has to stay: held, or sold for an
// event that is not over. Gifts do not count.
func (s *Service) LiveBookings(ctx context.Context, caller caller.Caller, userID string) ([]bookingapi.Booking, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil || s.bookings == nil {
		return nil, err
	}
	return s.live(ctx, userID, s.now().UnixMicro())
}

// live are LiveBookings at a time, µs since 1970.
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

// hasLive reports whether an account has bookings that keep it at a time (µs since
// 1970): live ones, or a lapsed hold that is being paid for.
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

// giveUp ends an account's lapsed holds that could still be paid. If since is not 0 (µs
// since 1970), it also gives up what the account has got since then, but not for events
// that were over at that time: hasLive has passed over those, and nobody gets money
// back for an event that has taken place.
func (s *Service) giveUp(ctx context.Context, userID string, since int64) error {
	if s.bookings == nil {
		return nil
	}
	if since == 0 {
		return s.bookings.GiveUp(ctx, userID, 0, nil)
	}
	list, err := s.heldOrSold(ctx, userID)
	if err != nil {
		return err
	}
	spared, err := s.over(ctx, list, since)
	if err != nil {
		return err
	}
	return s.bookings.GiveUp(ctx, userID, since-clocksDiffer.Microseconds(), spared)
}

// over are the events of some bookings that were over at a time, µs since 1970.
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

// payingLate reports whether a payment is under way for a hold of an account that has
// lapsed: it may still book the seats.
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

// heldOrSold are all bookings of an account that are pending or booked.
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

// bookingsOf are an account's bookings of one status: at least most, if there are that
// many, or with 0 all.
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
