package booking

import (
	"fmt"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner = tables.Scanner

// saleColumns are the columns of a head row that hold the state of the sale.
const saleColumns = tables.SaleColumns

// headArgs returns the values of a whole head row, with the event's id last.
func headArgs(s *state) []any {
	h := &s.sale
	return []any{s.seq, s.hash[:], s.at, string(h.Status), h.OpensAt, h.ClosesAt, h.PlanID, h.PlanVersion, h.PriceVersion, h.Currency,
		h.Seats, h.LimitPerCustomer, h.HoldFor, h.OrganizerID, h.EventVersion, h.RefundsEnd, h.ChangedAt, h.ChangeRefundsEnd, h.UnverifiedBuyers, tables.TermsText(&h.Terms), s.eventID}
}

// scanBooking reads bookingColumns.
func scanBooking(row scanner) (*record, error) {
	var r record
	var email []byte
	if err := tables.ScanBooking(row, &r.Row, &email); err != nil {
		return nil, err
	}
	r.address = readAddress(email)
	return &r, nil
}

// bookingArgs returns the values of a whole row of bookings.
func bookingArgs(b *record) []any {
	return []any{b.ID, b.EventID, b.UserID, string(b.Status), seatsText(b.Seats), b.CreatedAt, positive(b.ExpiresAt), b.Amount, b.Fees, b.Currency,
		b.PlanID, b.PlanVersion, b.PriceVersion, orNull(b.PaymentID), b.Fingerprint, b.Extended, b.Seq, emailOrNull(b.address),
		positive(b.ReleasedAt), seatsOrNull(b.GivenBack), tables.LeftColumn(&b.Row)}
}

// scanHeld reads heldColumns, and the columns that follow them into more.
func scanHeld(row scanner, h *held, more ...any) error {
	var seats string
	var prices int64
	if err := row.Scan(append([]any{&h.id, &h.status, &h.created, &h.until, &h.released, &seats, &prices}, more...)...); err != nil {
		return fmt.Errorf("read buyer: %w", err)
	}
	h.seats, h.gift = ledger.CountSeats(seats), prices == bookingapi.FreeOfCharge
	return nil
}

// column encodes an address for the column email_key: its key, followed by one more
// byte unless it is proved. A search for the key alone therefore finds exactly the
// bookings that count for the address's owner.
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

// positive returns v, or NULL for 0.
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
