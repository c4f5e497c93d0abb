package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// decideReseat moves a booked booking to other seats. In the ledger it is a swap without
// an end, which takes the new seats and frees the old ones at once. The booking keeps its
// prices and its money, so each new seat must cost, in its own price list, what one of its
// seats costs. The sale need not be open, and limits do not apply: their number stays.
func decideReseat(s *state, c *command, b *record) ([]effect, answer) {
	refuse := func(err error) ([]effect, answer) { return nil, answer{err: err} }
	if !c.caller.MayOrganize(s.sale.OrganizerID) {
		return refuse(errs.Missing("booking"))
	}
	if err := seen(&b.Booking, c.version); err != nil {
		return refuse(err)
	}
	switch {
	case b.Status == bookingapi.Cancelled:
		return refuse(errs.New(errs.Conflict, "booking-cancelled", "This booking was cancelled."))
	case b.Status != bookingapi.Booked:
		return refuse(errs.New(errs.Conflict, "not-sold", "This booking is not sold."))
	case s.sale.Status == eventapi.Cancelled:
		return refuse(errs.New(errs.Conflict, "event-cancelled", "The event was cancelled."))
	case c.at.plan() != bookingKey(&b.Booking).plan():
		return refuse(errLookAgain)
	case sameSeats(c.seats, b.Seats):
		return nil, answer{booking: b.ID}
	}
	p := s.prices[bookingKey(&b.Booking)]
	seats, err := s.wanted(c, p, b)
	if err != nil {
		return refuse(err)
	}
	if len(seats) != len(b.Seats) {
		return refuse(errs.Bad("seats", "not-as-many", "must name %d seats, as many as the booking has", len(b.Seats)))
	}
	if !p.sameCosts(seats, b.Seats) {
		return refuse(errs.New(errs.Conflict, "price-differs", "Each of the seats must cost as much as one of the seats that the booking has."))
	}
	effects, err := s.take(seats, b.ID)
	if err != nil {
		return refuse(err)
	}
	made := *b
	made.Seats, made.GivenBack = seats, without(b.GivenBack, seats)
	return append(effects, effect{
		kind: ledger.Swapped, booking: b.ID, seats: seats, amount: b.Amount, currency: b.Currency, made: &made,
		from: b.Seats, reason: c.organizing.reason, by: c.caller.UserID,
	}), answer{booking: b.ID}
}

// sameCosts reports whether two lists have as many seats of each price, with the same fees
// and tax in it.
func (p *priced) sameCosts(a, b []int32) bool {
	type cost struct{ price, fees, fee, tax int64 }
	of := func(seat int32) cost {
		t := p.of(seat)
		return cost{t.Price, t.Fees, t.Fee, t.Tax}
	}
	left := map[cost]int{}
	for _, seat := range b {
		left[of(seat)]++
	}
	return len(a) == len(b) && !slices.ContainsFunc(a, func(seat int32) bool {
		left[of(seat)]--
		return left[of(seat)] < 0
	})
}

// Reseat implements bookingapi.Organizing.
func (s *Service) Reseat(ctx context.Context, caller caller.Caller, r bookingapi.Reseating) (bookingapi.Booking, error) {
	b, organized, err := s.organized(ctx, caller, r.BookingID, r.Reason)
	if err != nil {
		return b, err
	}
	if len(r.Seats) == 0 {
		return b, errs.Bad("seats", "required", "must name the seats to move to")
	}
	// General-admission places cannot be named, except those that the booking has.
	own, err := s.ownLabels(ctx, &b)
	if err != nil {
		return b, err
	}
	var others []string
	var at []int // of others, in r.Seats
	for i, label := range r.Seats {
		if slices.Contains(r.Seats[:i], label) {
			return b, errs.Bad(fmt.Sprintf("seats[%d]", i), "seat-twice", "names %s twice", label)
		}
		if _, ok := own[label]; !ok {
			others, at = append(others, label), append(at, i)
		}
	}
	moved, err := s.look(ctx, b.EventID, &bookingapi.Selection{Seats: others}, func(_ *view, c command) (bookingapi.Booking, error) {
		moved := *organized
		moved.do, moved.version, moved.at = doReseat, r.Version, c.at
		for _, label := range r.Seats {
			seat, ok := own[label]
			if !ok {
				seat, c.seats = c.seats[0], c.seats[1:]
			}
			moved.seats = append(moved.seats, seat)
		}
		return s.submit(ctx, &moved)
	})
	return moved, seatsAt(err, at)
}

// seatsAt is an error about the i-th of some seats as one about the seat at at[i].
func seatsAt(err error, at []int) error {
	if e := (*errs.Error)(nil); errors.As(err, &e) {
		for i := range e.Fields {
			var n int
			if _, no := fmt.Sscanf(e.Fields[i].Name, "seats[%d]", &n); no == nil && n < len(at) {
				e.Fields[i].Name = fmt.Sprintf("seats[%d]", at[n])
			}
		}
	}
	return err
}

// movesDue lists ids, greater than after, of moved bookings whose tickets have to be mailed,
// in ascending order.
func (s *Service) movesDue(ctx context.Context, after string, limit int) ([]string, error) {
	ids, err := sqldb.Texts(ctx, s.db.Reader(), `SELECT DISTINCT booking_id FROM booking_reasons
		WHERE mail_due AND booking_id > $1 ORDER BY booking_id LIMIT $2`, after, limit) // booking_reasons_due
	if err != nil {
		return nil, fmt.Errorf("moved bookings: %w", err)
	}
	return ids, nil
}

// moveDue returns what there is to tell of a moved booking: of several moves one, with all
// seats that it had and has no longer. Seq is 0 if all was mailed meanwhile; due is false if
// the booking has no tickets any more, or has moved back meanwhile, of which a later move tells.
func (s *Service) moveDue(ctx context.Context, bookingID string) (m bookingapi.Move, due bool, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT seq, reason, moved_from FROM booking_reasons
		WHERE mail_due AND booking_id = $1 ORDER BY seq`, bookingID) // booking_reasons_due
	if err != nil {
		return m, false, fmt.Errorf("moved booking: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var from string
		if err := rows.Scan(&m.Seq, &m.Reason, &from); err != nil {
			return m, false, fmt.Errorf("moved booking: %w", err)
		}
		seats, _ := ledger.ParseSeats(from)
		m.From = append(m.From, without(seats, m.From)...)
	}
	if err := rows.Err(); err != nil || m.Seq == 0 {
		return m, false, err
	}
	links, err := s.Links(ctx, []string{bookingID}) // before the address: see GiftDue
	if err != nil {
		return m, false, err
	}
	m.Link = links[bookingID]
	if m.Booking, err = s.Booking(ctx, bookingID); err != nil {
		return m, false, err
	}
	m.From = without(m.From, m.Seats)
	if m.UserID == "" {
		list, err := s.links.Recipients(ctx, []string{bookingID})
		if err != nil {
			return m, false, err
		}
		m.To = list[bookingID]
	}
	return m, m.Status == bookingapi.Booked && len(m.From) > 0, nil
}

// moveMailed records that a move was mailed, with those before it.
func (s *Service) moveMailed(ctx context.Context, m *bookingapi.Move) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		// By booking_reasons_due.
		_, err := tx.ExecContext(ctx, `UPDATE booking_reasons SET mail_due = FALSE WHERE event_id = $1 AND booking_id = $2 AND mail_due AND seq <= $3`, m.EventID, m.ID, m.Seq)
		return err
	})
}

// ownLabels returns the ordinals of a booking's seats by label.
func (s *Service) ownLabels(ctx context.Context, b *bookingapi.Booking) (map[string]int32, error) {
	plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
	if err != nil {
		return nil, err
	}
	own := make(map[string]int32, len(b.Seats))
	for _, seat := range b.Seats {
		if int(seat) < len(plan.Seats) {
			own[plan.Seats[seat].Label] = seat
		}
	}
	return own, nil
}
