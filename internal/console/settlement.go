package console

import (
	"net/http"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/safetext"
)

// settlement shows what an event has sold, and what of it is the organizer's.
func (c *Console) settlement(v *page.Visit, e *eventapi.Event) error {
	s, err := c.Invoices.Settlement(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "settlement", page.Meta{Title: v.T("settlement.title"), NoIndex: true}, map[string]any{"Event": e, "S": &s, "At": s.At.In(zoneOf(e))})
}

// settlementPDF sends it as a file.
func (c *Console) settlementPDF(v *page.Visit, e *eventapi.Event) error {
	s, err := c.Invoices.Settlement(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	file, err := c.Invoices.SettlementPDF(v.Context(), &s, v.Lang)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="`+slug.Make(e.Title)+`-settlement.pdf"`)
	h.Set("Cache-Control", "private, no-store")
	_, _ = v.W.Write(file) // fails when the client has gone
	return nil
}

// movements answers with a line for each step that moved money: debits are positive,
// credits negative, and each line adds up to zero.
func (c *Console) movements(v *page.Visit, e *eventapi.Event) error {
	list, err := c.Invoices.Movements(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	columns := []string{"at", "step", "reference", "payment", "currency"}
	for _, a := range paymentapi.Accounts {
		columns = append(columns, string(a))
	}
	columns = append(columns, "gateway_name", "gateway_account", "test")
	out, rc := beginCSV(v, slug.Make(e.Title)+"-settlement.csv", columns), http.NewResponseController(v.W)
	if v.Method == http.MethodHead {
		return nil
	}
	n := 0
	for p, err := range list {
		if err != nil {
			c.log.ErrorContext(v.Context(), "a settlement broke off", "event", e.ID, "error", err)
			panic(http.ErrAbortHandler)
		}
		if n%pageOfCSV == 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(writeOfCSV)) // not every writer supports it
		}
		n++
		if out.Write(movement(&p)) != nil {
			return nil // the client has gone
		}
	}
	out.Flush()
	return nil
}

// movement is a line of the file.
func movement(p *paymentapi.Posting) []string {
	at, reference := "", ""
	if p.At > 0 {
		at = time.UnixMicro(p.At).UTC().Format(time.RFC3339)
	}
	if p.PaymentID != "" {
		reference = id.Reference(paymentapi.Capture{PaymentID: p.PaymentID}.BookingID())
	}
	line := []string{at, p.Step, reference, p.PaymentID, p.Currency}
	for _, a := range paymentapi.Accounts {
		var sum int64
		for _, l := range p.Lines {
			if l.Account == a {
				sum += l.Amount
			}
		}
		line = append(line, decimal(sum, p.Currency))
	}
	test := ""
	if p.Test {
		test = "yes"
	}
	return append(line, safetext.Cell(p.Gateway), safetext.Cell(p.GatewayAccount), test)
}
