package invoice

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
)

// issueAtOnce is how many payments' documents are issued in one transaction.
const issueAtOnce = 100

// issue issues the documents that are due and not there yet. It may be repeated, by
// several nodes at once: a document is issued once.
func (s *Service) issue(ctx context.Context, list []due) error {
	for chunk := range slices.Chunk(list, issueAtOnce) {
		err := s.write(ctx, chunk)
		if err != nil && ctx.Err() == nil { // at the turn of a year two nodes may issue the same
			err = s.write(ctx, chunk)
		}
		if err != nil {
			return fmt.Errorf("issue invoices: %w", err)
		}
	}
	return nil
}

// write issues documents of some sellers in one transaction.
func (s *Service) write(ctx context.Context, list []due) error {
	bySeller := map[string][]*due{}
	var sellers []string
	for i := range list {
		id := list[i].seller.ID
		if bySeller[id] == nil {
			sellers = append(sellers, id)
		}
		bySeller[id] = append(bySeller[id], &list[i])
	}
	slices.Sort(sellers) // so that two nodes do not wait for each other
	return s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		for _, id := range sellers {
			if err := s.number(ctx, tx, bySeller[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

// series is a run of numbers while this transaction holds its row.
type series struct {
	last int64
	at   time.Time // of the next documents: dates ascend with the numbers
}

// numbers are a seller's series in a year, of real money and of tests.
type numbers struct {
	seller invoiceapi.Seller
	year   int64
	series map[bool]series // by whether it is of tests
}

// number gives the documents of one seller their numbers and stores them. What is there
// already is looked for under the lock of the counters' rows.
func (s *Service) number(ctx context.Context, tx *sql.Tx, list []*due) error {
	n, err := s.begin(ctx, tx, list[0].seller)
	if err != nil {
		return err
	}
	there, err := s.there(ctx, tx, list)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(list), func(d *due) bool { return len(there[d.invoice.PaymentID]) > 0 })
	if len(fresh) > 0 {
		if err := s.name(ctx, tx, fresh); err != nil {
			return err
		}
	}
	before := maps.Clone(n.series)
	for _, d := range list {
		if err := s.complete(ctx, tx, &n, d, there[d.invoice.PaymentID]); err != nil {
			return err
		}
	}
	for test, now := range n.series {
		if now == before[test] {
			continue
		}
		if _, err := tx.ExecContext(ctx, sqlMove, now.last, now.at.UnixMicro(), n.seller.ID, test, n.year); err != nil {
			return err
		}
	}
	return nil
}

// begin locks the rows of a seller's series until the transaction ends.
func (s *Service) begin(ctx context.Context, tx *sql.Tx, seller invoiceapi.Seller) (numbers, error) {
	now := s.cfg.Now().In(s.zone(seller.Zone))
	n := numbers{seller: seller, year: int64(now.Year()), series: map[bool]series{}}
	if _, err := tx.ExecContext(ctx, sqlBegin, seller.ID, n.year); err != nil {
		return n, err
	}
	rows, err := tx.QueryContext(ctx, s.store.last, seller.ID, n.year)
	if err != nil {
		return n, err
	}
	defer rows.Close()
	for rows.Next() {
		var test bool
		var before int64
		var one series
		if err := rows.Scan(&test, &one.last, &before); err != nil {
			return n, err
		}
		if one.at = now; before > now.UnixMicro() {
			one.at = time.UnixMicro(before)
		}
		n.series[test] = one
	}
	return n, rows.Err()
}

// there returns the documents of payments that are issued, by payment, in their order.
func (s *Service) there(ctx context.Context, tx *sql.Tx, list []*due) (map[string][]row, error) {
	ids := make([]string, len(list))
	events := map[string]bool{}
	for i, d := range list {
		ids[i] = d.invoice.PaymentID
		events[d.invoice.EventID] = true
	}
	among, arg, err := s.store.db.Among(ids)
	if err != nil {
		return nil, err
	}
	there := map[string][]row{}
	for event := range events {
		rows, err := s.store.rows(ctx, tx, sqlOfPayments+among+` AND event_id = $2 ORDER BY part`, arg, event)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			there[r.PaymentID] = append(there[r.PaymentID], r)
		}
	}
	return there, nil
}

// complete issues those of a payment's documents that are not there. Credit notes have
// numbers of the series that their invoice has.
func (s *Service) complete(ctx context.Context, tx *sql.Tx, n *numbers, d *due, there []row) error {
	if len(there) == 0 {
		r, err := s.next(ctx, tx, n, d.invoice)
		if err != nil {
			return err
		}
		there = append(there, r)
	}
	invoice := there[0].Document
	var back int64 // what went back before
	for i := range there[1:] {
		back += there[1+i].Amount
	}
	for i, f := range d.missing(there) {
		if _, err := s.next(ctx, tx, n, credit(&invoice, len(there)+i, back, f)); err != nil {
			return err
		}
		back += f.amount
	}
	return nil
}

// credit makes the credit note for a refund, before which some had gone back.
func credit(invoice *invoiceapi.Document, number int, before int64, f refund) invoiceapi.Document {
	c := *invoice
	c.Kind, c.Part, c.Amount = invoiceapi.CreditNote, int64(number), f.amount
	c.Tax = paymentapi.Part(invoice.Tax, before+f.amount, invoice.Amount) - paymentapi.Part(invoice.Tax, before, invoice.Amount)
	c.Fees = paymentapi.Part(invoice.Fees, before+f.amount, invoice.Amount) - paymentapi.Part(invoice.Fees, before, invoice.Amount)
	c.Refers, c.Invoice, c.Lines, c.Paid = invoice.Number, invoice.Issued, nil, f.at
	return c
}

// next gives a document the next number and stores it.
func (s *Service) next(ctx context.Context, tx *sql.Tx, n *numbers, d invoiceapi.Document) (row, error) {
	one := n.series[d.Test]
	one.last++
	n.series[d.Test] = one
	d.Year, d.Sequence, d.Issued = n.year, one.last, one.at
	prefix := n.seller.Prefix
	if d.Test {
		prefix = strings.TrimSuffix("TEST-"+prefix, "-")
	}
	d.Number = invoiceapi.NumberOf(prefix, d.Year, d.Sequence)
	r := row{Document: d, test: d.Test, sellerID: n.seller.ID, version: n.seller.Version}
	return r, s.store.insert(ctx, tx, &r)
}
