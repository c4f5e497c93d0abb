package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
)

// grant blocks seats, or gives them away. Sending the same form again leads to the
// same seats.
func (c *Console) grant(v *page.Visit, e *eventapi.Event) error {
	g := bookingapi.Grant{EventID: e.ID, Kind: v.PostFormValue("kind")}
	if g.Kind != bookingapi.Complimentary {
		g.Kind = bookingapi.Block
	} else {
		g.To = recipientOf(v)
	}
	list := strings.TrimSpace(v.PostFormValue("list"))
	if len([]rune(list)) > checkinapi.MaxListName {
		return c.refusedSeats(v, e, "", errs.Bad("list", "too-long", "must have at most %d characters", checkinapi.MaxListName))
	}
	g.Selection = v.Selection(labelsIn(v.PostFormValue("seats")))
	if len(g.Seats) == 0 && (g.Quantity < 1 || g.Quantity > 1000) {
		return c.refusedSeats(v, e, "", errs.Bad("quantity", "out-of-range", "must be %d to %d", 1, 1000))
	}
	b, err := c.Seats.Grant(v.Context(), v.Caller, v.PostFormValue("nonce"), g)
	if err != nil {
		return c.refusedSeats(v, e, "", err)
	}
	if b.Status == bookingapi.Booked { // otherwise they were released after the form was first sent
		if list != "" && g.Kind == bookingapi.Complimentary {
			if _, err := c.Door.SetList(v.Context(), v.Caller, b.ID, list); err != nil {
				return c.refusedSeats(v, e, "", err)
			}
		}
		v.Notice("seats-" + g.Kind)
	}
	if g.Kind != bookingapi.Complimentary {
		return v.Go(at(e, ""))
	}
	return v.Go(found(e, b.ID))
}

// labelsIn splits a text into seat labels, at commas, semicolons and line ends. A
// label may contain spaces: "S-Box 1 left-2".
func labelsIn(text string) (out []string) {
	for _, label := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == '\r' }) {
		if label = strings.TrimSpace(label); label != "" {
			out = append(out, label)
		}
	}
	return out
}

// gift sets the recipient of complimentary seats, and mails them the link.
func (c *Console) gift(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PostFormValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	to := recipientOf(v)
	mailed, _ := strconv.ParseInt(v.PostFormValue("mailed"), 10, 64) // the time of the last mail that the form's reader has seen
	if err := c.Seats.GiveTo(v.Context(), v.Caller, bookingID, to, mailed); err != nil {
		return c.refusedSeats(v, e, bookingID, err)
	}
	if to.Email != "" {
		v.Notice("gift-mailed")
	}
	return v.Go(found(e, bookingID))
}

func recipientOf(v *page.Visit) caller.Person {
	return caller.Person{Name: strings.TrimSpace(v.PostFormValue("name")), Email: strings.TrimSpace(v.PostFormValue("email"))}
}

// found returns the address of an event's page at a booking.
func found(e *eventapi.Event, bookingID string) string {
	return at(e, "?booking="+id.Reference(bookingID)+"#found")
}

// refusal is a form of the live page that was sent and refused. The page shows it
// again as it was filled in, with the faults beside the fields. The zero value is a
// form that was not sent yet.
type refusal struct {
	Problem string // with all of it
	Faults  []misfit
	Booking string // the form about this gift; "": the one that takes seats out of the sale
	values  url.Values
}

// misfit is what is wrong with a field, whose input has an id and a label.
type misfit struct{ Field, ID, Label, Text string }

// Value returns the text typed into a field.
func (r *refusal) Value(name string) string { return strings.TrimSpace(r.values.Get(name)) }

// Of returns what is wrong with a field; "": nothing.
func (r *refusal) Of(name string) string {
	if i := slices.IndexFunc(r.Faults, func(f misfit) bool { return f.Field == name }); i >= 0 {
		return r.Faults[i].Text
	}
	return ""
}

// Gift returns the refusal if it concerns this gift, else an empty one.
func (r *refusal) Gift(bookingID string) *refusal {
	if r.Booking != bookingID {
		return &refusal{}
	}
	return r
}

// labelled maps the fields of both forms to the messages that label them.
var labelled = map[string]string{"quantity": "live.grant.quantity", "section": "live.grant.section", "seats": "live.grant.seats",
	"name": "live.gift.name", "email": "live.gift.email", "list": "door.list"}

// refusedSeats shows the page again with the faults of a form: the one about a gift
// or, if bookingID is "", the one that blocks seats or gives them away.
func (c *Console) refusedSeats(v *page.Visit, e *eventapi.Event, bookingID string, err error) error {
	text, ok := v.Reason(err)
	if !ok {
		return err
	}
	if taken, ok := errs.Of(err).Extra["seats"].([]string); ok && errs.Is(err, "seats-taken") {
		places, err := c.Seats.Named(v.Context(), e.ID, taken)
		if err != nil {
			return err
		}
		text = v.T("live.grant.taken", "N", len(places), "Seats", v.Seats(places))
	}
	r := &refusal{Problem: text, Booking: bookingID, values: v.Request.PostForm}
	for _, f := range errs.Of(err).Fields {
		name, _, _ := strings.Cut(f.Name, "[") // seats[0]
		label, ok := labelled[name]
		switch {
		case !ok:
			r.Problem = v.Fault(f)
		case r.Of(name) == "":
			r.Problem = v.T("fault.some")
			r.Faults = append(r.Faults, misfit{name, inputID(name, bookingID), v.T(label), v.Fault(f)})
		}
	}
	return c.showLive(v, e, r)
}

// inputID returns the id of a form's input.
func inputID(name, bookingID string) string {
	if bookingID != "" {
		return name + "-" + id.Reference(bookingID)
	}
	return "grant-" + name
}

// release puts blocked or complimentary seats back on sale.
func (c *Console) release(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PostFormValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	if err := c.putBack(v.Context(), v.Caller, bookingID); err != nil {
		return c.refusedSeats(v, e, "", err)
	}
	v.Notice("seats-released")
	return v.Go(at(e, ""))
}
