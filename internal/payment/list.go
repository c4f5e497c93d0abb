package payment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// By payments_by_event: a payment's id begins with its booking's id, which begins
// with its event's.
const sqlRange = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C" AND id > $2 AND id < $3 ORDER BY id LIMIT $4`

// bookingsAtOnce is how many of a user's bookings are read at a time.
const bookingsAtOnce = 200

// ofUser lists a user's payments in the order of their ids, those after a given one.
func (s *Service) ofUser(ctx context.Context, caller caller.Caller, userID, after string, limit int) ([]record, error) {
	if !caller.SignedIn() {
		return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	if !caller.MayRead(userID) {
		return nil, errs.Missing("user")
	}
	var list []record
	for booking := bookingOf(after); len(list) < limit; {
		// The booking of the last payment seen may have more.
		ids, err := s.buyers.OfUser(ctx, userID, booking, bookingsAtOnce)
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

// ofEvent lists an event's payments as ofUser does.
func (s *Service) ofEvent(ctx context.Context, caller caller.Caller, eventID, after string, limit int) ([]record, error) {
	if !caller.SignedIn() {
		return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	sale, err := bookingapi.One(ctx, s.buyers.Sales, "event", eventID)
	if err != nil {
		return nil, err
	}
	if !caller.MayOrganize(sale.OrganizerID) {
		return nil, errs.Missing("event")
	}
	return s.store.between(ctx, eventID, max(after, eventID), eventID+"~", limit) // ids are below "~"
}

// between lists an event's payments by id, both bounds exclusive.
func (s *store) between(ctx context.Context, eventID, after, before string, limit int) ([]record, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlRange), eventID, after, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	defer rows.Close()
	var list []record
	for rows.Next() {
		var p record
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("list payments: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// DisputedOf lists the payments of a booking that are or were disputed, the first attempt first.
func (s *Service) DisputedOf(ctx context.Context, bookingID string) ([]paymentapi.Payment, error) {
	all, err := s.store.between(ctx, id.Event(bookingID), bookingID+"-", bookingID+".", paymentapi.MaxAttempts)
	slices.SortFunc(all, func(a, b record) int { return cmp.Compare(a.Attempt, b.Attempt) })
	return showAll(show)(slices.DeleteFunc(all, func(p record) bool { return p.dispute == "" }), err)
}

// By ranges of payments_by_event; a booking has at most paymentapi.MaxAttempts. On
// PostgreSQL, OFFSET 0 keeps the planner from scanning the whole table.
const sqlLatestOf = `SELECT ` + columns + ` FROM (SELECT /*sqlite: value AS wanted FROM json_each($1)*/ /*postgres: json_array_elements_text(CAST($1 AS JSON)) AS wanted*/) AS w
	CROSS JOIN /*postgres: LATERAL (SELECT * FROM*/ payments WHERE event_id = substr(wanted, 1, 16) COLLATE "C"
		AND id > (wanted || '-') COLLATE "C" AND id < (wanted || '.') COLLATE "C" /*postgres: OFFSET 0) AS p*/`

// latestOf reads the latest payment of each of some bookings, by booking id.
func (s *store) latestOf(ctx context.Context, bookingIDs []string) (map[string]record, error) {
	found := make(map[string]record, len(bookingIDs))
	if len(bookingIDs) == 0 {
		return found, nil
	}
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlLatestOf), list(bookingIDs))
	if err != nil {
		return nil, fmt.Errorf("read latest payments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p record
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("read latest payments: %w", err)
		}
		if p.Attempt > found[p.BookingID].Attempt {
			found[p.BookingID] = p
		}
	}
	return found, rows.Err()
}
