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
	if err := c.Sales.Grant(v.Context(), v.Caller, e.ID, v.PostFormValue("nonce"), kind, seats, quantity, section); err != nil {
		return c.refusedGrant(v, e, err)
	}
	v.Notice("seats-" + kind)
	return v.Go(at(e, ""))
}

// refusedGrant shows the page again, with what was wrong.
func (c *Console) refusedGrant(v *page.Visit, e *message.Event, err error) error {
	text, ok := v.Reason(err)
	if !ok {
		return err
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
