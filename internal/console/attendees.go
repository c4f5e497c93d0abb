package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
	"boxoffice/internal/safetext"
)

const (
	pageOfCSV  = 500              // bookings read at a time
	writeOfCSV = 30 * time.Second // for each page; slower clients are disconnected
)

// columns of the list of attendees. Their names are for programs, and the same in
// all languages.
var columns = []string{"reference", "status", "seat", "section", "row", "number", "tier", "price", "currency", "name", "email", "booked_at", "kind", "test"}

// attendees answers with one line for each booked seat, or, for a cancelled event, for
// each seat that was booked. The format is CSV (RFC 4180) in UTF-8. It begins with a byte order mark, because the most common spreadsheet
// program otherwise assumes another encoding; CSV readers of common languages know it
// under a name such as utf-8-sig.
//
// The list is read and sent page by page, for as long as the client reads. If it fails
// half-way, the connection is aborted, so that nobody mistakes half a list for a whole
// one.
func (c *Console) attendees(v *page.Visit, e *eventapi.Event) error {
	status, gone, all := bookingapi.Booked, e.Status == eventapi.Cancelled, v.Request.URL.Query().Get("status") == "all"
	if gone || all {
		status = ""
	}
	others, err := c.Payments.OtherMode(v.Context(), e.ID)
	if err != nil {
		return err
	}
	list, err := c.bookingsPage(v.Context(), e.ID, status, "")
	if err != nil {
		return err
	}
	out := beginCSV(v, slug.Make(e.Title)+"-attendees.csv", columns)
	if v.Method == http.MethodHead {
		return nil
	}
	rc := http.NewResponseController(v.W)
	ctx := context.WithoutCancel(v.Context()) // the gateway's time limit is meant for short answers
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(writeOfCSV)) // not every writer supports it
		for i := range list {
			if !gone || all || hadBooked(&list[i]) {
				writeBooking(out, &list[i], v.Test() != others[list[i].ID])
			}
		}
		if out.Flush(); out.Error() != nil {
			return nil // the client has gone
		}
		if len(list) < pageOfCSV {
			return nil
		}
		if list, err = c.bookingsPage(ctx, e.ID, status, list[len(list)-1].ID); err != nil {
			c.log.ErrorContext(ctx, "attendees broke off", "event", e.ID, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// bookingsPage returns an event's bookings after a given one; status "" means any.
func (c *Console) bookingsPage(ctx context.Context, eventID string, status bookingapi.Status, after string) ([]Booking, error) {
	return c.named(ctx, func() ([]bookingapi.Booking, error) {
		return c.Bookings.List(ctx, bookingapi.Filter{EventID: eventID, Status: status, After: after, Limit: pageOfCSV})
	})
}

// hadBooked reports whether a booking is booked, or was until it was cancelled. A
// released hold has no payment.
func hadBooked(b *Booking) bool {
	return b.Status == bookingapi.Booked || b.Status == bookingapi.Cancelled && b.PaymentID != ""
}

// writeBooking writes a line for each seat of a booking; tests says that payments for it
// are no real money. Errors are reported by csv.Writer.Error.
func writeBooking(out *csv.Writer, b *Booking, tests bool) {
	for _, s := range b.Places {
		var asked int64 // nothing, for a block or a gift
		if b.Kind == bookingapi.Sold {
			asked = s.Tier.Price
		}
		test := ""
		if tests && asked > 0 && b.PaymentID != "" {
			test = "yes"
		}
		price, currency, _ := strings.Cut(money.Format(asked, b.Currency), " ")
		_ = out.Write([]string{
			b.Reference, string(b.Status), safetext.Cell(s.Label), safetext.Cell(s.Section), safetext.Cell(s.Row), safetext.Cell(s.Number), safetext.Cell(s.Tier.Name), price, currency,
			safetext.Cell(b.Person.Name), safetext.Cell(b.Person.Email), time.UnixMicro(b.CreatedAt).UTC().Format(time.RFC3339), b.Kind, test,
		})
	}
}
