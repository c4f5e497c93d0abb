package shop

import (
	"net/url"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/phone"
	"boxoffice/internal/seating"
	"boxoffice/internal/userapi"
)

// States of a purchase's page.
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

// checkoutPage is the data of the checkout.
type checkoutPage struct {
	*Purchase
	Event     eventapi.Event
	EventPath string
	State     string
	Lines     []line
	Split     split
	Ends, Now time.Time
	Minutes   int // until the hold expires, rounded up
	Again     bookingapi.Selection

	Who    string
	Person userapi.Account
	As     string // how a visitor wants to continue: guest, sign-in, sign-up
	Form   entryForm
	Other  bool              // a guest wants to sign in, or to use another name
	Pay    string            // where to pay
	Texts  bool              // ask for a mobile number
	BillTo *invoiceapi.Buyer // whom the invoice will name; nil: the buyer cannot say

	FreeOnly bool // nothing can be paid
}

// RefundSteps are what goes back by when the seats are cancelled, if that differs.
func (p checkoutPage) RefundSteps() []refundStep {
	return refundSteps(p.Refunds, p.Amount, p.Currency, zoneOf(&p.Event))
}

// Local returns a time in the event's zone.
func (p checkoutPage) Local(t time.Time) time.Time { return t.In(zoneOf(&p.Event)) }

// Ways lists how a visitor can continue.
func (checkoutPage) Ways() []string { return []string{"guest", "sign-in", "sign-up"} }

// line is the seats of one price.
type line struct {
	Tier     seating.Tier
	N        int
	Sum      int64
	Currency string
}

// split breaks an amount down into its parts; Known if the event defines them.
type split struct {
	Known          bool
	Face, Fee, Tax int64
	Fees           int64 // fee and tax
	Amount         int64
	Currency       string
}

// checkoutPath returns the address of a purchase until it is paid.
func checkoutPath(bookingID string) string { return "/checkout/" + url.PathEscape(bookingID) }

// purchase returns the purchase that a page is about. If the purchase continues on
// another page, or nobody is signed in, it redirects the reader and returns nil.
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

// toSignIn sends the reader to the sign-in page, which continues to next.
func toSignIn(v *page.Visit, next string) error {
	return v.Go("/sign-in?next=" + url.QueryEscape(next))
}

// elsewhere returns where a purchase continues once its checkout is over; "" while
// it is not.
func (p *Purchase) elsewhere() string {
	switch {
	case p.underWay():
		return checkoutPath(p.ID) + "/wait"
	case p.Status == bookingapi.Booked, p.Status == bookingapi.Cancelled && p.PaymentID != "":
		return "/orders/" + p.ID
	}
	return ""
}

// cameTooLate reports whether the last payment was refused because the hold had
// expired.
func (p *Purchase) cameTooLate() bool {
	return p.Payment != nil && p.Payment.Status == paymentapi.Voided && (p.Payment.Reason == "seats-gone" || p.Payment.Reason == "paid-too-late")
}

// underWay reports whether a payment is not final yet.
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

// showCheckout shows a purchase; f is a form that was sent with faults.
func (s *Shop) showCheckout(v *page.Visit, p *Purchase, as string, f entryForm) error {
	e, err := s.Events.Event(v.Context(), v.Caller, p.EventID)
	if err != nil {
		return err
	}
	c := checkoutPage{Purchase: p, Event: e, EventPath: eventPath(&e), State: stateHeld, As: as, Form: f, Now: v.Now(), Pay: payPath + p.ID, Texts: s.Texts, FreeOnly: v.FreeOnly(), Again: again(p)}
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
	if c.Who == whoKnown && !c.Form.Faults.Any() {
		c.Form.Phone = phone.Shown(c.Person.Phone)
	}
	if c.Who == whoKnown && c.State == stateHeld {
		c.BillTo = s.billTo(v, &p.Booking)
	}
	if c.Who == whoCode {
		if c.Other = as == "guest" || as == "sign-in"; !c.Form.Faults.Any() {
			c.Form.Name, c.Form.Email = c.Person.Name, c.Person.Email
		}
	}
	if c.As != "sign-in" && c.As != "sign-up" {
		c.As = "guest"
	}
	v.W.Header().Set("Cache-Control", "no-store") // so that the back button shows the current state
	return v.Show(s.set, "checkout", page.Meta{Title: v.T("checkout.title"), Description: v.T("checkout.description")}, c)
}

// lines adds up a purchase's seats by price.
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

// again requests the same seats once more, or, in general admission, the same number
// of places in the same section.
func again(p *Purchase) (w bookingapi.Selection) {
	for _, one := range p.Places {
		if one.Unnumbered {
			return bookingapi.Selection{Quantity: len(p.Places), Section: one.SectionID}
		}
		w.Seats = append(w.Seats, one.Label)
	}
	return w
}

// release cancels held seats: one, or all.
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
		return v.Go(here) // released before, by a double click
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
