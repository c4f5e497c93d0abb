// Package list makes the list of the tickets of an event for its door (ticket.List), and
// keeps it up to date: by the ledger, it reads only the seats that have changed.
package list

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/ticket"
)

// Sales tells whose the seats of an event are.
type Sales interface {
	bookingapi.Admitting
	Entries(ctx context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error)
}

// Issues tells which code of a seat is the current one; see checkinapi.Issuing.
type Issues interface {
	IssuesSince(ctx context.Context, eventID string, after int64, limit int) ([]checkinapi.SeatIssue, error)
	IssueRevs(ctx context.Context, eventIDs []string) (map[string]int64, error)
}

// Tickets are the tickets of an event, as of one version of the ledger and of the issues.
// They are never changed.
type Tickets struct {
	List     *ticket.List
	Bookings []string // the booking of each seat, by ordinal; "": nobody
	PlanID   string
	issues   map[place]uint16 // of seats whose ticket was ever replaced
}

// place is a seat of a booking.
type place struct {
	booking string
	seat    int32
}

// Make makes the list of an event's tickets at now, from an older one, or anew if that is nil.
// NotFound: the event has no sale. The revision of the issues is read before the sales, and
// the issues last, so a list that misses something has an older version.
func Make(ctx context.Context, from Sales, issues Issues, eventID string, old *Tickets, now time.Time) (*Tickets, error) {
	revs, err := issues.IssueRevs(ctx, []string{eventID})
	if err != nil {
		return nil, err
	}
	var next *Tickets
	var changed []int32 // seats that may belong to somebody else, or whose ticket was replaced
	if old != nil {
		next, changed, err = old.follow(ctx, from)
	}
	if old == nil || errors.Is(err, errTooMuch) {
		next, changed, err = all(ctx, from, eventID)
	}
	if err != nil {
		return nil, err
	}
	replaced, err := next.replaced(ctx, issues)
	if err != nil {
		return nil, err
	}
	next.List.IssueRev, next.List.MadeAt = revs[eventID], now.UnixMicro()
	for _, seat := range append(changed, replaced...) {
		if next.List.Seats[seat], err = next.digest(seat); err != nil {
			return nil, fmt.Errorf("list of the tickets for %s: %w", eventID, err)
		}
	}
	return next, nil
}

// all reads who has each seat.
func all(ctx context.Context, from Sales, eventID string) (*Tickets, []int32, error) {
	sold, err := from.Sold(ctx, eventID)
	if err != nil {
		return nil, nil, err
	}
	l := &ticket.List{Seats: make([]ticket.Digest, len(sold.Bookings))}
	l.EventID, l.PlanVersion, l.LedgerSeq = eventID, sold.PlanVersion, sold.Seq
	seats := make([]int32, len(l.Seats))
	for i := range seats {
		seats[i] = int32(i)
	}
	return &Tickets{List: l, Bookings: sold.Bookings, PlanID: sold.PlanID}, seats, nil
}

// most is how many entries of the ledger, and seats in them, are followed. After more, all
// seats are read.
const most = 4 * bookingapi.MaxHolders

var errTooMuch = errors.New("too much has changed")

// follow reads who has the seats that have changed since, by the ledger. errTooMuch: all must
// be read.
func (t *Tickets) follow(ctx context.Context, from Sales) (*Tickets, []int32, error) {
	eventID, seq := t.List.EventID, t.List.LedgerSeq
	entries, err := from.Entries(ctx, eventID, seq, most)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) == most {
		return nil, nil, errTooMuch
	}
	concerned := map[int32]bool{}
	moved := map[string]bool{} // bookings that have other seats now, and before
	for i := range entries {
		e := &entries[i]
		seq = e.Seq
		switch e.Kind {
		case ledger.Sale:
			return nil, nil, errTooMuch // perhaps by another plan
		case ledger.Swapped:
			moved[e.BookingID] = true
		}
		for _, seat := range e.Seats {
			concerned[seat] = true
		}
	}
	if len(moved) > 0 {
		for seat, booking := range t.Bookings {
			if moved[booking] {
				concerned[int32(seat)] = true
			}
		}
	}
	if len(concerned) > most {
		return nil, nil, errTooMuch
	}
	next := &Tickets{List: &ticket.List{ListHead: t.List.ListHead, Seats: slices.Clone(t.List.Seats)}, Bookings: slices.Clone(t.Bookings), PlanID: t.PlanID, issues: t.issues}
	next.List.LedgerSeq = seq
	seats := slices.Sorted(maps.Keys(concerned))
	for part := range slices.Chunk(seats, bookingapi.MaxHolders) {
		holders, err := from.Holders(ctx, eventID, part)
		if err != nil {
			return nil, nil, err
		}
		for _, seat := range part {
			if seat < 0 || int(seat) >= len(next.Bookings) {
				return nil, nil, errTooMuch
			}
			next.Bookings[seat] = holders[seat]
		}
	}
	return next, seats, nil
}

// replaced reads which tickets were replaced since the list's revision, and returns their
// seats.
func (t *Tickets) replaced(ctx context.Context, issues Issues) (seats []int32, err error) {
	const size = 1000
	own := false // t.issues is not an older list's
	for after := t.List.IssueRev; ; {
		page, err := issues.IssuesSince(ctx, t.List.EventID, after, size)
		if err != nil {
			return nil, err
		}
		if len(page) > 0 && !own {
			t.issues, own = maps.Clone(t.issues), true
			if t.issues == nil {
				t.issues = map[place]uint16{}
			}
		}
		for i := range page {
			one := &page[i]
			t.issues[place{one.BookingID, one.Seat}] = one.Number
			after = max(after, one.Rev)
			if one.Seat >= 0 && int(one.Seat) < len(t.Bookings) {
				seats = append(seats, one.Seat)
			}
		}
		if len(page) < size {
			return seats, nil
		}
	}
}

// digest returns the digest of the ticket that admits to a seat.
func (t *Tickets) digest(seat int32) (ticket.Digest, error) {
	booking := t.Bookings[seat]
	if booking == "" {
		return ticket.Nobody, nil
	}
	return ticket.Ticket{BookingID: booking, Seat: seat, PlanVersion: t.List.PlanVersion, Issue: t.issues[place{booking, seat}]}.Digest()
}
