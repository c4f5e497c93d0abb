package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/route"
)

// Purchase is a booking as its buyer sees it until it is paid.
type Purchase struct {
	bookingapi.Booking
	Reference string
	Places    []bookingapi.Place  // its seats
	Payment   *paymentapi.Payment // the last attempt to pay; nil: none

	RefundsEnd time.Time              // see bookingapi.Order
	Refunds    []bookingapi.BackUntil // see bookingapi.Order
}

// Seats is what the shop needs of the booking service to hold and cancel seats.
type Seats interface {
	Hold(ctx context.Context, caller caller.Caller, key string, r bookingapi.HoldRequest) (bookingapi.Booking, error)
	Cancel(ctx context.Context, caller caller.Caller, c bookingapi.Cancellation) (bookingapi.Booking, error)
	Refund(ctx context.Context, caller caller.Caller, bookingID string, labels []string) (int64, error)
	Near(ctx context.Context, eventID string, chosen, gone []string) ([]string, error)
	Named(ctx context.Context, eventID string, labels []string) ([]bookingapi.Place, error)
}

// Paying is what the shop needs of the payment service to take money.
type Paying interface {
	Pay(ctx context.Context, caller caller.Caller, key string, r paymentapi.PayRequest) (paymentapi.Payment, error)
}

func (s *Shop) buyRoutes() []page.Route {
	return []page.Route{
		page.Post("/e/{id}/hold", s.hold, route.Visitors, route.Holds),
		page.Get("/checkout/{booking}", s.checkout),
		page.Get("/checkout/{booking}/wait", s.wait),
		page.Post("/checkout/{booking}/release", s.release),
		page.Post("/checkout/{booking}/guest", s.asGuest, route.Entry),
		page.Post("/checkout/{booking}/code", s.guestCode, route.Entry),
		page.Post("/checkout/{booking}/resend", s.resendCode, route.Entry),
		page.Post("/checkout/{booking}/phone", s.phoneHere),
		page.Post("/checkout/{booking}/sign-in", s.signInHere, route.Entry),
		page.Post("/checkout/{booking}/sign-up", s.signUpHere, route.Entry),
	}
}

const (
	maxWished = 100 // seats in one request
	maxAgain  = 5   // times that the same request can be repeated for a new hold
)

// hold holds seats. A client without a session becomes a visitor first: the browser
// sends the form again with the visitor's cookie. At worst a double click creates
// two visitors, and only the one whose cookie the browser keeps holds seats.
func (s *Shop) hold(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if err != nil {
		return err
	}
	w, err := wished(v, e.ID)
	if err != nil {
		return s.notHeld(v, &e, w, err)
	}
	if !v.Caller.SignedIn() {
		if v.Request.URL.Query().Get("visit") != "" {
			return s.notHeld(v, &e, w, errs.New(errs.Conflict, "no-cookies", "Your browser blocks cookies from this site, so we cannot tell which seats are yours."))
		}
		session, err := s.Users.EnterVisitor(v.Context(), v.UserAgent())
		if err != nil {
			return err
		}
		v.Begin(session.Token, session.Ends)
		query := v.Request.URL.Query() // determines which section's list of seats is shown
		query.Set("visit", "1")
		return v.Resend("/e/" + url.PathEscape(e.ID) + "/hold?" + query.Encode())
	}
	b, err := s.holdOnce(v, w)
	if err != nil {
		return s.notHeld(v, &e, w, err)
	}
	return v.Go(checkoutPath(b.ID))
}

// wished reads a request from a form; selected seats take precedence over a
// quantity.
func wished(v *page.Visit, eventID string) (bookingapi.HoldRequest, error) {
	w := bookingapi.HoldRequest{EventID: eventID}
	if err := v.ParseForm(); err != nil {
		return w, errs.New(errs.Malformed, "bad-form", "The form did not arrive completely.")
	}
	var labels []string
	for _, label := range v.PostForm["seats"] {
		if len(labels) > maxWished {
			break // too many already
		}
		if label = strings.TrimSpace(label); label != "" && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	if len(labels) > 0 || v.PostFormValue("chosen") == "" { // the button for chosen seats chooses none by itself
		w.Selection = v.Selection(labels)
	}
	switch n := w.Count(); {
	case n < 1:
		return w, errs.New(errs.Invalid, "nothing-chosen", "Choose seats first, or say how many you want.")
	case n > maxWished:
		return w, errs.New(errs.Invalid, "too-many-wished", "You cannot buy that many seats at once.")
	}
	return w, nil
}

// holdOnce holds the requested seats. Sending the same form again leads to the same
// purchase while that is held: the request's key is derived from its content and, if
// a script has added one, the form's own key. If the earlier purchase is over, the
// seats are held anew.
func (s *Shop) holdOnce(v *page.Visit, w bookingapi.HoldRequest) (bookingapi.Booking, error) {
	nonce := v.PostFormValue("key")
	for n := range maxAgain {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q", nonce, n, []any{w.Seats, w.Quantity, w.Section, w.Tier}))
		b, err := s.Seats.Hold(v.Context(), v.Caller, "page-"+hex.EncodeToString(sum[:16]), w)
		bought := b.Status == bookingapi.Booked && nonce != "" // the same form, sent again
		if err != nil || bought || held(&b, v.Now()) {
			return b, err
		}
	}
	return bookingapi.Booking{}, errs.New(errs.TooMany, "hold-cooldown", "You have held and released these seats many times.").After(time.Minute)
}

// held reports whether a booking's seats are held at a time.
func held(b *bookingapi.Booking, now time.Time) bool {
	return b.Status == bookingapi.Pending && b.ExpiresAt > now.UnixMicro()
}

// notHeld shows the event again and says why the seats could not be held: which are
// taken, which are still free, and which are near. Readers who already hold all of
// the seats are sent to their purchase.
func (s *Shop) notHeld(v *page.Visit, e *eventapi.Event, w bookingapi.HoldRequest, err error) error {
	text, ok := v.Reason(err)
	if !ok {
		return err
	}
	if own, ok := errs.Of(err).Extra["booking_id"].(string); ok && errs.Is(err, "already-yours") {
		v.Notice("held-already")
		return v.Go(checkoutPath(own)) // the checkout goes on to the order if it is paid
	}
	if errs.Is(err, "invalid-field") {
		text = v.T("missed.odd") // a label or a name that none of our pages offers
	}
	m := &missed{Text: text, Chosen: w.Seats, Quantity: w.Quantity, Section: w.Section, Tier: w.Tier}
	if errs.Is(err, "seats-taken") || errs.Is(err, "already-yours") {
		m.Seats, _ = errs.Of(err).Extra["seats"].([]string)
		own, err := s.alreadyHeld(v, e.ID, m.Seats)
		if err != nil {
			return err
		}
		if own != "" {
			v.Notice("held-already")
			return v.Go(checkoutPath(own))
		}
		m.Chosen = slices.DeleteFunc(slices.Clone(w.Seats), func(l string) bool { return slices.Contains(m.Seats, l) })
		if m.Near, err = s.Seats.Near(v.Context(), e.ID, w.Seats, m.Seats); err != nil {
			return err
		}
		var gone string
		for words, labels := range map[*string][]string{&gone: m.Seats, &m.NearNames: m.Near, &m.RestNames: m.Chosen} {
			places, err := s.Seats.Named(v.Context(), e.ID, labels)
			if err != nil {
				return err
			}
			*words = v.Seats(places)
		}
		m.Text = v.T("missed.gone", "N", len(m.Seats), "Seats", gone)
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return s.showEvent(v, e, m)
}

// alreadyHeld returns the purchase in which a caller holds all of some seats; "" if
// there is none.
func (s *Shop) alreadyHeld(v *page.Visit, eventID string, labels []string) (string, error) {
	own, err := s.Orders.holds(v.Context(), v.Caller, eventID)
	if err != nil {
		return "", err
	}
	for i := range own {
		if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(own[i].Seats, l) }) {
			return own[i].ID, nil
		}
	}
	return "", nil
}
