// Package tables reads the rows of ledgers, sales and bookings, and the price lists that
// bookings refer to. The stores and the audit (package audit) share it.
//
//	tables.go     ledgers and sales
//	bookings.go   bookings
//	prices.go     price lists
package tables

import (
	"database/sql"
	"fmt"

	"github.com/gowebpki/jcs"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
)

// Scanner is implemented by *sql.Row, *sql.Rows and pgx.Rows.
type Scanner interface{ Scan(...any) error }

// EntryColumns are the columns of an entry of the ledger.
const EntryColumns = `event_id, seq, at, kind, booking_id, seats, until, amount, currency, sale, hash`

// ScanEntries reads EntryColumns to the end and closes rows.
func ScanEntries(rows *sql.Rows) ([]ledger.Entry, error) {
	defer rows.Close()
	var out []ledger.Entry
	for rows.Next() {
		e, err := ScanEntry(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// ScanEntry reads EntryColumns.
func ScanEntry(row Scanner) (ledger.Entry, error) {
	var e ledger.Entry
	var booking, seats, currency, sale sql.NullString
	var until, amount sql.NullInt64
	var hash []byte
	if err := row.Scan(&e.EventID, &e.Seq, &e.At, &e.Kind, &booking, &seats, &until, &amount, &currency, &sale, &hash); err != nil {
		return e, fmt.Errorf("read ledger: %w", err)
	}
	e.BookingID, e.Currency, e.Sale = booking.String, currency.String, sale.String
	e.Until, e.Amount = until.Int64, amount.Int64
	if len(hash) != len(e.Hash) {
		return e, fmt.Errorf("ledger of %s, seq %d: hash has %d bytes", e.EventID, e.Seq, len(hash))
	}
	copy(e.Hash[:], hash)
	if seats.Valid {
		var ok bool
		if e.Seats, ok = ledger.ParseSeats(seats.String); !ok {
			return e, fmt.Errorf("ledger of %s, seq %d: seats are unreadable: %.40q", e.EventID, e.Seq, seats.String)
		}
	}
	return e, nil
}

// SaleColumns are the columns of a head row that hold the state of the sale;
// SaleFields returns the fields that they are scanned into.
const SaleColumns = `status, opens_at, closes_at, plan_id, plan_version, price_version, currency, seats, limit_per_customer,
	hold_for, organizer_id, event_version, refunds_end, changed_at, change_refunds_end, unverified_buyers, terms`

func SaleFields(s *bookingapi.Sale) []any {
	return []any{&s.Status, &s.OpensAt, &s.ClosesAt, &s.PlanID, &s.PlanVersion, &s.PriceVersion, &s.Currency, &s.Seats, &s.LimitPerCustomer,
		&s.HoldFor, &s.OrganizerID, &s.EventVersion, &s.RefundsEnd, &s.ChangedAt, &s.ChangeRefundsEnd, &s.UnverifiedBuyers, (*terms)(&s.Terms)}
}

// terms reads the column terms.
type terms bookingapi.CancelTerms

// Scan implements sql.Scanner.
func (t *terms) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("terms are a %T", src)
	}
	*t = terms{}
	if text == "" {
		return nil
	}
	return codec.ReadKnown([]byte(text), (*bookingapi.CancelTerms)(t))
}

// TermsText is the value of the column terms.
func TermsText(t *bookingapi.CancelTerms) string {
	if t.IsZero() {
		return ""
	}
	raw, err := codec.Marshal(t)
	if err != nil {
		panic(err) // a struct of integers
	}
	return string(raw)
}

// SaleJSON returns a sale's state as RFC 8785 JSON.
func SaleJSON(s *bookingapi.Sale) []byte {
	raw, err := codec.Marshal(s)
	if err != nil {
		panic(err) // a struct of strings and integers
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		panic(err)
	}
	return out
}
