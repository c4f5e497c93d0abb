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
)

const (
	pageOfCSV  = 500              // bookings read at a time
	writeOfCSV = 30 * time.Second // for each page: whoever takes longer is let go
)

// columns of the list of attendees. Their names are for programs, and the same
// in all languages.
var columns = []string{"reference", "status", "seat", "section", "row", "number", "tier", "price", "currency", "name", "email", "booked_at", "kind"}

// attendees answers with everybody who has a seat, a line each; of a cancelled
// event with everybody who had booked one, since no mail tells them: CSV as in RFC
// 4180, in UTF-8. It begins with a byte order mark, since the program that most
// people open it with takes it for another encoding otherwise; readers of CSV in
// common languages have a name for that (such as utf-8-sig).
//
// It is read and sent page by page, and goes on for as long as somebody reads. If
// it fails half way, the connection is broken off, so that nobody takes half a
// list for a whole one.
func (c *Console) attendees(v *page.Visit, e *eventapi.Event) error {
	status, gone, all := bookingapi.Booked, e.Status == eventapi.Cancelled, v.Request.URL.Query().Get("status") == "all"
	if gone || all {
		status = ""
	}
	list, err := c.bookingsPage(v.Context(), e.ID, status, "")
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+slug.Make(e.Title)+`-attendees.csv"`)
	h.Set("Cache-Control", "private, no-store")
	if v.Method == http.MethodHead {
		return nil
	}
	_, _ = v.W.Write([]byte("\xef\xbb\xbf"))
	out := csv.NewWriter(v.W)
	out.UseCRLF = true
	_ = out.Write(columns)
	rc := http.NewResponseController(v.W)
	ctx := context.WithoutCancel(v.Context()) // the front door's time limit is for answers that are short
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(writeOfCSV)) // not every writer has one
		for i := range list {
			if !gone || all || hadBooked(&list[i]) {
				writeBooking(out, &list[i])
			}
		}
		if out.Flush(); out.Error() != nil {
			return nil // nobody reads it any more
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

// bookingsPage is a page of an event's bookings after one; status "" is any.
func (c *Console) bookingsPage(ctx context.Context, eventID string, status bookingapi.Status, after string) ([]Booking, error) {
	return c.named(ctx, func() ([]bookingapi.Booking, error) {
		return c.Bookings.List(ctx, bookingapi.Filter{EventID: eventID, Status: status, After: after, Limit: pageOfCSV})
	})
}

// hadBooked reports whether a booking is booked, or was until it was cancelled: a
// hold that was let go has no payment.
func hadBooked(b *Booking) bool {
	return b.Status == bookingapi.Booked || b.Status == bookingapi.Cancelled && b.PaymentID != ""
}

// writeBooking writes a line for each seat of a booking. What csv.Writer cannot
// write is told by its Error.
func writeBooking(out *csv.Writer, b *Booking) {
	for _, s := range b.Places {
		var asked int64 // nothing, for a block or a gift
		if b.Kind == bookingapi.Sold {
			asked = s.Tier.Price
		}
		price, currency, _ := strings.Cut(money.Format(asked, b.Currency), " ")
		_ = out.Write([]string{
			b.Reference, string(b.Status), harmless(s.Label), harmless(s.Section), harmless(s.Row), harmless(s.Number), harmless(s.Tier.Name), price, currency,
			harmless(b.Person.Name), harmless(b.Person.Email), time.UnixMicro(b.CreatedAt).UTC().Format(time.RFC3339), b.Kind,
		})
	}
}
