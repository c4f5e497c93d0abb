package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
)

// By payments_by_event: a payment's id begins with its booking's, and that with its
// event's.
const sqlRange = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C" AND id > $2 AND id < $3 ORDER BY id LIMIT $4`

// bookingsAtOnce is how many of a user's bookings are looked through at a time.
const bookingsAtOnce = 200

// OfUser lists a user's payments in the order of their ids, beginning after one.
// NotFound for callers who are neither the user nor an admin.
func (s *Service) OfUser(ctx context.Context, caller caller.Caller, userID, after string, limit int) ([]Payment, error) {
	if !caller.SignedIn() {
		return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	if !caller.MayRead(userID) {
		return nil, errs.Missing("user")
	}
	var list []Payment
	for booking := bookingOf(after); len(list) < limit; {
		// The booking of the last payment seen may have more.
		ids, err := s.bookings.OfUser(ctx, userID, booking, bookingsAtOnce)
		if err != nil {
			return nil, err
		}
		for _, bookingID := range ids {
			more, err := s.store.between(ctx, id.Event(bookingID), max(after, bookingID+"-"), bookingID+".", limit-len(list))
			if err != nil {
				return nil, err
			}
			if list = append(list, more...); len(list) == limit {
				return list, nil
			}
		}
		if len(ids) < bookingsAtOnce {
			break
		}
		booking = ids[len(ids)-1] + "0" // the next id after it
	}
	return list, nil
}

// OfEvent lists an event's payments as OfUser does. NotFound for callers who are
// neither the event's organizer nor an admin.
func (s *Service) OfEvent(ctx context.Context, caller caller.Caller, eventID, after string, limit int) ([]Payment, error) {
	if !caller.SignedIn() {
		return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	sale, err := bookingapi.One(ctx, s.bookings.Sales, "event", eventID)
	if err != nil {
		return nil, err
	}
	if !caller.MayOrganize(sale.OrganizerID) {
		return nil, errs.Missing("event")
	}
	return s.store.between(ctx, eventID, max(after, eventID), eventID+"~", limit) // ids are below "~"
}

// between lists an event's payments by id, both bounds exclusive.
func (s *store) between(ctx context.Context, eventID, after, before string, limit int) ([]Payment, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlRange), eventID, after, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	defer rows.Close()
	var list []Payment
	for rows.Next() {
		var p Payment
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("list payments: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}
