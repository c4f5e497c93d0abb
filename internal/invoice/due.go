package invoice

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
)

// whole is the rate of the whole, in hundredths of a percent.
const whole = 10_000

// due is what a payment calls for: an invoice, and a credit note for each refund.
type due struct {
	seller  invoiceapi.Seller
	invoice invoiceapi.Document
	refunds []refund // oldest first
	back    int64    // what credit notes have to come to
}

// refund is money that went back.
type refund struct {
	amount int64
	at     time.Time
}

// reduce says for which refunds there are credit notes, and what they come to: what is with
// the buyer, what a person has given back for refunds that have failed, and what came back
// of refunds and is owed still. Whatever way the same money goes back by, and however often,
// the sum is the same.
func (d *due) reduce(p *paymentapi.Payment, unmade []paymentapi.Unmade) {
	d.refunds = refundsOf(p)
	var failed, owed int64
	for _, s := range p.History {
		switch s.Status {
		case paymentapi.Refunded, paymentapi.PartlyRefunded, paymentapi.RefundedElsewhere:
			d.back += s.Amount
		case paymentapi.RefundCameBack:
			d.back -= s.Amount
			failed += s.Amount
		}
	}
	for _, u := range unmade {
		switch {
		case u.Handled:
			d.refunds = append(d.refunds, refund{u.Amount, time.UnixMicro(u.At)})
			d.back += u.Amount
		case u.CameBack:
			owed += u.Amount
		}
	}
	d.back = min(d.back+min(failed, owed), p.Amount)
	slices.SortStableFunc(d.refunds, func(a, b refund) int { return a.at.Compare(b.at) })
}

// missing are the refunds for which there is no credit note yet among a payment's documents.
func (d *due) missing(there []row) (list []refund) {
	left, open := d.back, slices.Clone(d.refunds)
	var other []int64 // credit notes of refunds that went another way since, or were noted again
	for i := range there {
		r := &there[i]
		if r.Kind != invoiceapi.CreditNote {
			continue
		}
		left -= r.Amount
		if !take(&open, func(f refund) bool { return f.amount == r.Amount && f.at.Equal(r.Paid) }) {
			other = append(other, r.Amount)
		}
	}
	if left <= 0 {
		return nil
	}
	for _, amount := range other {
		take(&open, func(f refund) bool { return f.amount == amount })
	}
	for len(open) > 0 && left > 0 { // the newest: credit notes of others speak of the older ones already
		f := open[len(open)-1]
		open = open[:len(open)-1]
		f.amount = min(f.amount, left)
		left -= f.amount
		list = append(list, f)
	}
	if left > 0 && len(d.refunds) > 0 {
		list = append(list, refund{left, d.refunds[len(d.refunds)-1].at})
	}
	slices.Reverse(list)
	return list
}

// take takes the first of some refunds out of a list.
func take(list *[]refund, which func(refund) bool) bool {
	at := slices.IndexFunc(*list, which)
	if at >= 0 {
		*list = slices.Delete(*list, at, at+1)
	}
	return at >= 0
}

// refundsOf are the refunds in a payment's history that call for a credit note, in their
// order, which stays. A refund that fails later takes nothing back, because the money is
// still owed: its credit note speaks of it when it is made again. What is given back on
// the gateway's own pages meanwhile pays what is owed first.
func refundsOf(p *paymentapi.Payment) (list []refund) {
	var owed []int64 // what came back, each
	for _, s := range p.History {
		amount := s.Amount
		switch s.Status {
		case paymentapi.RefundCameBack:
			owed = append(owed, amount)
			continue
		case paymentapi.Refunded, paymentapi.PartlyRefunded:
			if again := slices.Index(owed, amount); again >= 0 {
				owed = slices.Delete(owed, again, again+1)
				continue
			}
		case paymentapi.RefundedElsewhere:
			for i := range owed {
				paid := min(owed[i], amount)
				owed[i], amount = owed[i]-paid, amount-paid
			}
		default:
			continue
		}
		if amount > 0 {
			list = append(list, refund{amount, s.At})
		}
	}
	return list
}

// capturedAt is when a payment's money was taken.
func capturedAt(p *paymentapi.Payment) time.Time {
	for _, s := range p.History {
		if s.Status == paymentapi.Captured {
			return s.At
		}
	}
	return p.CreatedAt
}

// due returns what some bookings' payments call for, in the order in which they were
// paid. Bookings that are not paid, cost nothing, or whose seller has given no details are
// left out.
func (s *Service) due(ctx context.Context, bookingIDs []string) ([]due, error) {
	payments, err := s.cfg.Payments.Latest(ctx, bookingIDs)
	if err != nil {
		return nil, err
	}
	var paid []string
	for id, p := range payments {
		if p.Paid() && p.Amount > 0 {
			paid = append(paid, id)
		}
	}
	if len(paid) == 0 {
		return nil, nil
	}
	unmade, err := s.unmade(ctx, paid, payments)
	if err != nil {
		return nil, err
	}
	bookings, err := s.cfg.Bookings.Bookings(ctx, paid)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, b := range bookings {
		ids = append(ids, sellerOf(b.OrganizerID))
	}
	slices.Sort(ids)
	sellers, err := s.store.sellers(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var list []bookingapi.Booking
	for _, b := range bookings {
		if sellers[sellerOf(b.OrganizerID)].Version > 0 {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return s.describe(ctx, list, payments, unmade, sellers)
}

// readAgain is how often payments are read that change meanwhile.
const readAgain = 5

// unmade reads which refunds of bookings have failed, and their payments again: both are of
// the same moment, so that no money is counted as given back twice.
func (s *Service) unmade(ctx context.Context, bookingIDs []string, payments map[string]paymentapi.Payment) (map[string][]paymentapi.Unmade, error) {
	for range readAgain {
		unmade, err := s.cfg.Payments.Unmade(ctx, bookingIDs)
		if err != nil || len(unmade) == 0 {
			return nil, err
		}
		now, err := s.cfg.Payments.Latest(ctx, slices.Collect(maps.Keys(unmade)))
		if err != nil {
			return nil, err
		}
		same := true
		for id, p := range now {
			same = same && p.ID == payments[id].ID && p.Version == payments[id].Version
			payments[id] = p
		}
		if same {
			return unmade, nil
		}
	}
	return nil, errs.New(errs.Unavailable, "busy", "The payments are changing. Please try again.")
}

// describe writes the documents of paid bookings.
func (s *Service) describe(ctx context.Context, list []bookingapi.Booking, payments map[string]paymentapi.Payment, unmade map[string][]paymentapi.Unmade, sellers map[string]invoiceapi.Seller) ([]due, error) {
	orders, err := s.cfg.Bookings.Orders(ctx, list)
	if err != nil {
		return nil, err
	}
	var events, users []string
	for i := range list {
		events, users = append(events, list[i].EventID), append(users, list[i].UserID)
	}
	slices.Sort(events)
	byID, err := s.cfg.Events.Events(ctx, slices.Compact(events))
	if err != nil {
		return nil, err
	}
	slices.Sort(users)
	people, err := s.cfg.People.People(ctx, slices.Compact(users))
	if err != nil {
		return nil, err
	}
	out := make([]due, 0, len(orders))
	for i := range orders {
		o, p := &orders[i], payments[orders[i].ID]
		e := byID[o.EventID]
		d := due{seller: sellers[sellerOf(o.OrganizerID)]}
		d.reduce(&p, unmade[o.ID])
		prices, err := s.cfg.Events.Prices(ctx, o.EventID, o.PriceVersion)
		if err != nil {
			return nil, fmt.Errorf("invoice for %s: %w", o.ID, err)
		}
		d.invoice = invoiceapi.Document{
			Kind: invoiceapi.Invoice, EventID: o.EventID, BookingID: o.ID, PaymentID: p.ID, Amount: p.Amount, Currency: p.Currency, Seller: d.seller,
			Content: invoiceapi.Content{Buyer: invoiceapi.Party{Name: people[o.UserID].Name}, Paid: capturedAt(&p), Test: s.test(p.Gateway, p.Test)},
		}
		about(&d.invoice.Content, &e)
		bill(&d.invoice, &p, o.Places, prices.Rules, d.seller.TaxRate)
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b due) int {
		if n := a.invoice.Paid.Compare(b.invoice.Paid); n != 0 {
			return n
		}
		return strings.Compare(a.invoice.PaymentID, b.invoice.PaymentID)
	})
	return out, nil
}

// about says which event a document is about.
func about(c *invoiceapi.Content, e *eventapi.Event) {
	c.Event, c.Starts, c.Date, c.Zone = e.Title, e.Starts, e.Date, e.Zone
	var where []string
	for _, part := range []string{e.Venue.Name, e.Venue.Address, e.Venue.City} {
		if part != "" {
			where = append(where, part)
		}
	}
	c.Venue = strings.Join(where, ", ")
}

// bill writes an invoice's lines, its fees and its tax. Seats of a price list with rules
// carry their tax; other prices contain the seller's. If seats were given back before the
// invoice was issued, the last line stands for them, and the payment says what the fees were.
func bill(d *invoiceapi.Document, p *paymentapi.Payment, places []bookingapi.Place, rules *seating.FeeRules, rate int64) {
	var sum, tax int64
	for i := range places {
		tier := &places[i].Tier
		at := slices.IndexFunc(d.Lines, func(l invoiceapi.Line) bool { return l.Text == tier.Name && l.Each == tier.Price })
		if at < 0 {
			at = len(d.Lines)
			d.Lines = append(d.Lines, invoiceapi.Line{Text: tier.Name, Each: tier.Price})
		}
		l := &d.Lines[at]
		l.Quantity++
		l.Amount += tier.Price
		sum += tier.Price
		if rules != nil {
			tax += tier.Tax
			d.Fees += tier.Fee
		} else {
			d.Fees += tier.Fees
		}
	}
	for i := range d.Lines {
		d.Lines[i].Seats = seatsOf(places, d.Lines[i])
	}
	d.TaxRate = rate
	if rules != nil {
		d.TaxRate = rules.TaxRate
	}
	switch {
	case sum == d.Amount && rules != nil:
		d.Tax = tax
		return
	case sum != d.Amount:
		d.Lines = append(d.Lines, invoiceapi.Line{Amount: d.Amount - sum})
		d.Fees = p.Fees // 0: the payment of an older program does not say
	}
	if d.Tax = Contained(d.Amount, d.TaxRate); rules == nil {
		return
	}
	if p.Tax > 0 {
		d.Tax = p.Tax
	}
	d.Fees = max(d.Fees-d.Tax, 0)
}

// seatsOf names the seats of a line.
func seatsOf(places []bookingapi.Place, l invoiceapi.Line) string {
	var out []string
	section := ""
	for i := range places {
		p := &places[i]
		if p.Tier.Name != l.Text || p.Tier.Price != l.Each {
			continue
		}
		seat := strings.TrimSpace(p.Row + " " + p.Number)
		if p.Section != section {
			section = p.Section
			seat = strings.TrimSpace(section + " " + seat)
		}
		if seat != "" && (len(out) == 0 || !p.Unnumbered) {
			out = append(out, seat)
		}
	}
	return strings.Join(out, ", ")
}

// Contained is the tax of a rate that an amount contains, rounded to the nearest.
func Contained(amount, rate int64) int64 {
	return (2*amount*rate/(whole+rate) + 1) / 2
}
