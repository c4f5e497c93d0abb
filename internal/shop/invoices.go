package shop

import (
	"net/http"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/page"
)

// Invoices are what the shop needs of the invoice service.
type Invoices interface {
	invoiceapi.Documents
	invoiceapi.Buyers
}

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

// billTo returns whom the invoice for an order will name, while its owner may still say so;
// nil otherwise. If that cannot be read now, the page does without.
func (s *Shop) billTo(v *page.Visit, b *bookingapi.Booking) *invoiceapi.Buyer {
	if b.Amount == 0 || b.Status != bookingapi.Pending || v.FreeOnly() || !v.Caller.MayRead(b.UserID) {
		return nil
	}
	d, err := s.Invoices.Buyer(v.Context(), v.Caller, b.ID)
	if err != nil || d.Number != "" {
		if err != nil && !errs.Is(err, "no-invoice") {
			s.log.WarnContext(v.Context(), "a page does without the details for an invoice", "booking", b.ID, "error", err)
		}
		return nil
	}
	return &d
}

// invoiceDetails shows whom the invoice for an order names, and changes it until it is
// issued.
func (s *Shop) invoiceDetails(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	d, err := s.Invoices.Buyer(v.Context(), v.Caller, o.ID)
	none := errs.Is(err, "no-invoice")
	if err != nil && !none {
		return err
	}
	back := o.Link("")
	if o.Status == bookingapi.Pending && o.UserID == v.Caller.UserID {
		back = checkoutPath(o.ID)
	}
	var faults page.Faults
	if v.Method == http.MethodPost && !none && d.Number == "" {
		version, err := strconv.ParseInt(v.PostFormValue("version"), 10, 64)
		if err != nil || version < 1 {
			version = 0
		}
		p := invoiceapi.Party{}
		if v.PostFormValue("remove") == "" {
			f := v.PostFormValue
			p = invoiceapi.Party{Name: f("name"), Street: f("street"), PostalCode: f("postal_code"), City: f("city"), Country: f("country"), VATNumber: f("vat_number")}
		}
		if _, err = s.Invoices.SetBuyer(v.Context(), v.Caller, o.ID, version, p); err == nil {
			v.Notice("invoice-details-saved")
			return v.Go(back)
		}
		var ok bool
		if faults, ok = v.Faults(err); !ok {
			return err
		}
		d.Party = p
	}
	return v.Show(s.set, "invoice-details", page.Meta{Title: v.T("billing.title"), NoIndex: true}, map[string]any{
		"Order": o, "D": &d, "None": none, "Faults": faults, "Back": back,
	})
}
