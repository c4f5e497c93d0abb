package shop

import (
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/page"
)

// Billed reports whether there may be invoices: money was taken for the order.
func (o *Order) Billed() bool { return o.Payment != nil && o.Payment.Paid() && o.Payment.Amount > 0 }

// invoices lists the invoice of an order, and its credit notes.
func (s *Shop) invoices(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	list, err := s.Invoices.OfBooking(v.Context(), v.Caller, o.ID, o.Token)
	if err != nil {
		return err
	}
	return v.Show(s.set, "order-invoices", page.Meta{Title: v.T("invoices.order.title", "Reference", o.Reference), NoIndex: true}, map[string]any{"Order": o, "List": list})
}

// invoicePDF sends one of them as a file.
func (s *Shop) invoicePDF(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	d, err := invoiceapi.One(v.Context(), s.Invoices, v.Caller, o.ID, o.Token, v.PathValue("number"))
	if err != nil {
		return err
	}
	file, err := s.Invoices.PDF(v.Context(), d, v.Lang)
	if err != nil {
		return err
	}
	return sendFile(v, "application/pdf", "private, no-store", d.Number+".pdf", file)
}
