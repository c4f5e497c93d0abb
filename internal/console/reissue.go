package console

import (
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
)

// replacedTicket is a seat of an order whose ticket was replaced.
type replacedTicket struct {
	bookingapi.Place
	Times  int
	Reason string
	When   time.Time
	Us     bool // replaced by the organizer or an admin, not by its owner
}

// replacements are the seats of an order whose tickets were replaced, and the rev of the
// latest issue; 0: none was.
func (c *Console) replacements(v *page.Visit, b *Booking, zone *time.Location) (list []replacedTicket, rev int64, err error) {
	issues, err := c.Issues.Issues(v.Context(), []string{b.ID})
	for _, i := range issues[b.ID] {
		rev = max(rev, i.Rev) // also of seats that the order has no longer
	}
	for _, p := range b.Places {
		if i, ok := issues[b.ID][p.Seat]; ok {
			list = append(list, replacedTicket{p, int(i.Number), i.Reason, time.UnixMicro(i.At).In(zone), i.By != "" && i.By != b.UserID})
		}
	}
	return list, rev, err
}

// replaceTickets makes new codes for tickets of an order.
func (c *Console) replaceTickets(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	if err := v.ParseForm(); err != nil {
		return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
	}
	f := orderForms{Do: "replace", Chosen: v.PostForm["seats"], Reason: v.PostFormValue("reason")}
	seen, err := strconv.ParseInt(v.PostFormValue("seen"), 10, 64)
	switch {
	case err != nil || seen < 0:
		seen = 0 // any
	case seen == 0:
		seen = errs.NotYet
	}
	_, _, err = c.Issues.Reissue(v.Context(), v.Caller, "", checkinapi.ReissueRequest{BookingID: bookingID, Seats: f.Chosen, Reason: f.Reason, Seen: seen})
	if err == nil {
		v.Notice("order-replace")
		return v.Go(at(e, "/orders/"+bookingID) + "#reissue")
	}
	return c.showFaults(v, e, bookingID, &f, err, &f.Problem)
}

// Replaces reports whether the ticket of a seat is to be replaced: all are chosen at first.
func (f *orderForms) Replaces(label string) bool {
	return f.Do != "replace" || len(f.Chosen) == 0 || slices.Contains(f.Chosen, label)
}
