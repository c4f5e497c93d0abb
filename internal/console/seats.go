package console

import (
	"strconv"
	"strings"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
	"boxoffice/internal/page"
)

// grant keeps seats back, or gives them away.
func (c *Console) grant(v *page.Visit, e *message.Event) error {
	kind := v.PostFormValue("kind")
	if kind != message.Complimentary {
		kind = message.Block
	}
	seats := strings.FieldsFunc(v.PostFormValue("seats"), func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' || r == '\r' })
	quantity, section := 0, ""
	if len(seats) == 0 {
		var err error
		if quantity, err = strconv.Atoi(strings.TrimSpace(v.PostFormValue("quantity"))); err != nil || quantity < 1 || quantity > 1000 {
			return c.refusedGrant(v, e, errs.Bad("quantity", "must be 1 to 1000"))
		}
		section = v.PostFormValue("section")
	}
	b, err := c.Sales.Grant(v.Context(), v.Caller, e.ID, v.PostFormValue("nonce"), kind, seats, quantity, section)
	if err != nil {
		return c.refusedGrant(v, e, err)
	}
	v.Notice("seats-" + kind)
	if kind != message.Complimentary {
		return v.Go(at(e, ""))
	}
	if to := recipientOf(v); to != (message.Person{}) {
		if err := c.Sales.GiveTo(v.Context(), v.Caller, b.ID, to); err != nil {
			return c.refusedGrant(v, e, err)
		}
	}
	return v.Go(found(e, b.ID))
}

// gift says whom complimentary seats are for, and mails them the link.
func (c *Console) gift(v *page.Visit, e *message.Event) error {
	bookingID := v.PostFormValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	to := recipientOf(v)
	if err := c.Sales.GiveTo(v.Context(), v.Caller, bookingID, to); err != nil {
		return c.refusedGrant(v, e, err)
	}
	if to.Email != "" {
		v.Notice("gift-mailed")
	}
	return v.Go(found(e, bookingID))
}

func recipientOf(v *page.Visit) message.Person {
	return message.Person{Name: strings.TrimSpace(v.PostFormValue("name")), Email: strings.TrimSpace(v.PostFormValue("email"))}
}

// found is the page of an event at a booking.
func found(e *message.Event, bookingID string) string {
	return at(e, "?booking="+id.Reference(bookingID)+"#found")
}

// refusedGrant shows the page again, with what was wrong.
func (c *Console) refusedGrant(v *page.Visit, e *message.Event, err error) error {
	text, ok := v.Reason(err)
	if !ok {
		return err
	}
	if taken, ok := errs.Of(err).Extra["seats"].([]string); ok && errs.Is(err, "seats-taken") {
		places, err := c.Sales.Named(v.Context(), e.ID, taken)
		if err != nil {
			return err
		}
		text = v.T("live.grant.taken", "N", len(places), "Seats", v.Seats(places))
	}
	if fields := errs.Of(err).Fields; len(fields) > 0 {
		text = say(v, fields[0].Reason)
	}
	return c.showLive(v, e, text)
}

// release gives back seats that were kept back or given away.
func (c *Console) release(v *page.Visit, e *message.Event) error {
	bookingID := v.PostFormValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	if err := c.Sales.Release(v.Context(), v.Caller, bookingID); err != nil {
		return c.refusedGrant(v, e, err)
	}
	v.Notice("seats-released")
	return v.Go(at(e, ""))
}
