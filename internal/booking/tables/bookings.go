package tables

import (
	"database/sql"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// Row is a row of bookings, without the address that it was made with.
type Row struct {
	bookingapi.Booking
	Fingerprint []byte
	Extended    bool    // its hold was extended once
	ReleasedAt  int64   // µs since 1970: when its hold was given up; 0: it was not
	GivenBack   []int32 // seats that were given back while others stayed
}

// BookingColumns are the columns of a row of bookings. late is NULL for bookings that
// were paid in time, empty if the same seats were still free, else the seats that had
// been held.
const BookingColumns = NewBookingColumns + `, late`

// NewBookingColumns are the columns of a row that is inserted.
const NewBookingColumns = `id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency,
	plan_id, plan_version, price_version, payment_id, fingerprint, extended, seq, email_key, released_at, given_back, paid_left`

// ScanBooking reads BookingColumns into b, and the column email_key into email.
func ScanBooking(row Scanner, b *Row, email *[]byte) error {
	var seats string
	var expires, released, left sql.NullInt64
	var payment, givenBack, late sql.NullString
	if err := row.Scan(&b.ID, &b.EventID, &b.UserID, &b.Status, &seats, &b.CreatedAt, &expires, &b.Amount, &b.Fees, &b.Currency,
		&b.PlanID, &b.PlanVersion, &b.PriceVersion, &payment, &b.Fingerprint, &b.Extended, &b.Seq, email, &released, &givenBack, &left, &late); err != nil {
		return err
	}
	b.ExpiresAt, b.PaymentID, b.ReleasedAt = expires.Int64, payment.String, released.Int64
	if b.Left = left.Int64; !left.Valid {
		b.Left = LeftOf(b)
	}
	var ok bool
	if b.GivenBack, ok = ledger.ParseSeats(givenBack.String); !ok && givenBack.Valid {
		return fmt.Errorf("booking %s: seats given back are unreadable: %.40q", b.ID, givenBack.String)
	}
	switch {
	case late.Valid && late.String == "":
		b.Late = bookingapi.SameSeats
	case late.Valid:
		b.Late = bookingapi.OtherSeats
		if b.Held, ok = ledger.ParseSeats(late.String); !ok {
			return fmt.Errorf("booking %s: seats that it had held are unreadable: %.40q", b.ID, late.String)
		}
	}
	if b.Seats, ok = ledger.ParseSeats(seats); !ok {
		return fmt.Errorf("booking %s: seats are unreadable: %.40q", b.ID, seats)
	}
	return nil
}

// LeftOf is what is left of a booking's money unless its row says something else.
func LeftOf(b *Row) int64 {
	if b.Status == bookingapi.Booked {
		return b.Amount
	}
	return 0
}

// LeftColumn is the value of the column paid_left.
func LeftColumn(b *Row) any {
	if b.Left == LeftOf(b) {
		return nil
	}
	return b.Left
}
