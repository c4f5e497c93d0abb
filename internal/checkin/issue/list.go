package issue

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

// Sales tells whose the seats of an event are (see bookingapi.Admitting).
type Sales interface {
	Sold(ctx context.Context, eventID string) (bookingapi.SoldSeats, error)
}

// List makes the list of the tickets of an event for the door, with the sales on which it is
// based. The revision is read before the sales and the issues, so a list that misses
// something has an older one.
func (s *Issues) List(ctx context.Context, from Sales, eventID string, now time.Time) (*ticket.List, bookingapi.SoldSeats, error) {
	revs, err := s.IssueRevs(ctx, []string{eventID})
	if err != nil {
		return nil, bookingapi.SoldSeats{}, err
	}
	sold, err := from.Sold(ctx, eventID)
	if err != nil {
		return nil, sold, err
	}
	replaced, err := s.all(ctx, eventID)
	if err != nil {
		return nil, sold, err
	}
	l := &ticket.List{Seats: make([]ticket.Digest, len(sold.Bookings))}
	l.EventID, l.PlanVersion, l.LedgerSeq, l.IssueRev, l.MadeAt = eventID, sold.PlanVersion, sold.Seq, revs[eventID], now.UnixMicro()
	for seat, booking := range sold.Bookings {
		if booking == "" {
			continue
		}
		i := replaced[place{booking, int32(seat)}]
		t := ticket.Ticket{BookingID: booking, Seat: int32(seat), PlanVersion: sold.PlanVersion, Issue: i.Number}
		if l.Seats[seat], err = t.Digest(); err != nil {
			return nil, sold, fmt.Errorf("list of the tickets for %s: %w", eventID, err)
		}
	}
	return l, sold, nil
}

// place is a seat of a booking.
type place struct {
	booking string
	seat    int32
}

// all reads the issues of all seats of an event whose ticket was ever replaced.
func (s *Issues) all(ctx context.Context, eventID string) (map[place]checkinapi.Issue, error) {
	const size = 1000
	found := map[place]checkinapi.Issue{}
	for after := int64(0); ; {
		page, err := s.IssuesSince(ctx, eventID, after, size)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			found[place{one.BookingID, one.Seat}] = one.Issue
			after = max(after, one.Rev)
		}
		if len(page) < size {
			return found, nil
		}
	}
}
