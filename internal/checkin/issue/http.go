package issue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
	"boxoffice/internal/ticket"
)

type reissueIn struct {
	ID    string `path:"id" maxLength:"64" doc:"Id of a booked booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	Body  struct {
		Seats  []string `json:"seats,omitempty" minItems:"1" maxItems:"100" nullable:"false" doc:"Labels of the seats whose tickets are replaced. Default, if it is left out: all." example:"[\"101-A-12\"]"`
		Reason string   `json:"reason,omitempty" maxLength:"300" doc:"Why. The event's organizer and admins must give one." example:"The printed tickets were lost."`
	}
}

type issueBody struct {
	Seat  string `json:"seat" doc:"Label of the seat." example:"101-A-12"`
	Issue uint16 `json:"issue" doc:"Issue of the seat's current ticket: 0 at first, one more each time it is replaced." example:"1"`
}

type reissueOut struct {
	Body struct {
		Items []issueBody `json:"items" doc:"The seats of the booking."`
	}
}

type bindIn struct {
	ID    string `path:"id" maxLength:"64" doc:"Id of a booked booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	Body  struct {
		PublicKey string   `json:"public_key" maxLength:"64" doc:"Ed25519 public key of the phone: 32 bytes, in base64url." example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
		Seats     []string `json:"seats,omitempty" minItems:"1" maxItems:"100" nullable:"false" doc:"Labels of the seats whose tickets are bound. Default, if it is left out: all." example:"[\"101-A-12\"]"`
		Move      bool     `json:"move,omitempty" doc:"Whether tickets are taken away from other phones." example:"false"`
		Seen      *int64   `json:"seen,omitempty" minimum:"0" doc:"rev of the tickets as they were read. If they have changed since, nothing is bound (409 tickets-changed), so that a request that comes late does not undo a later one." example:"0"`
	}
}

type boundBody struct {
	Seat    string `json:"seat" doc:"Label of the seat." example:"101-A-12"`
	Issue   uint16 `json:"issue" doc:"Issue of the seat's ticket." example:"1"`
	BoundTo string `json:"bound_to" doc:"The phone's public key." example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	Part    string `json:"part" doc:"What the phone makes the codes of the ticket from, with its private key. It is no code by itself."`
}

type bindOut struct {
	Body struct {
		Items []boundBody       `json:"items" doc:"The tickets of the booking that are bound to the phone."`
		Rev   int64             `json:"rev" doc:"Grows with each ticket of the booking that is replaced or bound." example:"7"`
		Time  ticket.SignedTime `json:"time" doc:"The server's time, signed for the phone. Read it again with GET /bookings/{id}/tickets?public_key=…"`
	}
}

func (s *Issues) registerBind(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "bind-tickets", Method: http.MethodPost, Path: "/bookings/{id}/tickets/bind", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK, Summary: "Bind the tickets of a booking to a phone",
		Description: "For events whose codes rotate. From then on only the phone with the private key can make codes of these tickets; the codes before are void at once, printed ones too. Tickets that are bound to the key already stay as they are, so the request can be sent again. " +
			"For the booking's owner, or with its signed link. POST /bookings/{id}/tickets/reissue ends the binding.",
		Errors: []int{401, 404, 409, 422}, Metadata: route.Meta(route.Optional),
	}, func(ctx context.Context, in *bindIn) (*bindOut, error) {
		c := caller.From(ctx)
		if !c.SignedIn() && in.Token == "" {
			return nil, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
		}
		key, err := base64.RawURLEncoding.DecodeString(in.Body.PublicKey)
		if err != nil {
			key = nil // Bind says so, once it knows who asks
		}
		r := checkinapi.BindRequest{BookingID: in.ID, Key: key, Seats: in.Body.Seats, Move: in.Body.Move}
		if in.Body.Seen != nil {
			r.Seen = cmp.Or(*in.Body.Seen, errs.NotYet)
		}
		o, issues, err := s.Bind(ctx, c, in.Token, r)
		if err != nil {
			return nil, err
		}
		return s.bound(&o, issues, ticket.PhoneKey(key))
	})
}

// bound says which tickets of an order are a phone's.
func (s *Issues) bound(o *bookingapi.Order, issues map[int32]checkinapi.Issue, phone ticket.PhoneKey) (*bindOut, error) {
	out, name := &bindOut{}, base64.RawURLEncoding.EncodeToString(phone[:])
	for i := range o.Places {
		p := &o.Places[i]
		issue := issues[p.Seat]
		out.Body.Rev = max(out.Body.Rev, issue.Rev)
		if !bytes.Equal(issue.BoundKey, phone[:]) {
			continue
		}
		part, err := s.cfg.Signer.Part(ticket.Ticket{BookingID: o.ID, Seat: p.Seat, PlanVersion: o.PlanVersion, Issue: issue.Number}, phone)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, boundBody{p.Label, issue.Number, name, part})
	}
	out.Body.Time = s.cfg.Signer.Time(name, s.cfg.Now())
	return out, nil
}

// Register adds the operations that replace and bind tickets to the API.
func (s *Issues) Register(api huma.API) {
	s.registerBind(api)
	huma.Register(api, huma.Operation{
		OperationID: "reissue-tickets", Method: http.MethodPost, Path: "/bookings/{id}/tickets/reissue", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Replace the tickets of a booking", Description: "Makes new codes for the tickets of a booking. The codes before are void at once, printed ones too: the door refuses them, and devices without a network refuse them after their next synchronization. " +
			"For the booking's owner, with its signed link, and for the event's organizer, who does not get the new codes. Read them with GET /bookings/{id}/tickets.",
		Errors: []int{400, 401, 404, 409, 422}, Metadata: route.Meta(route.Optional),
	}, func(ctx context.Context, in *reissueIn) (*reissueOut, error) {
		o, issues, err := s.Reissue(ctx, caller.From(ctx), in.Token, checkinapi.ReissueRequest{BookingID: in.ID, Seats: in.Body.Seats, Reason: in.Body.Reason})
		if err != nil {
			return nil, err
		}
		out := &reissueOut{}
		for i := range o.Places {
			out.Body.Items = append(out.Body.Items, issueBody{o.Places[i].Label, issues[o.Places[i].Seat].Number})
		}
		return out, nil
	})
}
