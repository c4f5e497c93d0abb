package shop

import (
	"slices"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// cancelPage is where seats are given back, at a moment: first one chooses them,
// then one sees what comes back, and says yes.
type cancelPage struct {
	*orderPage
	Chosen  []bookingapi.Place // nothing: they are still to be chosen
	Refund  int64              // for them, minor units
	Refused string             // why nothing can be given back
	Changed bool               // the refund is another than the reader has seen
}

// Picked reports whether a seat is among those chosen; all are before one chooses.
func (c *cancelPage) Picked(label string) bool {
	return len(c.Chosen) == 0 || slices.ContainsFunc(c.Chosen, func(p bookingapi.Place) bool { return p.Label == label })
}

// Whole reports whether all seats are given back.
func (c *cancelPage) Whole() bool { return len(c.Chosen) == len(c.Places) }

// labels are the seats to cancel; nil: all.
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

// readCancel is the page for an order of the reader's own, with those of the
// seats named that it still has. The signed link is not enough to cancel: it leads
// to the page where its reader asks for a code, and then there is no page here.
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

// choose takes those of the seats named that the order still has.
func (c *cancelPage) choose(seats []string) {
	for _, p := range c.Places {
		if slices.Contains(seats, p.Label) {
			c.Chosen = append(c.Chosen, p)
		}
	}
}

// quote fills in what comes back for the seats chosen, or why nothing does.
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
	v.Status(200) // that nothing can be given back is an answer
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
	case !c.Live(v.Now()) || len(c.Chosen) == 0: // it was sent twice
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
	if _, err := s.Seats.Cancel(v.Context(), v.Caller, bookingapi.Cancellation{BookingID: c.ID, Seats: c.labels()}); err != nil {
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
