package invoice

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/invoiceapi"
)

// OfBooking returns the documents of a booking; see invoiceapi.Documents.
func (s *Service) OfBooking(ctx context.Context, c caller.Caller, bookingID, token string) ([]invoiceapi.Document, error) {
	if _, err := s.cfg.Bookings.Readable(ctx, c, bookingID, token); err != nil {
		return nil, err
	}
	dues, err := s.due(ctx, []string{bookingID})
	if err != nil {
		return nil, fmt.Errorf("invoices of booking %s: %w", bookingID, err)
	}
	for again := false; ; again = true {
		rows, err := s.store.rows(ctx, s.cfg.DB.Reader(), sqlOfBooking, id.Event(bookingID), bookingID+"-", bookingID+".")
		if err != nil {
			return nil, err
		}
		if again || complete(dues, rows) {
			return s.documents(ctx, rows)
		}
		if err := s.issue(ctx, dues); err != nil {
			return nil, err
		}
	}
}

// complete reports whether all documents that are due are there.
func complete(dues []due, rows []row) bool {
	there := map[string][]row{}
	for i := range rows {
		there[rows[i].PaymentID] = append(there[rows[i].PaymentID], rows[i])
	}
	for i := range dues {
		if mine := there[dues[i].invoice.PaymentID]; len(mine) == 0 || len(dues[i].missing(mine)) > 0 {
			return false
		}
	}
	return true
}

// OfSeller lists the documents of a seller; see invoiceapi.Documents.
func (s *Service) OfSeller(ctx context.Context, c caller.Caller, sellerID string, year, after int64, limit int) ([]invoiceapi.Document, error) {
	if err := maySell(c, sellerID); err != nil {
		return nil, err
	}
	rows, err := s.store.rows(ctx, s.cfg.DB.Reader(), sqlOfSeller, sellerID, s.cfg.Test, year, after, limit)
	if err != nil {
		return nil, err
	}
	return s.documents(ctx, rows)
}

// Years lists the years in which a seller has issued documents; see invoiceapi.Documents.
func (s *Service) Years(ctx context.Context, c caller.Caller, sellerID string) (years []int64, err error) {
	if err := maySell(c, sellerID); err != nil {
		return nil, err
	}
	rows, err := s.cfg.DB.Reader().QueryContext(ctx, sqlYears, sellerID, s.cfg.Test)
	if err != nil {
		return nil, fmt.Errorf("years of invoices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var year int64
		if err := rows.Scan(&year); err != nil {
			return nil, fmt.Errorf("years of invoices: %w", err)
		}
		years = append(years, year)
	}
	return years, rows.Err()
}

// documents adds to stored documents their sellers, and the seller's zone to their dates.
func (s *Service) documents(ctx context.Context, rows []row) ([]invoiceapi.Document, error) {
	var ids []string
	for i := range rows {
		if i == 0 || rows[i].sellerID != rows[i-1].sellerID {
			ids = append(ids, rows[i].sellerID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	sellers, err := s.store.versions(ctx, ids)
	list := make([]invoiceapi.Document, len(rows))
	for i := range rows {
		d := &rows[i].Document
		d.Seller = sellers[sellerKey{rows[i].sellerID, rows[i].version}]
		zone := s.zone(d.Seller.Zone)
		d.Issued = d.Issued.In(zone)
		for _, t := range []*time.Time{&d.Invoice, &d.Paid} {
			if !t.IsZero() {
				*t = t.In(zone)
			}
		}
		if !d.Starts.IsZero() {
			d.Starts = d.Starts.In(s.zone(d.Zone))
		}
		list[i] = *d
	}
	return list, err
}

// PDF renders a document; see invoiceapi.Documents.
func (s *Service) PDF(ctx context.Context, d *invoiceapi.Document, lang string) ([]byte, error) {
	return s.printer.PDF(ctx, d, lang)
}
