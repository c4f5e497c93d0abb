package shop

import (
	"slices"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// cancelPage is the data of the page on which seats are cancelled, in two steps: the
// reader selects seats, then sees the refund and confirms.
type cancelPage struct {
	*orderPage
	Chosen  []bookingapi.Place // nothing: they are still to be chosen
	Refund  int64              // for them, minor units
	Refused string             // why there is no refund
	Changed bool               // the refund differs from the one that the reader saw
}

// Whole reports whether all seats are to be cancelled.
func (c *cancelPage) Whole() bool { return len(c.Chosen) == len(c.Places) }

// Kept is what the organizer keeps of the price of the selected seats.
func (c *cancelPage) Kept() (kept int64) {
	for _, p := range c.Chosen {
		kept += p.Tier.Price
	}
	return min(kept, c.Left) - c.Refund // a part may have gone back before
}

// Before returns how much of the refund has gone back already, on the payment gateway's own
// pages, which the booking does not know of.
func (c *cancelPage) Before() int64 { return c.goneBefore(c.Refund) }

// Rest is what goes back now.
func (c *cancelPage) Rest() int64 { return c.Refund - c.Before() }

// labels returns the seats to cancel; nil: all.
func (c *cancelPage) labels() []string {
	if c.Whole() {
		return nil
	}
	out := make([]string, len(c.Chosen))
	for i, p := range c.Chosen {
		out[i] = p.Label
	}
	return out
}

// readCancel returns the page for an order of the reader's own; of the named seats,
// those that the order still has are selected. The signed link alone does not allow
// cancelling: its readers are sent to the page that mails a code, and the result is
// nil.
func (s *Shop) readCancel(v *page.Visit, seats []string) (*cancelPage, error) {
	if v.Request.URL.Query().Get("token") == "" {
		if err := signedIn(v); err != nil {
			return nil, err
		}
	}
	o, err := s.readOrder(v)
	if err != nil {
		return nil, err
	}
	if !o.Own && o.Token != "" {
		return nil, v.Go(o.Link("enter"))
	}
	if !o.Own {
		return nil, errs.New(errs.Forbidden, "not-yours-to-change", "Only its owner can cancel this booking.")
	}
	c := &cancelPage{orderPage: o}
	c.choose(seats)
	return c, nil
}

// choose selects those of the named seats that the order still has.
func (c *cancelPage) choose(seats []string) {
	for _, p := range c.Places {
		if slices.Contains(seats, p.Label) {
			c.Chosen = append(c.Chosen, p)
		}
	}
}

// quote fills in the refund for the selected seats, or why there is none.
func (s *Shop) quote(v *page.Visit, c *cancelPage) error {
	if !c.Live(v.Now()) {
		return nil
	}
	var err error
	if c.Refund, err = s.Seats.Refund(v.Context(), v.Caller, c.ID, c.labels()); err == nil {
		return nil
	}
	if errs.KindOf(err) == errs.Conflict {
		c.Refused, _ = v.Reason(err)
		return nil
	}
	return err
}

func (s *Shop) showCancel(v *page.Visit, c *cancelPage) error {
	return v.Show(s.set, "cancel", page.Meta{Title: v.T("giveback.title"), NoIndex: true}, c)
}

func (s *Shop) cancel(v *page.Visit) error {
	c, err := s.readCancel(v, v.Request.URL.Query()["seats"])
	if c == nil {
		return err
	}
	if !c.Live(v.Now()) {
		return v.Go(c.Link(""))
	}
	if len(c.Places) == 1 {
		c.Chosen = c.Places
	}
	if err := s.quote(v, c); err != nil {
		return err
	}
	v.Status(200) // "no refund" is a regular answer
	return s.showCancel(v, c)
}

func (s *Shop) cancelled(v *page.Visit) error {
	c, err := s.readCancel(v, nil) // refuses before the form is read
	if c == nil {
		return err
	}
	if err := v.ParseForm(); err != nil {
		return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
	}
	seats := v.PostForm["seats"]
	c.choose(seats)
	switch {
	case len(seats) == 0:
		return v.Go(c.Link("cancel"))
	case !c.Live(v.Now()) || len(c.Chosen) == 0: // the form was sent twice
		return v.Go(c.Link(""))
	}
	if err := s.quote(v, c); err != nil {
		return err
	}
	if c.Changed = strconv.FormatInt(c.Refund, 10) != v.PostFormValue("refund"); c.Changed || c.Refused != "" {
		if c.Changed {
			v.Status(409)
		}
		return s.showCancel(v, c)
	}
	if _, err := s.Seats.Cancel(v.Context(), v.Caller, bookingapi.Cancellation{BookingID: c.ID, Seats: c.labels(), Refund: &c.Refund}); err != nil {
		if errs.Is(err, "refund-differs") { // a step of the terms has just begun
			if err := s.quote(v, c); err != nil {
				return err
			}
			c.Changed = true
			v.Status(409)
			return s.showCancel(v, c)
		}
		if errs.KindOf(err) == errs.Conflict {
			c.Refused, _ = v.Reason(err)
			return s.showCancel(v, c)
		}
		return err
	}
	notice := "given-back"
	if c.Status == bookingapi.Pending {
		notice = "hold-released"
	}
	v.Notice(notice)
	return v.Go(c.Link(""))
}
