package booking

import (
	"context"
	"net/http"
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
	Reference   string            `json:"reference" doc:"Short name of the booking, for people." example:"7K2M-Q9XD"`
	UserID      string            `json:"user_id"`
	EventID     string            `json:"event_id"`
	SeatNumber  string            `json:"seat_number" doc:"Label of the first seat." example:"101-A-12"`
	Seats       []seatBody        `json:"seats"`
	BookingTime time.Time         `json:"booking_time" doc:"When the seats were first held, UTC."`
	Status      bookingapi.Status `json:"status" enum:"pending,booked,cancelled,expired"`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty" doc:"End of the hold, UTC; only while pending, and after it has expired."`
	Amount      int64             `json:"amount" doc:"All-in price of the seats, in minor units of the currency."`
	Currency    string            `json:"currency" doc:"ISO 4217 code." example:"EUR"`
	Fees        int64             `json:"fees" doc:"Fees and tax within amount, in minor units."`
	Kind        string            `json:"kind" enum:"sale,block,complimentary" doc:"What the seats were taken for: sold, kept back by the organizer, or given away." example:"sale"`
	PaymentID   string            `json:"payment_id,omitempty" doc:"The payment that booked it."`
	Refundable  *time.Time        `json:"refundable_until,omitempty" doc:"Until when its owner may cancel for the money back, UTC; only while booked, absent when there is no end."`
	Link        string            `json:"link,omitempty" doc:"Signed path with which anybody may read this booking, and see its tickets on the page /orders/{id}, without signing in. Only for its owner, or, of complimentary seats without an account, for the organizer who passes it on; and only when one booking is read."`
	Seq         int64             `json:"seq" doc:"Version of the event's ledger at the booking's last change; pass it as after= to seat reads to see it."`
}

// seatBody is one seat of a booking.
type seatBody struct {
	Label   string `json:"label" example:"101-A-12"`
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	Number  string `json:"number"`
	Tier    string `json:"tier"`
	Price   int64  `json:"price" doc:"All-in, in minor units."`
}

// body joins a booking with its plan and prices.
func (s *Service) body(ctx context.Context, b *bookingapi.Booking) (*bookingBody, error) {
	p, err := s.catalog.load(ctx, bookingKey(b))
	if err != nil {
		return nil, err
	}
	out := &bookingBody{
		ID: b.ID, Reference: id.Reference(b.ID), UserID: b.UserID, EventID: b.EventID,
		Seats: make([]seatBody, 0, len(b.Seats)), BookingTime: time.UnixMicro(b.CreatedAt).UTC(), Status: b.Status,
		Amount: b.Amount, Currency: b.Currency, Fees: b.Fees, Kind: "sale", PaymentID: b.PaymentID, Seq: b.Seq,
	}
	if b.PriceVersion == bookingapi.FreeOfCharge {
		out.Kind, out.PaymentID = b.PaymentID, ""
	}
	if b.ExpiresAt != 0 {
		t := time.UnixMicro(b.ExpiresAt).UTC()
		out.ExpiresAt = &t
	}
	if err := p.fits(b); err != nil { // one row that is wrong does not hide the others of a list
		s.log.Error("a booking cannot be shown whole", "error", err)
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

// tag names the answer once it is complete. What it says of the refund and of the
// link, and whose it is, changes without an entry in the ledger.
func (out *bookingOut) tag() error {
	raw, err := out.Body.Encode()
	if err == nil {
		out.ETag = errs.ETag(out.Body.Value.Seq, raw)
	}
	return err
}

// shown is the answer about a booking, but for its tag.
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
		body.refundable(&b, &v.sale)
		v.mu.RUnlock()
	}
	return &bookingOut{Location: "/bookings/" + b.ID, Body: quick.Encoded[bookingBody]{Value: body}}, nil
}

// detailed is answer with what only the reader of one booking needs. Nobody may
// keep it: what it says ends with a new link.
func (s *Service) detailed(ctx context.Context, b bookingapi.Booking, err error) (*bookingOut, error) {
	out, err := s.shown(ctx, b, err)
	if err != nil {
		return nil, err
	}
	out.CacheControl = "private, no-store"
	if out.Body.Value.Link, err = s.linkOf(ctx, caller.From(ctx), &b); err != nil {
		return nil, err
	}
	return out, out.tag()
}

// refundable notes in an answer until when the booking can be given back.
func (out *bookingBody) refundable(b *bookingapi.Booking, sale *bookingapi.Sale) {
	if end := refundableUntil(b, sale); b.Status == bookingapi.Booked && end != 0 {
		t := time.UnixMicro(end).UTC()
		out.Refundable = &t
	}
}

type holdIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a repeated request come to the same booking."`
	Body bookingapi.HoldRequest
}

// signedIn is the caller, who must have an account.
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
		Summary: "Hold seats", Description: "Holds seats for a few minutes, until they are paid or released or the hold expires. Either all seats of a request are held, or none.",
		Metadata: route.Meta(route.Holds), Errors: []int{400, 401, 404, 409, 413, 422, 429, 503},
	}, s.hold)

	type getIn struct {
		ID    string `path:"id" maxLength:"64"`
		Token string `query:"token" maxLength:"64" doc:"Of the booking's signed link; instead of signing in."`
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
		ID      string `path:"id" maxLength:"64" doc:"The booking."`
		IfMatch string `header:"If-Match" doc:"ETag of the booking that you have seen."`
	}
	huma.Register(api, huma.Operation{
		OperationID: "renew-booking-link", Method: http.MethodPost, Path: "/bookings/{id}/link", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Create a new link", Description: "Replaces the booking's signed link: earlier links stop working. The answer has the new link.",
		Errors: []int{401, 403, 404, 412, 503},
	}, func(ctx context.Context, in *renewIn) (*bookingOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		if version != 0 { // a new link leaves the booking as it is
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
	s.registerLists(api)
	s.registerSeats(api)
	s.registerCheckpoint(api)
	s.registerLedger(api)
}

// expected is the version that a change of a booking must find, by its If-Match.
func (s *Service) expected(ctx context.Context, ifMatch, bookingID string) (int64, error) {
	return errs.Expected(ifMatch, "booking", func() (int64, error) {
		b, err := s.Booking(ctx, bookingID)
		return b.Seq, err
	})
}

// registerChanges adds the operations by which a booking gets other seats, or is
// given up.
func (s *Service) registerChanges(api huma.API) {
	type swapIn struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match" doc:"ETag of the booking that you have seen."`
		Body    bookingapi.Selection
	}
	huma.Register(api, huma.Operation{
		OperationID: "swap-seats", Method: http.MethodPut, Path: "/bookings/{id}", Tags: []string{"Bookings"},
		Summary: "Swap the seats of a hold", Description: "Exchanges the seats of a pending booking for others, all or none. The end of the hold does not change.",
		Errors: []int{400, 401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *swapIn) (*bookingOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.Swap(ctx, caller, in.ID, version, in.Body)
		return s.answer(ctx, b, err)
	})

	type cancelIn struct {
		ID      string   `path:"id" maxLength:"64"`
		IfMatch string   `header:"If-Match" doc:"ETag of the booking that you have seen."`
		Seats   []string `query:"seats" maxItems:"100" doc:"Labels of the seats to give back; all when it is left out."`
	}
	quick.Register(api, huma.Operation{
		OperationID: "cancel-booking", Method: http.MethodDelete, Path: "/bookings/{id}", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Release or cancel seats", Description: "Releases a hold, or cancels paid seats and refunds them. An expired hold is released as a whole: a payment in progress can no longer book it. The answer is the booking afterwards.",
		Errors: []int{401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *cancelIn) (*bookingOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.Cancel(ctx, caller, bookingapi.Cancellation{BookingID: in.ID, Version: version, Seats: in.Seats})
		return s.detailed(ctx, b, err)
	})
}
