package shop

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/route"
)

// Links are what the shop needs of the booking service for the signed links of orders.
type Links interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	LinksFor(ctx context.Context, caller caller.Caller, list []bookingapi.Booking) (map[string]string, error)
	RenewLink(ctx context.Context, caller caller.Caller, bookingID, seen string) (bookingapi.Booking, error)
}

// Order is an order with its event and its latest payment.
type Order struct {
	bookingapi.Order
	Event   eventapi.Event
	Payment *paymentapi.Payment // the latest; nil: none
	Holder  string              // the owner's name; "" in lists
	Changes []eventapi.Change   // of the event after it was booked, oldest first; none in lists
}

// Off reports whether an order's event is cancelled. Its bookings are cancelled one
// by one afterwards, which readers need not know.
func (o *Order) Off() bool { return o.Event.Status == eventapi.Cancelled }

// Ticketed reports whether an order has tickets: its seats are sold and paid for, or
// complimentary.
func (o *Order) Ticketed() bool {
	return o.Status == bookingapi.Booked && !o.Off() && (o.Gift() || o.Kind == bookingapi.Sold && o.Payment != nil && o.Payment.Paid())
}

// Due returns the money that is being refunded, in minor units. What the buyer's bank has
// withdrawn because of a dispute is not.
func (o *Order) Due() int64 {
	if o.Payment == nil || o.Payment.Status != paymentapi.Captured {
		return 0
	}
	kept := o.Left
	if o.Status == bookingapi.Booked && o.Off() {
		kept = 0
	}
	return max(0, o.Payment.Amount-o.Payment.Refunded-o.Payment.Disputed-kept)
}

// goneBefore returns how much of an amount that is to go back has gone back already: the
// payment does not have it any more.
func (o *Order) goneBefore(amount int64) int64 {
	if o.Payment == nil || o.Payment.ID != o.PaymentID || o.Payment.Status != paymentapi.Captured && o.Payment.Status != paymentapi.Refunded {
		return 0
	}
	return max(0, amount-(o.Payment.Amount-o.Payment.Refunded))
}

// Tests reports whether an order was not paid with real money. Orders that cost nothing are
// of the program's mode.
func (o *Order) Tests(program bool) bool {
	if o.Payment == nil {
		return program
	}
	return o.Payment.Tests(program)
}

// Paid returns when the money was taken; zero: it was not.
func (o *Order) Paid() time.Time {
	if o.Payment != nil {
		for _, s := range o.Payment.History {
			if s.Status == paymentapi.Captured {
				return s.At
			}
		}
	}
	return time.Time{}
}

// State names the state of an order at a time: held, paying, booked, over,
// cancelled, refunded, or expired.
func (o *Order) State(now time.Time) string {
	switch {
	case (o.Status == bookingapi.Pending || o.Status == bookingapi.Expired) && o.Payment != nil && !o.Payment.Status.Final() &&
		(o.Live(now) || !o.Payment.Status.Unwinding() || o.Payment.Status == paymentapi.Returning):
		return "paying" // one that comes late may still get its seats, and one that is given up has the money still
	case o.Status == bookingapi.Pending && !o.Live(now):
		return "expired"
	case o.Status == bookingapi.Pending:
		return "held"
	case o.Status == bookingapi.Booked && o.Off():
		return string(bookingapi.Cancelled)
	case o.Status == bookingapi.Booked && o.Event.Status == eventapi.Past:
		return "over"
	case o.Status == bookingapi.Cancelled && o.Payment != nil && o.Payment.Status == paymentapi.Refunded:
		return "refunded"
	}
	return string(o.Status)
}

// Upcoming reports whether an order is live and its event still to come.
func (o *Order) Upcoming(now time.Time) bool {
	return o.Live(now) && o.Event.Status != eventapi.Past && o.Event.Status != eventapi.Cancelled
}

// Tiers returns the number and cost of an order's seats by tier.
func (o *Order) Tiers() []tierLine {
	var lines []tierLine
	for _, p := range o.Places {
		at := slices.IndexFunc(lines, func(l tierLine) bool { return l.Tier == p.Tier.Name && l.Price == p.Tier.Price })
		if at < 0 {
			at = len(lines)
			lines = append(lines, tierLine{Tier: p.Tier.Name, Price: p.Tier.Price})
		}
		lines[at].Seats++
	}
	return lines
}

type tierLine struct {
	Tier  string
	Seats int
	Price int64 // of one
}

// Sum is what all seats of a line cost.
func (l tierLine) Sum() int64 { return l.Price * int64(l.Seats) }

// Parts returns the sums of face values, fees and taxes; Known is false if the event
// does not define them.
func (o *Order) Parts() (out struct {
	Face, Fee, Tax int64
	Known          bool
}) {
	out.Known = len(o.Places) > 0
	for i := range o.Places {
		t := &o.Places[i].Tier
		out.Face, out.Fee, out.Tax = out.Face+t.Face, out.Fee+t.Fee, out.Tax+t.Tax
		out.Known = out.Known && t.Face > 0 && t.Face+t.Fee+t.Tax == t.Price
	}
	return out
}

// Local converts a time to the zone of the order's event.
func (o *Order) Local(t time.Time) time.Time { return t.In(o.zone()) }

func (o *Order) zone() *time.Location { return zoneOf(&o.Event) }

func (s *Shop) orderRoutes() []page.Route {
	return []page.Route{
		page.Get("/orders", s.orders), page.Get("/orders/{booking}", s.order),
		page.Get("/orders/{booking}/enter", s.orderCode), page.Post("/orders/{booking}/code", s.mailOrderCode, route.Entry), page.Post("/orders/{booking}/enter", s.enterByCode, route.Entry),
		page.Get("/orders/{booking}/cancel", s.cancel), page.Post("/orders/{booking}/cancel", s.cancelled),
		page.Post("/orders/{booking}/link", s.renewLink),
		page.Get("/orders/{booking}/tickets", s.tickets), page.Post("/orders/{booking}/tickets", s.replaceTickets), page.Get("/orders/{booking}/tickets/phone", s.phoneTickets), page.Post("/orders/{booking}/tickets/phone", s.phoneTickets), page.Get("/orders/{booking}/tickets.pdf", s.ticketsPDF),
		page.Get("/orders/{booking}/tickets/{seat}.pkpass", s.applePass), page.Get("/orders/{booking}/tickets/{seat}/google-wallet", s.googleWallet),
		page.Get("/orders/{booking}/calendar.ics", s.calendar),
		page.Get("/orders/{booking}/invoices", s.invoices), page.Get("/orders/{booking}/invoices/{number}.pdf", s.invoicePDF),
		page.Get("/orders/{booking}/invoice-details", s.invoiceDetails), page.Post("/orders/{booking}/invoice-details", s.invoiceDetails),
	}
}

// signedIn asks a reader to sign in.
func signedIn(v *page.Visit) error {
	if v.Caller.SignedIn() {
		return nil
	}
	return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
}

// pageNumber returns the requested page of a list, from 1.
func pageNumber(v *page.Visit) int {
	n, err := strconv.Atoi(v.FormValue("page"))
	if err != nil || n < 1 || n > 1000 {
		return 1
	}
	return n
}

// orderCard is an order in a list.
type orderCard struct {
	Order
	State    string
	Upcoming bool
	Minutes  int    // until the hold expires
	Apart    string // see Order.apart
}

// apart says what an order was paid with, if that is not what this program takes: every page
// of a program that takes no real money says so.
func (o *Order) apart(v *page.Visit) string {
	if m := o.money(); m != "" && (m == notifyapi.TestMoney) != v.Test() {
		return m
	}
	return ""
}

func (s *Shop) orders(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	number := pageNumber(v)
	list, pages, err := s.Orders.page(v.Context(), v.Caller, number)
	if err != nil {
		return err
	}
	var coming, rest []orderCard
	for i := range list {
		c := orderCard{list[i], list[i].State(v.Now()), list[i].Upcoming(v.Now()), minutesLeft(v, &list[i]), list[i].apart(v)}
		if c.Upcoming {
			coming = append(coming, c)
		} else {
			rest = append(rest, c)
		}
	}
	return v.Show(s.set, "orders", page.Meta{Title: v.T("orders.title"), NoIndex: true}, map[string]any{
		"Coming": coming, "Rest": rest, "Page": number, "Pages": pages, "Before": number - 1, "After": number + 1,
	})
}

// minutesLeft returns how long a hold still lasts, at least 1.
func minutesLeft(v *page.Visit, o *Order) int {
	left := time.UnixMicro(o.ExpiresAt).Sub(v.Now())
	return max(1, int((left+time.Minute-1)/time.Minute))
}

// orderPage is the data of an order's page and the pages below it.
type orderPage struct {
	Order
	Now     time.Time
	Token   string // of the signed link by which the reader came; "": none
	Apart   string // see Order.apart
	Own     bool   // the reader may change the order
	Mine    bool   // the reader gets the tickets: the owner, or somebody with the link
	Share   string // the signed link, for readers who may pass it on; "": not for this reader
	Fresh   bool   // it was paid a moment ago
	State   string
	Showing checkinapi.Showing // how its tickets may be shown. Once they are signed
	Rev     int64              // of the latest issue of its tickets; 0: none was replaced. Once they are signed
	Minutes int
	Changed []string          // the changes of the event in words
	BillTo  *invoiceapi.Buyer // whom the invoice will name; nil: the reader cannot say
}

// MayGiveBack reports whether seats can be cancelled for a refund now.
func (o *orderPage) MayGiveBack() bool {
	return o.Status == bookingapi.Booked && o.Kind == bookingapi.Sold && !o.Off() && (o.RefundsEnd.IsZero() || o.RefundsEnd.After(o.Now))
}

// Back returns the amount refunded, in minor units, and when the last refund was
// made.
func (o *orderPage) Back() (out struct {
	Amount int64
	At     time.Time
}) {
	if o.Payment != nil {
		out.Amount = o.Payment.Refunded
		for _, s := range o.Payment.History {
			switch s.Status {
			case paymentapi.Refunded, paymentapi.PartlyRefunded, paymentapi.RefundedElsewhere:
				out.At = o.Local(s.At)
			}
		}
	}
	return out
}

// Link returns the address of a page below the order's, with the token of the
// reader's link.
func (o *orderPage) Link(below string) string {
	path := "/orders/" + o.ID
	if below != "" {
		path += "/" + below
	}
	if o.Token != "" {
		path += "?token=" + o.Token
	}
	return path
}

// fresh is how long an order counts as new.
const fresh = 15 * time.Minute

// readOrder returns the order that a page is about, if the reader may read it.
func (s *Shop) readOrder(v *page.Visit) (*orderPage, error) {
	v.W.Header().Set("Cache-Control", "private, no-store") // also when it is refused: a link may be good later, or end
	token := v.Request.URL.Query().Get("token")
	o, err := s.Orders.readable(v.Context(), v.Caller, v.PathValue("booking"), token)
	if err != nil {
		return nil, err
	}
	p := &orderPage{Order: o, Now: v.Now(), Token: token, State: o.State(v.Now()), Minutes: minutesLeft(v, &o), Apart: o.apart(v)}
	for _, c := range o.Changes {
		p.Changed = append(p.Changed, changed(v, p.zone(), c))
	}
	p.Own = v.Caller.MayRead(o.UserID)
	p.Mine = v.Caller.SignedIn() && o.UserID == v.Caller.UserID || token != ""
	p.Fresh = p.Mine && o.Ticketed() && v.Now().Sub(o.Paid()) < fresh
	return p, nil
}

func (s *Shop) order(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	if path, err := s.linkTo(v.Context(), v.Caller, o.ID); err != nil {
		return err
	} else if path != "" {
		o.Share = v.URL(path)
		if o.Ticketed() {
			issues, err := s.Issues.Issues(v.Context(), []string{o.ID})
			if err != nil {
				return err
			}
			o.Rev = latest(issues[o.ID])
		}
	}
	o.BillTo = s.billTo(v, &o.Booking)
	return v.Show(s.set, "order", page.Meta{Title: v.T("order.title", "Reference", o.Reference), NoIndex: true}, o)
}

// linkTo returns the signed link to an order, below the public URL; "" if the caller
// must not have it.
func (s *Shop) linkTo(ctx context.Context, caller caller.Caller, bookingID string) (string, error) {
	b, err := bookingapi.One(ctx, s.Links.Bookings, "booking", bookingID)
	if err != nil {
		return "", err
	}
	links, err := s.Links.LinksFor(ctx, caller, []bookingapi.Booking{b})
	return links[bookingID], err
}

// renewLink replaces the link to an order that the page shows.
func (s *Shop) renewLink(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	id, seen := v.PathValue("booking"), ""
	if u, err := url.Parse(v.PostFormValue("link")); err == nil {
		seen = u.Query().Get("token")
	}
	if v.PostFormValue("codes") != "" { // first: if the link fails, the page offers both again
		if _, err := s.replace(v, id, ""); err != nil {
			return err
		}
	}
	if _, err := s.Links.RenewLink(v.Context(), v.Caller, id, seen); err != nil {
		return err
	}
	v.Notice("new-link")
	return v.Go("/orders/" + id + "#link")
}
