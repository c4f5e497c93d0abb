package booking

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
)

// bookingBody is a booking as clients see it.
type bookingBody struct {
	ID          string            `json:"id"`
	Reference   string            `json:"reference" doc:"Short reference of the booking for people to quote." example:"7K2M-Q9XD"`
	UserID      string            `json:"user_id"`
	EventID     string            `json:"event_id"`
	SeatNumber  string            `json:"seat_number" doc:"Label of the first seat." example:"101-A-12"`
	Seats       []seatBody        `json:"seats"`
	BookingTime time.Time         `json:"booking_time" doc:"When the seats were first held (RFC 3339, UTC)."`
	Status      bookingapi.Status `json:"status" enum:"pending,booked,cancelled,expired"`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty" doc:"When the hold ends or ended (RFC 3339, UTC). Only for pending and expired bookings."`
	Amount      int64             `json:"amount" doc:"All-in price of all seats, in minor units of the currency."`
	Currency    string            `json:"currency" doc:"ISO 4217 code." example:"EUR"`
	Fees        int64             `json:"fees" doc:"Part of the amount that is fees and tax, in minor units."`
	Kind        string            `json:"kind" enum:"sale,block,complimentary" doc:"sale: held for or sold to a buyer. block: blocked by the organizer. complimentary: given to a guest free of charge." example:"sale"`
	Late        bookingapi.Late   `json:"late,omitempty" enum:"same-seats,other-seats" doc:"Of a booking that was paid after its hold had ended. same-seats: they were still free. other-seats: they were not, and the best free seats of the same tiers were booked, as the payment had allowed. Absent: it was paid in time." example:"other-seats"`
	HeldSeats   []string          `json:"held_seats,omitempty" doc:"With other-seats: labels of the seats that had been held." example:"[\"101-A-12\"]"`
	PaymentID   string            `json:"payment_id,omitempty" doc:"Id of the payment that paid for the booking."`
	Refundable  *time.Time        `json:"refundable_until,omitempty" doc:"Until when the owner can cancel (RFC 3339, UTC). Only while booked. Absent: no end is set."`
	Refunds     []refundBody      `json:"refunds,omitempty" doc:"What the owner gets back if they cancel all seats, by when they do, beginning with now. Only while booked."`
	PaidLeft    *int64            `json:"paid_left,omitempty" doc:"What was paid and has not been given back, in minor units of the currency. Only for the event's organizer."`
	Link        string            `json:"link,omitempty" doc:"Signed path. Anybody who has it can read this booking, and see its tickets on the page /orders/{id}, without signing in. It is only shown to the owner (for complimentary seats without an account, to the organizer), and not in lists."`
	Seq         int64             `json:"seq" doc:"Version of the event's ledger at the booking's last change. Pass it as after when you read seats, so that the answer includes this change."`
}

// refundBody is what goes back for all seats of a booking until a time.
type refundBody struct {
	Until  *time.Time `json:"until,omitempty" doc:"Until when this goes back (RFC 3339, UTC). Absent: for good."`
	Amount int64      `json:"amount" doc:"Refund, in minor units of the currency."`
}

// seatBody is one seat of a booking.
type seatBody struct {
	Label   string `json:"label" example:"101-A-12"`
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	Number  string `json:"number"`
	Tier    string `json:"tier"`
	Price   int64  `json:"price" doc:"All-in price of the seat, in minor units of the currency."`
}

// body returns a booking as clients see it, with its plan and prices.
func (s *Service) body(ctx context.Context, b *bookingapi.Booking) (*bookingBody, error) {
	p, err := s.catalog.load(ctx, bookingKey(b))
	if err != nil {
		return nil, err
	}
	out := &bookingBody{
		ID: b.ID, Reference: id.Reference(b.ID), UserID: b.UserID, EventID: b.EventID,
		Seats: make([]seatBody, 0, len(b.Seats)), BookingTime: time.UnixMicro(b.CreatedAt).UTC(), Status: b.Status,
		Amount: b.Amount, Currency: b.Currency, Fees: b.Fees, Kind: "sale", PaymentID: b.PaymentID, Late: b.Late, Seq: b.Seq,
	}
	if b.PriceVersion == bookingapi.FreeOfCharge {
		out.Kind, out.PaymentID = b.PaymentID, ""
	}
	if b.ExpiresAt != 0 {
		t := time.UnixMicro(b.ExpiresAt).UTC()
		out.ExpiresAt = &t
	}
	if err := p.fits(b); err != nil { // one bad row must not hide the rest of a list
		s.log.Error("a booking cannot be shown completely", "error", err)
		return out, nil
	}
	for _, n := range b.Seats {
		sec := &p.plan.Sections[p.plan.SectionOf(n)]
		seat, tier := &p.plan.Seats[n], p.of(n)
		shown := seatBody{Label: seat.Label, Section: sec.ID, Number: seat.Number, Tier: tier.Name, Price: tier.Price}
		if row := sec.RowOf(n); row != nil {
			shown.Row = row.Label
		}
		out.Seats = append(out.Seats, shown)
	}
	for _, n := range b.Held {
		out.HeldSeats = append(out.HeldSeats, p.plan.Seats[n].Label)
	}
	if len(out.Seats) > 0 {
		out.SeatNumber = out.Seats[0].Label
	}
	return out, nil
}

type bookingOut struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`

	CacheControl string `header:"Cache-Control"`

	Body quick.Encoded[bookingBody]
}

func (s *Service) answer(ctx context.Context, b bookingapi.Booking, err error) (*bookingOut, error) {
	out, err := s.shown(ctx, b, err)
	if err == nil {
		err = out.tag()
	}
	return out, err
}

// tag sets the ETag of a complete answer. It depends on the whole answer, since the
// owner, the link and the refund terms change without a ledger entry.
func (out *bookingOut) tag() error {
	raw, err := out.Body.Encode()
	if err == nil {
		out.ETag = errs.ETag(out.Body.Value.Seq, raw)
	}
	return err
}

// shown returns the answer about a booking, still without its tag.
func (s *Service) shown(ctx context.Context, b bookingapi.Booking, err error) (*bookingOut, error) {
	if err != nil {
		return nil, err
	}
	body, err := s.body(ctx, &b)
	if err != nil {
		return nil, err
	}
	if b.Status == bookingapi.Booked {
		v, err := s.views.get(ctx, b.EventID)
		if err != nil {
			return nil, err
		}
		v.mu.RLock()
		body.refundable(&b, &v.sale, s.now().UnixMicro())
		v.mu.RUnlock()
	}
	return &bookingOut{Location: "/bookings/" + b.ID, Body: quick.Encoded[bookingBody]{Value: body}}, nil
}

// detailed is like answer, with the fields that only a read of one booking has. It
// must not be cached, since a new link makes it outdated.
func (s *Service) detailed(ctx context.Context, b bookingapi.Booking, err error) (*bookingOut, error) {
	out, err := s.shown(ctx, b, err)
	if err != nil {
		return nil, err
	}
	out.CacheControl = "private, no-store"
	out.Body.Value.PaidLeft = leftOf(caller.From(ctx), &b)
	if out.Body.Value.Link, err = s.linkOf(ctx, caller.From(ctx), &b); err != nil {
		return nil, err
	}
	return out, out.tag()
}

// refundable sets until when the booking can be given back, and what its owner gets then.
func (out *bookingBody) refundable(b *bookingapi.Booking, sale *bookingapi.Sale, now int64) {
	if b.Status != bookingapi.Booked {
		return
	}
	terms := sale.CancellingOf(b.CreatedAt)
	out.Refundable = timeOrNil(terms.End())
	if b.Left == 0 {
		return
	}
	prices := make([]int64, len(out.Seats))
	for i := range out.Seats {
		prices[i] = out.Seats[i].Price
	}
	for _, back := range terms.Back(prices, now) {
		out.Refunds = append(out.Refunds, refundBody{timeOrNil(back.Until), min(back.Amount, b.Left)})
	}
}

// timeOrNil is a time in µs since 1970; nil for 0.
func timeOrNil(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	t := time.UnixMicro(at).UTC()
	return &t
}

type holdIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"A value of your choice that makes it safe to repeat the request: the same key gives the same booking."`
	Body bookingapi.HoldRequest
}

// signedIn returns the caller, who must have an account.
func signedIn(ctx context.Context) (caller.Caller, error) {
	c := caller.From(ctx)
	if !c.SignedIn() {
		return c, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	return c, nil
}

func (s *Service) hold(ctx context.Context, in *holdIn) (*bookingOut, error) {
	caller, err := signedIn(ctx)
	if err != nil {
		return nil, err
	}
	if !id.Valid(in.Body.EventID) {
		return nil, errs.Bad("event_id", "not-an-id", "is not the id of an event")
	}
	b, err := s.Hold(ctx, caller, in.Key, in.Body)
	return s.answer(ctx, b, err)
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	tags := []string{"Bookings"}
	quick.Register(api, huma.Operation{
		OperationID: "hold-seats", Method: http.MethodPost, Path: "/bookings", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Hold seats", Description: "Holds seats for a few minutes, until they are paid for or released, or the hold expires. Either all seats of a request are held, or none.",
		Metadata: route.Meta(route.Holds), Errors: []int{400, 401, 404, 409, 413, 422, 429, 503},
	}, s.hold)

	type getIn struct {
		ID    string `path:"id" maxLength:"64"`
		Token string `query:"token" maxLength:"64" doc:"The token of the booking's signed link, instead of a session."`
	}
	get := func(ctx context.Context, in *getIn) (*bookingOut, error) {
		b, err := s.Readable(ctx, caller.From(ctx), in.ID, in.Token)
		return s.detailed(ctx, b, err)
	}
	huma.Register(api, huma.Operation{
		OperationID: "get-booking", Method: http.MethodGet, Path: "/bookings/{id}", Tags: tags,
		Summary: "Read a booking", Description: "For its owner, the event's organizer and admins, or with its signed link.", Metadata: route.Meta(route.Optional), Errors: []int{401, 404},
	}, get)
	s.registerGrants(api)

	type renewIn struct {
		ID      string `path:"id" maxLength:"64" doc:"Id of the booking."`
		IfMatch string `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
	}
	huma.Register(api, huma.Operation{
		OperationID: "renew-booking-link", Method: http.MethodPost, Path: "/bookings/{id}/link", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Create a new link", Description: "Replaces the booking's signed link. Earlier links stop working. The answer has the new link.",
		Errors: []int{401, 403, 404, 412, 503},
	}, func(ctx context.Context, in *renewIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		if version != 0 { // a new link does not change the booking
			if b, err := s.mine(ctx, caller, in.ID); err != nil {
				return nil, err
			} else if err := seen(&b, version); err != nil {
				return nil, err
			}
		}
		b, err := s.RenewLink(ctx, caller, in.ID, "")
		return s.detailed(ctx, b, err)
	})

	s.registerChanges(api)
	s.registerOrganizing(api)
	s.registerLists(api)
	s.registerSeats(api)
	s.registerCheckpoint(api)
	s.registerLedger(api)
}

// expected returns the version that a booking must have, by the If-Match of a change.
func (s *Service) expected(ctx context.Context, ifMatch, bookingID string) (int64, error) {
	return errs.Expected(ifMatch, "booking", func() (int64, error) {
		b, err := s.Booking(ctx, bookingID)
		return b.Seq, err
	})
}

// changing returns who asks for a change of a booking, and the version that it must have.
func (s *Service) changing(ctx context.Context, ifMatch, bookingID string) (caller.Caller, int64, error) {
	who, err := signedIn(ctx)
	if err != nil {
		return who, 0, err
	}
	version, err := s.expected(ctx, ifMatch, bookingID)
	return who, version, err
}

// registerChanges adds the operations that swap seats and cancel bookings.
func (s *Service) registerChanges(api huma.API) {
	type swapIn struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
		Body    bookingapi.Selection
	}
	huma.Register(api, huma.Operation{
		OperationID: "swap-seats", Method: http.MethodPut, Path: "/bookings/{id}", Tags: []string{"Bookings"},
		Summary: "Swap the seats of a hold", Description: "Exchanges the seats of a pending booking for others: either all of them, or none. The end of the hold does not change.",
		Errors: []int{400, 401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *swapIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.Swap(ctx, caller, in.ID, version, in.Body)
		return s.answer(ctx, b, err)
	})

	type cancelIn struct {
		ID      string   `path:"id" maxLength:"64"`
		IfMatch string   `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
		Seats   []string `query:"seats" maxItems:"100" doc:"Labels of the seats to release or cancel. Default: all."`
		Refund  string   `query:"refund" maxLength:"20" doc:"The refund that you expect, in minor units of the currency, as in refunds of the booking. If another amount would go back, the answer is 409 and nothing is cancelled. Default: any amount."`
	}
	quick.Register(api, huma.Operation{
		OperationID: "cancel-booking", Method: http.MethodDelete, Path: "/bookings/{id}", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Release or cancel seats", Description: "Releases a hold, or cancels paid seats and refunds them, as far as the terms of the event allow (see refunds of the booking). An expired hold can only be released as a whole; a payment in progress can then no longer book it. The answer is the booking after the change.",
		Errors: []int{401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *cancelIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		refund, err := expectedRefund(in.Refund)
		if err != nil {
			return nil, err
		}
		b, err := s.Cancel(ctx, caller, bookingapi.Cancellation{BookingID: in.ID, Version: version, Seats: in.Seats, Refund: refund})
		return s.detailed(ctx, b, err)
	})
}

// expectedRefund parses the refund that a client expects; nil: any.
func expectedRefund(text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return nil, errs.Bad("refund", "not-a-number", "must be an amount in minor units")
	}
	return &n, nil
}
