package booking

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/safetext"
)

// organizing is what an organizer's command adds to a cancellation.
type organizing struct {
	byTerms bool
	reason  string
}

// mayCancel checks who may cancel a booking: its owner, or its organizer when it is sold.
func (s *state) mayCancel(c *command, b *record) error {
	switch {
	case c.organizing == nil:
		return mayChange(b, c.caller)
	case !c.caller.MayOrganize(s.sale.OrganizerID):
		return errs.Missing("booking")
	}
	return sold(b)
}

// sold refuses what can only be done with a booking that was sold.
func sold(b *record) error {
	if b.PriceVersion != bookingapi.FreeOfCharge && (b.Status == bookingapi.Booked || b.Status == bookingapi.Cancelled && b.PaymentID != "") {
		return nil
	}
	return errs.New(errs.Conflict, "not-sold", "This booking is not sold.")
}

// decideGiveBack gives money back while the seats stay. Its ledger entry is a
// cancellation of no seats.
func decideGiveBack(s *state, c *command, b *record) ([]effect, answer) {
	if !c.caller.MayOrganize(s.sale.OrganizerID) {
		return nil, answer{err: errs.Missing("booking")}
	}
	if err := sold(b); err != nil {
		return nil, answer{err: err}
	}
	if err := seen(&b.Booking, c.version); err != nil {
		return nil, answer{err: err}
	}
	switch {
	case *c.refund != b.Left:
		return nil, answer{err: errs.New(errs.Conflict, "refund-differs", "Something else is left of the payment by now. Nothing was given back.").With("paid_left", b.Left)}
	case c.amount <= 0 || c.amount > b.Left:
		return nil, answer{err: errs.Bad("amount", "out-of-range", "must be %d to %d", 1, b.Left)}
	}
	return []effect{{kind: ledger.Cancelled, booking: b.ID, amount: c.amount, currency: b.Currency, reason: c.organizing.reason, by: c.caller.UserID}}, answer{booking: b.ID}
}

// reason is a row of booking_reasons.
type reason struct {
	seq  int64 // of the entry that it is for
	text string
	by   string  // account
	from []int32 // of a move: the seats before
}

// CancelFor implements bookingapi.Organizing.
func (s *Service) CancelFor(ctx context.Context, caller caller.Caller, r bookingapi.OrganizerCancellation) (bookingapi.Booking, error) {
	b, c, err := s.organized(ctx, caller, r.BookingID, r.Reason)
	if err != nil {
		return b, err
	}
	c.do, c.version, c.refund, c.organizing.byTerms = doCancel, r.Version, r.Refund, r.ByTerms
	if len(r.Seats) > 0 {
		plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
		if err != nil {
			return b, err
		}
		if err := named(plan, &b, r.Seats, c); err != nil {
			return b, err
		}
	}
	return s.submit(ctx, c)
}

// GiveBack implements bookingapi.Organizing.
func (s *Service) GiveBack(ctx context.Context, caller caller.Caller, g bookingapi.Goodwill) (bookingapi.Booking, error) {
	b, c, err := s.organized(ctx, caller, g.BookingID, g.Reason)
	if err != nil {
		return b, err
	}
	c.do, c.version, c.amount, c.refund = doGiveBack, g.Version, g.Amount, &g.Left
	return s.submit(ctx, c)
}

// organized begins the command of an organizer.
func (s *Service) organized(ctx context.Context, caller caller.Caller, bookingID, reason string) (bookingapi.Booking, *command, error) {
	reason = strings.TrimSpace(reason)
	if why := safetext.LineFault(reason, 1, bookingapi.MaxReason); !why.None() {
		return bookingapi.Booking{}, nil, errs.Fields([]errs.Field{why.In("reason")})
	}
	if safetext.Hidden(reason) {
		return bookingapi.Booking{}, nil, errs.Fields([]errs.Field{safetext.HiddenReason.In("reason")})
	}
	b, err := s.mine(ctx, caller, bookingID)
	if err == nil && !caller.MayOrganize(b.OrganizerID) {
		err = errs.Missing("booking")
	}
	if err != nil {
		return bookingapi.Booking{}, nil, err
	}
	return b, &command{eventID: b.EventID, bookingID: b.ID, caller: caller, organizing: &organizing{reason: reason}}, nil
}

// xReason is written with the entry that it is for; few are.
const xReason = `INSERT INTO booking_reasons (event_id, seq, booking_id, at, amount, seats, reason, by_id, moved_from, mail_due)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// reasonRows are the values of a batch's new rows of booking_reasons.
func (s *state) reasonRows() (rows [][]any) {
	for _, r := range s.reasons {
		e := &s.entries[r.seq-s.entries[0].Seq]
		back, seats, mail := e.Amount, len(e.Seats), false
		if r.from != nil { // nothing goes back
			back, seats, mail = 0, 0, s.bookings[e.BookingID].PaymentID != bookingapi.Block
		}
		rows = append(rows, []any{e.EventID, e.Seq, e.BookingID, e.At, back, seats, r.text, r.by, seatsOrNull(r.from), mail})
	}
	return rows
}

// Reasons implements bookingapi.Organizing.
func (s *Service) Reasons(ctx context.Context, eventID string, seqs []int64) (map[int64]string, error) {
	raw, err := codec.Marshal(seqs)
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	out := map[int64]string{}
	// By the primary key.
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(`SELECT seq, reason FROM booking_reasons WHERE event_id = $1
		AND seq /*sqlite: IN (SELECT value FROM json_each($2))*/ /*postgres: = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($2 AS JSON)) AS BIGINT)))*/`), eventID, string(raw))
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var text string
		if err := rows.Scan(&seq, &text); err != nil {
			return nil, fmt.Errorf("read reasons: %w", err)
		}
		out[seq] = text
	}
	return out, rows.Err()
}

// ReasonsOf implements bookingapi.Organizing.
func (s *Service) ReasonsOf(ctx context.Context, bookingID string) ([]bookingapi.Reason, error) {
	// By booking_reasons_of.
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(`SELECT seq, at, amount, seats, reason, coalesce(moved_from, '[]') FROM booking_reasons WHERE booking_id = $1 ORDER BY seq`), bookingID)
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	return readReasons(rows)
}

func readReasons(rows *sql.Rows) (list []bookingapi.Reason, err error) {
	defer rows.Close()
	for rows.Next() {
		var r bookingapi.Reason
		var from string
		if err := rows.Scan(&r.Seq, &r.At, &r.Amount, &r.Seats, &r.Text, &from); err != nil {
			return nil, fmt.Errorf("read reasons: %w", err)
		}
		r.From, _ = ledger.ParseSeats(from)
		list = append(list, r)
	}
	return list, rows.Err()
}

// leftOf is what a booking's organizer sees of its money.
func leftOf(c caller.Caller, b *bookingapi.Booking) *int64 {
	if b.PriceVersion == bookingapi.FreeOfCharge || b.PaymentID == "" || !c.MayOrganize(b.OrganizerID) {
		return nil
	}
	return &b.Left
}
