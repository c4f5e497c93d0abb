package console

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/page"
	"boxoffice/internal/safetext"
)

const (
	invoicesShown = 50  // on a page
	invoicesOfCSV = 500 // read at a time
)

// sellerID is the seller that a page is about: the caller's own or, for administrators who
// ask for it, the house's.
func sellerID(v *page.Visit) string {
	if v.Caller.Administers() && v.FormValue("seller") == invoiceapi.House {
		return invoiceapi.House
	}
	return v.Caller.UserID
}

// seller shows the details that invoices name the seller by, and changes them.
func (c *Console) seller(v *page.Visit) error {
	id := sellerID(v)
	d, err := c.Invoices.Seller(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	rate := percent(d.TaxRate)
	if v.Lang == "de" {
		rate = strings.ReplaceAll(rate, ".", ",")
	}
	if d.Version == 0 {
		if d.Zone, err = c.usualZone(v); err != nil {
			return err
		}
		rate = ""
	}
	var faults page.Faults
	if v.Method == http.MethodPost {
		version, form, err := readSeller(v)
		if err == nil {
			_, err = c.Invoices.SetSeller(v.Context(), v.Caller, id, version, form)
		}
		if err == nil {
			v.Notice("seller-saved")
			return v.Go(sellerPath("/organizer/invoices", id))
		}
		var ok bool
		if faults, ok = v.Faults(err); !ok {
			return err
		}
		form.Version = d.Version
		d, rate = form, v.PostFormValue("tax_rate")
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "seller", page.Meta{Title: v.T("seller.title"), NoIndex: true}, map[string]any{
		"S": &d, "Rate": rate, "Faults": faults, "House": id == invoiceapi.House, "Zones": zones, "Back": sellerPath("/organizer/invoices", id),
	})
}

// usualZone is the zone of the venue that the caller has used last.
func (c *Console) usualZone(v *page.Visit) (string, error) {
	venues, _, err := c.Events.Used(v.Context(), v.Caller)
	if err != nil || len(venues) == 0 {
		return "UTC", err
	}
	return venues[0].Zone, nil
}

// readSeller reads the form.
func readSeller(v *page.Visit) (version int64, d invoiceapi.Seller, err error) {
	f := v.PostFormValue
	d = invoiceapi.Seller{
		Party:     invoiceapi.Party{Name: f("name"), Street: f("street"), PostalCode: f("postal_code"), City: f("city"), Country: f("country"), VATNumber: f("vat_number")},
		TaxNumber: f("tax_number"), TaxNote: f("tax_note"), Contact: f("contact"), Prefix: f("prefix"), Zone: f("time_zone"),
	}
	if version, err = strconv.ParseInt(f("version"), 10, 64); err != nil || version < 1 {
		version, err = 0, nil // the first details
	}
	rate, ok := hundredths(f("tax_rate"))
	if !ok {
		err = errs.Bad("tax_rate", "not-a-rate", "must be a rate from 0 to 100")
	}
	d.TaxRate = rate
	return version, d, err
}

// sellerPath is the address of a seller's page.
func sellerPath(path, id string) string {
	if id == invoiceapi.House {
		return path + "?seller=" + invoiceapi.House
	}
	return path
}

// invoices lists the documents of a year.
func (c *Console) invoices(v *page.Visit) error {
	id := sellerID(v)
	d, err := c.Invoices.Seller(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	years, err := c.Invoices.Years(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	year := c.year(v, &d, years)
	after, err := strconv.ParseInt(v.FormValue("after"), 10, 64)
	if err != nil || after < 0 {
		after = 0
	}
	list, err := c.Invoices.OfSeller(v.Context(), v.Caller, id, year, after, invoicesShown+1)
	if err != nil {
		return err
	}
	here := url.Values{"year": {strconv.FormatInt(year, 10)}}
	if id == invoiceapi.House {
		here.Set("seller", id)
	}
	file, next := "/organizer/invoices.csv?"+here.Encode(), ""
	if len(list) > invoicesShown {
		list = list[:invoicesShown]
		here.Set("after", strconv.FormatInt(list[invoicesShown-1].Sequence, 10))
		next = "/organizer/invoices?" + here.Encode()
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "invoices", page.Meta{Title: v.T("invoices.title"), NoIndex: true}, map[string]any{
		"S": &d, "Years": years, "Year": year, "List": list, "Next": next, "File": file, "House": id == invoiceapi.House, "Admin": v.Caller.Administers(), "Edit": sellerPath("/organizer/seller", id),
	})
}

// year is the year that a page asks for; otherwise the latest with documents.
func (c *Console) year(v *page.Visit, d *invoiceapi.Seller, years []int64) int64 {
	if year, err := strconv.ParseInt(v.FormValue("year"), 10, 64); err == nil && year >= 1970 && year <= 9999 {
		return year
	}
	if len(years) > 0 {
		return years[0]
	}
	if zone, err := time.LoadLocation(d.Zone); err == nil {
		return int64(v.Now().In(zone).Year())
	}
	return int64(v.Now().Year())
}

// invoiceColumns are the columns of the list as a file. Their names are for programs, and
// the same in all languages.
var invoiceColumns = []string{"number", "kind", "issued_at", "amount", "net", "tax", "tax_rate", "currency", "refers_to", "booking", "event", "buyer", "buyer_vat_number"}

// invoicesCSV answers with all documents of a year, in the form of the list of attendees.
// It is read page by page.
func (c *Console) invoicesCSV(v *page.Visit) error {
	id := sellerID(v)
	d, err := c.Invoices.Seller(v.Context(), v.Caller, id)
	if err != nil {
		return err
	}
	year := c.year(v, &d, nil)
	list, err := c.Invoices.OfSeller(v.Context(), v.Caller, id, year, 0, invoicesOfCSV)
	if err != nil {
		return err
	}
	out, rc := beginCSV(v, "invoices-"+strconv.FormatInt(year, 10)+".csv", invoiceColumns), http.NewResponseController(v.W)
	for v.Method != http.MethodHead {
		_ = rc.SetWriteDeadline(time.Now().Add(writeOfCSV)) // not every writer supports it
		for i := range list {
			writeInvoice(out, &list[i])
		}
		if out.Flush(); out.Error() != nil || len(list) < invoicesOfCSV {
			return nil // it is complete, or the client has gone
		}
		if list, err = c.Invoices.OfSeller(v.Context(), v.Caller, id, year, list[len(list)-1].Sequence, invoicesOfCSV); err != nil {
			c.log.ErrorContext(v.Context(), "invoices broke off", "seller", id, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// beginCSV begins a file for spreadsheets: CSV in UTF-8 with a byte order mark.
func beginCSV(v *page.Visit, name string, columns []string) *csv.Writer {
	h := v.W.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-store")
	out := csv.NewWriter(v.W)
	out.UseCRLF = true
	if v.Method != http.MethodHead {
		_, _ = v.W.Write([]byte("\xef\xbb\xbf"))
		_ = out.Write(columns)
	}
	return out
}

// writeInvoice writes a line. Amounts of credit notes are negative.
func writeInvoice(out *csv.Writer, d *invoiceapi.Document) {
	sign := int64(1)
	if d.Kind == invoiceapi.CreditNote {
		sign = -1
	}
	amount := func(minor int64) string { return decimal(sign*minor, d.Currency) }
	_ = out.Write([]string{
		d.Number, string(d.Kind), d.Issued.Format(time.RFC3339), amount(d.Amount), amount(d.Net()), amount(d.Tax), percent(d.TaxRate), d.Currency, d.Refers, d.BookingID, safetext.Cell(d.Event), safetext.Cell(d.Buyer.Name), d.Buyer.VATNumber,
	})
}

// orderInvoices are the documents of an order, for its page; none if the order was never
// paid.
func (c *Console) orderInvoices(v *page.Visit, b *Booking) ([]invoiceapi.Document, error) {
	if b.Kind != bookingapi.Sold {
		return nil, nil
	}
	return c.Invoices.OfBooking(v.Context(), v.Caller, b.ID, "")
}
