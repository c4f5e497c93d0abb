package invoice

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/invoiceapi"
)

// buyersKept is how long it is known whom an invoice would name. A booking that can still
// be paid is much younger.
const buyersKept = 30 * 24 * time.Hour

// Buyer returns whom the invoice for a booking names; see invoiceapi.Buyers.
func (s *Service) Buyer(ctx context.Context, c caller.Caller, bookingID string) (invoiceapi.Buyer, error) {
	b, err := s.buyersBooking(ctx, c, bookingID)
	if err != nil {
		return invoiceapi.Buyer{}, err
	}
	rows, err := s.store.rows(ctx, s.cfg.DB.Reader(), sqlOfBooking, b.EventID, b.ID+"-", b.ID+".")
	if err != nil {
		return invoiceapi.Buyer{}, err
	}
	for i := range rows {
		if rows[i].Kind == invoiceapi.Invoice {
			return invoiceapi.Buyer{Party: rows[i].Buyer, Number: rows[i].Number}, nil
		}
	}
	if _, err := s.issues(ctx, &b); err != nil {
		return invoiceapi.Buyer{}, err
	}
	return s.store.buyer(ctx, s.cfg.DB.Reader(), b.EventID, b.ID)
}

// SetBuyer stores whom the invoice for a booking is to name; see invoiceapi.Buyers.
func (s *Service) SetBuyer(ctx context.Context, c caller.Caller, bookingID string, version int64, p invoiceapi.Party) (invoiceapi.Buyer, error) {
	b, err := s.buyersBooking(ctx, c, bookingID)
	if err != nil {
		return invoiceapi.Buyer{}, err
	}
	if p, err = checkBuyer(p); err != nil {
		return invoiceapi.Buyer{}, err
	}
	seller, err := s.issues(ctx, &b)
	if err != nil {
		return invoiceapi.Buyer{}, err
	}
	raw, err := codec.Marshal(p)
	if err != nil {
		return invoiceapi.Buyer{}, fmt.Errorf("store a buyer: %w", err)
	}
	out := invoiceapi.Buyer{Party: p}
	err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := s.begin(ctx, tx, seller); err != nil { // an invoice is issued before this, or after
			return err
		}
		rows, err := s.store.rows(ctx, tx, sqlOfBooking, b.EventID, b.ID+"-", b.ID+".")
		switch {
		case err != nil:
			return err
		case len(rows) > 0:
			return errs.New(errs.Conflict, "invoice-issued", "The invoice is issued, and can no longer be changed. Please ask the organizer to correct it.")
		}
		was, err := s.store.buyer(ctx, tx, b.EventID, b.ID)
		switch {
		case err != nil:
			return err
		case was.Version > 0 && was.Party == p:
			out.Version = was.Version
			return nil
		case version == errs.NotYet && was.Version != 0, version != 0 && version != errs.NotYet && version != was.Version:
			return changed()
		}
		out.Version = was.Version + 1
		_, err = tx.ExecContext(ctx, sqlSetBuyer, b.EventID, b.ID, out.Version, string(raw), s.cfg.Now().UnixMicro())
		return err
	})
	if err != nil {
		return invoiceapi.Buyer{}, fmt.Errorf("store a buyer: %w", err)
	}
	return out, nil
}

// buyersBooking returns a booking whose invoice the caller may say something about.
func (s *Service) buyersBooking(ctx context.Context, c caller.Caller, bookingID string) (bookingapi.Booking, error) {
	b, err := s.cfg.Bookings.Readable(ctx, c, bookingID, "")
	if err == nil && !c.MayRead(b.UserID) {
		err = errs.New(errs.Forbidden, "not-yours-to-change", "Only its owner can say whom the invoice for this booking names.")
	}
	return b, err
}

// issues returns the seller that will issue an invoice for a booking. It is refused if
// there will be none.
func (s *Service) issues(ctx context.Context, b *bookingapi.Booking) (invoiceapi.Seller, error) {
	if b.Amount == 0 || b.Status != bookingapi.Pending && b.Status != bookingapi.Booked {
		return invoiceapi.Seller{}, errs.New(errs.Conflict, "no-invoice", "There is no invoice for this booking.")
	}
	found, err := s.store.sellers(ctx, []string{sellerOf(b.OrganizerID)})
	if err != nil {
		return invoiceapi.Seller{}, err
	}
	seller, ok := found[sellerOf(b.OrganizerID)]
	if !ok {
		return seller, errs.New(errs.Conflict, "no-invoice", "The organizer issues no invoices here. Please ask the organizer for one.")
	}
	return seller, nil
}

// checkBuyer checks whom an invoice is to name, and writes it as it is stored.
func checkBuyer(p invoiceapi.Party) (invoiceapi.Party, error) {
	var f faults
	if p == (invoiceapi.Party{}) {
		return p, nil
	}
	f.party(&p)
	return p, errs.Fields(f.list)
}

// name writes whom invoices are to name into those that are about to be issued, and forgets
// it: from then on the invoices say it.
func (s *Service) name(ctx context.Context, tx *sql.Tx, list []*due) error {
	byEvent := map[string][]string{}
	for _, d := range list {
		byEvent[d.invoice.EventID] = append(byEvent[d.invoice.EventID], d.invoice.BookingID)
	}
	named := map[string]invoiceapi.Party{}
	for event, bookings := range byEvent {
		if err := s.store.takeBuyers(ctx, tx, event, bookings, named); err != nil {
			return err
		}
	}
	for _, d := range list {
		if p := named[d.invoice.BookingID]; p.Name != "" {
			d.invoice.Buyer = p
		}
	}
	return nil
}

// forgetBuyers forgets whom invoices would have named that were never called for.
func (s *Service) forgetBuyers(ctx context.Context) error {
	before := s.cfg.Now().Add(-buyersKept).UnixMicro()
	var some bool
	err := s.cfg.DB.Reader().QueryRowContext(ctx, sqlOldBuyers, before).Scan(&some)
	if err == nil && some {
		err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, sqlForgetBuyers, before)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forget buyers: %w", err)
	}
	return nil
}

// buyer reads whom the invoice for a booking is to name.
func (s store) buyer(ctx context.Context, from querier, eventID, bookingID string) (b invoiceapi.Buyer, err error) {
	var text string
	err = from.QueryRowContext(ctx, sqlBuyer, eventID, bookingID).Scan(&b.Version, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return b, nil
	case err == nil:
		err = codec.ReadKnown([]byte(text), &b.Party)
	}
	if err != nil {
		return b, fmt.Errorf("read the buyer of %s: %w", id.Reference(bookingID), err)
	}
	return b, nil
}

// takeBuyers adds whom the invoices for bookings of an event are to name to named, and
// takes it out of the table.
func (s store) takeBuyers(ctx context.Context, tx *sql.Tx, eventID string, bookingIDs []string, named map[string]invoiceapi.Party) error {
	among, arg, err := s.db.Among(bookingIDs)
	if err != nil {
		return fmt.Errorf("read buyers: %w", err)
	}
	rows, err := tx.QueryContext(ctx, sqlTakeBuyers+among+` AND event_id = $2 RETURNING booking_id, buyer`, arg, eventID)
	if err != nil {
		return fmt.Errorf("read buyers: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var bookingID, text string
		var p invoiceapi.Party
		if err := rows.Scan(&bookingID, &text); err != nil {
			return fmt.Errorf("read buyers: %w", err)
		}
		if err := codec.ReadKnown([]byte(text), &p); err != nil {
			return fmt.Errorf("read the buyer of %s: %w", bookingID, err)
		}
		named[bookingID] = p
	}
	return rows.Err()
}
