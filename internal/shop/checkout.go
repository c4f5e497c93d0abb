package shop

import (
	"net/url"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/userapi"
)

// What a purchase's page is about.
const (
	stateHeld     = "held"
	stateExpired  = "expired"
	stateReleased = "released"
)

// Who the buyer is, as far as the checkout knows.
const (
	whoKnown   = "known"   // they may pay
	whoCode    = "code"    // their address is to be verified
	whoVisitor = "visitor" // nothing is known of them yet
)

// checkoutPage is the checkout at a moment.
type checkoutPage struct {
	*Purchase
	Event     eventapi.Event
	EventPath string
	State     string
	Lines     []line
	Split     split
	Ends, Now time.Time
	Minutes   int // that the hold lasts on, rounded up
	Again     bookingapi.Selection

	Who    string
	Person userapi.Account
	As     string // how a visitor wants to go on: guest, sign-in, sign-up
	Form   entryForm
	Other  bool   // a guest wants to sign in, or be another guest
	Pay    string // where to pay
}

// Ways are how a visitor can go on.
func (checkoutPage) Ways() []string { return []string{"guest", "sign-in", "sign-up"} }

// line is the seats of one price.
type line struct {
	Tier     seating.Tier
	N        int
	Sum      int64
	Currency string
}

// split is what an amount is made of; Known when the event says how.
type split struct {
	Known          bool
	Face, Fee, Tax int64
	Fees           int64 // fee and tax
	Amount         int64
	Currency       string
}

// checkoutPath is where a purchase is until it is paid.
func checkoutPath(bookingID string) string { return "/checkout/" + url.PathEscape(bookingID) }

// purchase is the purchase that a page is about. When it goes on elsewhere, or
// nobody is signed in, the reader is sent there, and there is none.
func (s *Shop) purchase(v *page.Visit) (*Purchase, error) {
	id := v.PathValue("booking")
	if !v.Caller.SignedIn() {
		return nil, toSignIn(v, checkoutPath(id))
	}
	p, err := s.Orders.purchase(v.Context(), v.Caller, id)
	if err != nil {
		return nil, err
	}
	if path := p.elsewhere(); path != "" {
		return nil, v.Go(path)
	}
	return &p, nil
}

// toSignIn sends the reader to the sign-in page, and on from there.
func toSignIn(v *page.Visit, next string) error {
	return v.Go("/sign-in?next=" + url.QueryEscape(next))
}

// elsewhere is where a purchase goes on when its checkout is over; "" when not.
func (p *Purchase) elsewhere() string {
	switch {
	case p.underWay():
		return checkoutPath(p.ID) + "/wait"
	case p.Status == bookingapi.Booked, p.Status == bookingapi.Cancelled && p.PaymentID != "":
		return "/orders/" + p.ID
	}
	return ""
}

// cameTooLate reports whether the last payment was refused since the hold had ended.
func (p *Purchase) cameTooLate() bool {
	return p.Payment != nil && p.Payment.Status == paymentapi.Voided && (p.Payment.Reason == "seats-gone" || p.Payment.Reason == "paid-too-late")
}

// underWay reports whether a payment has not come to an end yet.
func (p *Purchase) underWay() bool {
	return p.Payment != nil && !p.Payment.Status.Final()
}

func (s *Shop) checkout(v *page.Visit) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	return s.showCheckout(v, p, v.Request.URL.Query().Get("as"), entryForm{})
}

// showCheckout shows a purchase; f is a form that was sent and has faults.
func (s *Shop) showCheckout(v *page.Visit, p *Purchase, as string, f entryForm) error {
	e, err := s.Events.Event(v.Context(), v.Caller, p.EventID)
	if err != nil {
		return err
	}
	c := checkoutPage{Purchase: p, Event: e, EventPath: eventPath(&e), State: stateHeld, As: as, Form: f, Now: v.Now(), Pay: s.till.Path(p), Again: again(p)}
	c.Form.Waived = e.UnverifiedBuyers
	zone := e.Starts.Location()
	if e.Starts.IsZero() {
		zone = time.UTC
	}
	c.Ends = time.UnixMicro(p.ExpiresAt).In(zone)
	c.Minutes = int((c.Ends.Sub(c.Now) + time.Minute - 1) / time.Minute)
	c.Lines, c.Split = lines(p)
	switch {
	case p.cameTooLate():
		c.State = stateExpired
	case p.Status == bookingapi.Cancelled:
		c.State = stateReleased
	case !held(&p.Booking, c.Now):
		c.State = stateExpired
	}
	if c.Who, c.Person, err = s.who(v, &e); err != nil {
		return err
	}
	if c.Who == whoCode {
		if c.Other = as == "guest" || as == "sign-in"; !c.Form.Faults.Any() {
			c.Form.Name, c.Form.Email = c.Person.Name, c.Person.Email
		}
	}
	if c.As != "sign-in" && c.As != "sign-up" {
		c.As = "guest"
	}
	v.W.Header().Set("Cache-Control", "no-store") // going back shows how things are
	return v.Show(s.set, "checkout", page.Meta{Title: v.T("checkout.title"), Description: v.T("checkout.description")}, c)
}

// lines sums a purchase's seats up by price.
func lines(p *Purchase) ([]line, split) {
	var out []line
	sum := split{Known: true, Fees: p.Fees, Amount: p.Amount, Currency: p.Currency}
	for i := range p.Places {
		t := &p.Places[i].Tier
		if t.Face == 0 {
			sum.Known = false
		}
		sum.Face, sum.Fee, sum.Tax = sum.Face+t.Face, sum.Fee+t.Fee, sum.Tax+t.Tax
		at := -1
		for j := range out {
			if out[j].Tier.ID == t.ID {
				at = j
			}
		}
		if at < 0 {
			out, at = append(out, line{Tier: *t, Currency: p.Currency}), len(out)
		}
		out[at].N++
		out[at].Sum += t.Price
	}
	return out, sum
}

// again asks for the same seats once more. Places of general admission cannot be
// named: as many of the same section are as good.
func again(p *Purchase) (w bookingapi.Selection) {
	for _, one := range p.Places {
		if one.Unnumbered {
			return bookingapi.Selection{Quantity: len(p.Places), Section: one.SectionID}
		}
		w.Seats = append(w.Seats, one.Label)
	}
	return w
}

// release gives seats back while they are held: one, or all.
func (s *Shop) release(v *page.Visit) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	if err := v.ParseForm(); err != nil {
		return errs.New(errs.Malformed, "bad-form", "The form did not arrive completely.")
	}
	here := checkoutPath(p.ID)
	if !held(&p.Booking, v.Now()) {
		return v.Go(here)
	}
	var labels []string
	for _, l := range v.PostForm["seats"] {
		for _, own := range p.Places {
			if own.Label == l {
				labels = append(labels, l)
			}
		}
	}
	if len(v.PostForm["seats"]) > 0 && len(labels) == 0 {
		return v.Go(here) // given back before: a double click
	}
	if _, err := s.Seats.Cancel(v.Context(), v.Caller, bookingapi.Cancellation{BookingID: p.ID, Seats: labels}); err != nil {
		return err
	}
	notice := "released"
	if len(labels) > 0 && len(labels) < len(p.Places) {
		notice = "released-some"
	}
	v.Notice(notice)
	return v.Go(here)
}
