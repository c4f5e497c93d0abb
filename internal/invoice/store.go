package invoice

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/sqldb"
)

const columns = `seller_id, test, year, sequence, event_id, payment_id, part, seller_version, amount, tax, currency, issued_at, content`

const (
	// By the primary keys.
	sqlSeller    = `SELECT version, seller FROM invoice_sellers WHERE id = $1 ORDER BY version DESC LIMIT 1`
	sqlSellerAt  = `SELECT created_at FROM invoice_sellers WHERE id = $1 AND version = $2`
	sqlAddSeller = `INSERT INTO invoice_sellers (id, version, seller, author_id, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	sqlVersions  = `SELECT id, version, seller FROM invoice_sellers WHERE id `
	onlyLatest   = ` AND version = (SELECT max(version) FROM invoice_sellers l WHERE l.id = invoice_sellers.id)`
	sqlAny       = `SELECT EXISTS (SELECT 1 FROM invoice_sellers)`
	sqlBegin     = `INSERT INTO invoice_series (seller_id, test, year, last, issued_at) VALUES ($1, FALSE, $2, 0, 0), ($1, TRUE, $2, 0, 0) ON CONFLICT DO NOTHING`
	sqlLast      = `SELECT test, last, issued_at FROM invoice_series WHERE seller_id = $1 AND year = $2 ORDER BY test /*postgres: FOR UPDATE*/`
	sqlMove      = `UPDATE invoice_series SET last = $1, issued_at = $2 WHERE seller_id = $3 AND test = $4 AND year = $5`
	sqlIssue     = `INSERT INTO invoices (` + columns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	sqlOfSeller  = `SELECT ` + columns + ` FROM invoices WHERE seller_id = $1 AND test = $2 AND year = $3 AND sequence > $4 ORDER BY sequence LIMIT $5`
	sqlYears     = `SELECT year FROM invoice_series WHERE seller_id = $1 AND test = $2 AND last > 0 ORDER BY year DESC`

	sqlBuyer    = `SELECT version, buyer FROM invoice_buyers WHERE event_id = $1 AND booking_id = $2`
	sqlSetBuyer = `INSERT INTO invoice_buyers (event_id, booking_id, version, buyer, updated_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (event_id, booking_id) DO UPDATE SET version = excluded.version, buyer = excluded.buyer, updated_at = excluded.updated_at`
	sqlTakeBuyers = `DELETE FROM invoice_buyers WHERE booking_id `

	// By invoice_buyers_by_time.
	sqlOldBuyers    = `SELECT EXISTS (SELECT 1 FROM invoice_buyers WHERE updated_at < $1)`
	sqlForgetBuyers = `DELETE FROM invoice_buyers WHERE updated_at < $1`

	// By invoices_by_payment. A payment's id is its booking's, a dash and a number.
	sqlOfBooking  = `SELECT ` + columns + ` FROM invoices WHERE event_id = $1 AND payment_id > $2 AND payment_id < $3 ORDER BY payment_id, part`
	sqlOfPayments = `SELECT ` + columns + ` FROM invoices WHERE payment_id `
)

// store reads and writes the tables.
type store struct {
	db   *sqldb.DB
	last string // sqlLast in the database's dialect
}

func newStore(db *sqldb.DB) store { return store{db, db.Text(sqlLast)} }

// sellers returns the current details of some sellers. Those without are left out.
func (s store) sellers(ctx context.Context, ids []string) (map[string]invoiceapi.Seller, error) {
	all, err := s.read(ctx, ids, onlyLatest)
	found := map[string]invoiceapi.Seller{}
	for key, d := range all {
		found[key.id] = d
	}
	return found, err
}

// sellerKey names a version of a seller.
type sellerKey struct {
	id      string
	version int64
}

// versions returns all details that some sellers have ever given.
func (s store) versions(ctx context.Context, ids []string) (map[sellerKey]invoiceapi.Seller, error) {
	return s.read(ctx, ids, "")
}

func (s store) read(ctx context.Context, ids []string, more string) (map[sellerKey]invoiceapi.Seller, error) {
	among, arg, err := s.db.Among(ids)
	if err != nil {
		return nil, fmt.Errorf("read sellers: %w", err)
	}
	rows, err := s.db.Reader().QueryContext(ctx, sqlVersions+among+more, arg)
	if err != nil {
		return nil, fmt.Errorf("read sellers: %w", err)
	}
	defer rows.Close()
	found := map[sellerKey]invoiceapi.Seller{}
	for rows.Next() {
		var d invoiceapi.Seller
		var id, text string
		var version int64
		if err := rows.Scan(&id, &version, &text); err != nil {
			return nil, fmt.Errorf("read sellers: %w", err)
		}
		if err := codec.ReadKnown([]byte(text), &d); err != nil {
			return nil, fmt.Errorf("read seller %s: %w", id, err)
		}
		d.ID, d.Version = id, version
		found[sellerKey{id, version}] = d
	}
	return found, rows.Err()
}

// any reports whether there is a seller with details.
func (s store) any(ctx context.Context) (found bool, err error) {
	if err := s.db.Reader().QueryRowContext(ctx, sqlAny).Scan(&found); err != nil {
		return false, fmt.Errorf("read sellers: %w", err)
	}
	return found, nil
}

// row is a document as it is stored.
type row struct {
	invoiceapi.Document
	test     bool
	sellerID string
	version  int64 // of the seller
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// rows reads documents; their sellers have only the id and the version.
func (s store) rows(ctx context.Context, from querier, query string, args ...any) ([]row, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read invoices: %w", err)
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		var at int64
		var content string
		if err := rows.Scan(&r.sellerID, &r.test, &r.Year, &r.Sequence, &r.EventID, &r.PaymentID, &r.Part, &r.version, &r.Amount, &r.Tax, &r.Currency, &at, &content); err != nil {
			return nil, fmt.Errorf("read invoices: %w", err)
		}
		if err := codec.ReadKnown([]byte(content), &r.Content); err != nil {
			return nil, fmt.Errorf("read invoice %d of %d of %s: %w", r.Sequence, r.Year, r.sellerID, err)
		}
		r.Issued = time.UnixMicro(at)
		r.BookingID, _, _ = strings.Cut(r.PaymentID, "-")
		r.Kind = invoiceapi.Invoice
		if r.Part > 0 {
			r.Kind = invoiceapi.CreditNote
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// insert stores a document.
func (s store) insert(ctx context.Context, tx *sql.Tx, r *row) error {
	content, err := codec.Marshal(r.Content)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, sqlIssue, r.sellerID, r.test, r.Year, r.Sequence, r.EventID, r.PaymentID, r.Part, r.version, r.Amount, r.Tax, r.Currency, r.Issued.UnixMicro(), string(content))
	return err
}
