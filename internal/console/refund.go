package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
)

// reasonRow is something that an organizer gave back or moved, and why.
type reasonRow struct {
	bookingapi.Reason
	When   time.Time
	Places []bookingapi.Place // of a move: the seats before
}

// reasons are those for what was given back, and for moves to other seats.
func (c *Console) reasons(v *page.Visit, b *bookingapi.Booking, zone *time.Location) (back, moves []reasonRow, err error) {
	list, err := c.Seats.ReasonsOf(v.Context(), b.ID)
	var before []bookingapi.Booking
	for _, r := range list {
		row := reasonRow{Reason: r, When: time.UnixMicro(r.At).In(zone)}
		if len(r.From) == 0 {
			back = append(back, row)
			continue
		}
		moves = append(moves, row)
		was := *b
		was.Seats, was.Held = r.From, nil
		before = append(before, was)
	}
	if len(moves) == 0 || err != nil {
		return back, nil, err
	}
	orders, err := c.Orders.Orders(v.Context(), before)
	for i := range orders {
		moves[i].Places = orders[i].Places
	}
	return back, moves, err
}

// reseat moves an order to other seats.
func (c *Console) reseat(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	f := orderForms{Do: "move", Seats: v.PostFormValue("seats"), Reason: v.PostFormValue("reason")}
	seen, err := strconv.ParseInt(v.PostFormValue("seen"), 10, 64)
	if err != nil {
		seen = 0 // any
	}
	_, err = c.Seats.Reseat(v.Context(), v.Caller, bookingapi.Reseating{BookingID: bookingID, Version: seen, Seats: labelsIn(f.Seats), Reason: f.Reason})
	if err == nil {
		v.Notice("order-move")
		return v.Go(at(e, "/orders/"+bookingID))
	}
	wrong := errs.Of(err)
	switch kind := errs.KindOf(err); {
	case wrong != nil && len(wrong.Fields) > 0:
		v.Status(http.StatusUnprocessableEntity)
		for _, one := range wrong.Fields {
			if one.Name == "reason" {
				f.ReasonFault = v.Fault(one)
			} else {
				f.SeatsFault = v.Fault(one)
			}
		}
	case kind == errs.Precondition:
		v.Status(http.StatusConflict)
		f.Problem = v.T("desk.move.meanwhile")
	case kind == errs.Conflict:
		v.Status(http.StatusConflict)
		f.Problem, _ = v.Reason(err)
		if gone, _ := wrong.Extra["seats"].([]string); len(gone) > 0 {
			f.SeatsFault = v.T("desk.move.taken", "N", len(gone), "Seats", strings.Join(gone, ", "))
		}
	default:
		return err
	}
	return c.showOrder(v, e, bookingID, f)
}

// placeLabels lists the labels of seats, as labelsIn reads them.
func placeLabels(places []bookingapi.Place) string {
	labels := make([]string, len(places))
	for i := range places {
		labels[i] = places[i].Label
	}
	return strings.Join(labels, ", ")
}

// refund cancels seats of an order, or gives a part of its money back.
func (c *Console) refund(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	if err := v.ParseForm(); err != nil {
		return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
	}
	f := orderForms{Do: "back", Chosen: v.PostForm["seats"], Terms: v.PostFormValue("terms") != "", Amount: v.PostFormValue("amount"), Reason: v.PostFormValue("reason")}
	var err error
	if v.PostFormValue("do") == "cancel" {
		f.Do = "cancel"
		err = c.cancelSeats(v, bookingID, &f)
	} else {
		err = c.giveBack(v, bookingID, &f)
	}
	if err == nil {
		v.Notice("order-" + f.Do)
		return v.Go(at(e, "/orders/"+bookingID))
	}
	return c.showFaults(v, e, bookingID, &f, err, &f.AmountFault)
}

// showFaults shows an order's page again, with what is wrong in a form of it: what is not
// wrong with the reason goes to other, a field of f.
func (c *Console) showFaults(v *page.Visit, e *eventapi.Event, bookingID string, f *orderForms, err error, other *string) error {
	wrong := errs.Of(err)
	switch {
	case wrong != nil && len(wrong.Fields) > 0:
		v.Status(http.StatusUnprocessableEntity)
		for _, one := range wrong.Fields {
			if one.Name == "reason" {
				f.ReasonFault = v.Fault(one)
			} else {
				*other = v.Fault(one)
			}
		}
	case errs.KindOf(err) == errs.Conflict:
		v.Status(http.StatusConflict)
		f.Problem, _ = v.Reason(err)
	default:
		return err
	}
	return c.showOrder(v, e, bookingID, *f)
}

func (c *Console) cancelSeats(v *page.Visit, bookingID string, f *orderForms) error {
	if len(f.Chosen) == 0 {
		return errs.Fields([]errs.Field{{Name: "seats", Code: "required", Reason: "is required"}})
	}
	_, err := c.Seats.CancelFor(v.Context(), v.Caller, bookingapi.OrganizerCancellation{
		Cancellation: bookingapi.Cancellation{BookingID: bookingID, Seats: f.Chosen}, ByTerms: f.Terms, Reason: f.Reason,
	})
	return err
}

func (c *Console) giveBack(v *page.Visit, bookingID string, f *orderForms) error {
	b, err := bookingapi.One(v.Context(), c.Bookings.Bookings, "booking", bookingID)
	if err != nil {
		return err
	}
	amount, err := money.FromDecimal(strings.ReplaceAll(strings.TrimSpace(f.Amount), ",", "."), b.Currency)
	var why errs.Reason
	if errors.As(err, &why) {
		return errs.Fields([]errs.Field{why.In("amount")})
	}
	if err != nil {
		return err
	}
	payments, err := c.Payments.Latest(v.Context(), []string{bookingID})
	if err != nil {
		return err
	}
	tooMuch := func(left int64) error { // in units that people type
		return errs.Fields([]errs.Field{errs.Why("more-than-left", "must be at most %s", money.Format(left, b.Currency)).In("amount")})
	}
	if p, ok := payments[bookingID]; ok {
		if left := leftOf(&b, &p); left < b.Left && amount > left { // the booking does not know it
			return tooMuch(left)
		}
	}
	left, err := strconv.ParseInt(v.PostFormValue("left"), 10, 64)
	if err != nil {
		left = -1 // nothing was seen
	}
	_, err = c.Seats.GiveBack(v.Context(), v.Caller, bookingapi.Goodwill{BookingID: bookingID, Amount: amount, Left: left, Reason: f.Reason})
	if wrong := errs.Of(err); wrong != nil && len(wrong.Fields) > 0 && wrong.Fields[0].Name == "amount" {
		return tooMuch(b.Left)
	}
	return err
}
