package booking

import (
	"database/sql"
	"fmt"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner = tables.Scanner

// saleColumns is the state of a sale in the head row.
const saleColumns = tables.SaleColumns

// headArgs is a whole head row, with the event's id last.
func headArgs(s *state) []any {
	h := &s.sale
	return []any{s.seq, s.hash[:], s.at, string(h.Status), h.OpensAt, h.ClosesAt, h.PlanID, h.PlanVersion, h.PriceVersion, h.Currency,
		h.Seats, h.LimitPerCustomer, h.HoldFor, h.OrganizerID, h.EventVersion, h.RefundsEnd, h.ChangedAt, h.ChangeRefundsEnd, h.UnverifiedBuyers, s.eventID}
}

// scanBooking reads bookingColumns.
func scanBooking(row scanner) (*record, error) {
	var r record
	var seats string
	var expires sql.NullInt64
	var payment, givenBack sql.NullString
	var released sql.NullInt64
	var email []byte
	if err := row.Scan(&r.ID, &r.EventID, &r.UserID, &r.Status, &seats, &r.CreatedAt, &expires, &r.Amount, &r.Fees, &r.Currency,
		&r.PlanID, &r.PlanVersion, &r.PriceVersion, &payment, &r.Fingerprint, &r.Extended, &r.Seq, &email, &released, &givenBack); err != nil {
		return nil, err
	}
	r.ExpiresAt, r.PaymentID, r.ReleasedAt = expires.Int64, payment.String, released.Int64
	r.address = readAddress(email)
	var ok bool
	if r.GivenBack, ok = ledger.ParseSeats(givenBack.String); !ok && givenBack.Valid {
		return nil, fmt.Errorf("booking %s: seats given back are unreadable: %.40q", r.ID, givenBack.String)
	}
	if r.Seats, ok = ledger.ParseSeats(seats); !ok {
		return nil, fmt.Errorf("booking %s: seats are unreadable: %.40q", r.ID, seats)
	}
	return &r, nil
}

// bookingArgs is a whole row of bookings.
func bookingArgs(b *record) []any {
	return []any{b.ID, b.EventID, b.UserID, string(b.Status), seatsText(b.Seats), b.CreatedAt, positive(b.ExpiresAt), b.Amount, b.Fees, b.Currency,
		b.PlanID, b.PlanVersion, b.PriceVersion, orNull(b.PaymentID), b.Fingerprint, b.Extended, b.Seq, emailOrNull(b.address),
		positive(b.ReleasedAt), seatsOrNull(b.GivenBack)}
}

// scanHeld reads heldColumns, and what follows them.
func scanHeld(row scanner, h *held, more ...any) error {
	var seats string
	var prices int64
	if err := row.Scan(append([]any{&h.id, &h.status, &h.created, &h.until, &h.released, &seats, &prices}, more...)...); err != nil {
		return fmt.Errorf("read buyer: %w", err)
	}
	h.seats, h.gift = ledger.CountSeats(seats), prices == bookingapi.FreeOfCharge
	return nil
}

// column is an address in email_key: its key, and unless it is proved a byte more.
// So a look-up of the key alone finds what counts for the address's owner.
func (a address) column() []byte {
	switch {
	case a == address{}:
		return nil
	case a.standing == proved:
		return a.key[:]
	}
	return append(a.key[:], byte(a.standing))
}

func readAddress(column []byte) (a address) {
	if n := copy(a.key[:], column); len(column) > n {
		a.standing = standing(column[n])
	}
	return a
}

func emailOrNull(a address) any {
	if c := a.column(); c != nil {
		return c
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// positive is a time, or NULL for 0.
func positive(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}

func amountOrNull(e *ledger.Entry) any {
	if e.Currency == "" {
		return nil
	}
	return e.Amount
}

func seatsText(seats []int32) string { return string(ledger.AppendSeats(nil, seats)) }

func seatsOrNull(seats []int32) any {
	if len(seats) == 0 {
		return nil
	}
	return seatsText(seats)
}
