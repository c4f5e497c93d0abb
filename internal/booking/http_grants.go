package booking

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/route"
)

// SeatsBody says which seats an organizer takes out of the sale.
type SeatsBody struct {
	Seats    []string `json:"seats,omitempty" maxItems:"1000" doc:"Labels of the seats. Either all of them are taken, or none." example:"[\"101-A-12\"]"`
	Quantity int      `json:"quantity,omitempty" minimum:"0" maximum:"1000" doc:"Instead of seats: the number of seats. The best free ones are chosen." example:"4"`
	Section  string   `json:"section,omitempty" maxLength:"100" doc:"Only with quantity: the id of the section to choose from." example:"101"`
}

func (b SeatsBody) selection() bookingapi.Selection {
	return bookingapi.Selection{Seats: b.Seats, Quantity: b.Quantity, Section: b.Section}
}

type blockIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event."`
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"A value of your choice that makes it safe to repeat the request: the same key gives the same booking."`
	Body SeatsBody
}

type complimentaryBody struct {
	SeatsBody
	UserID string `json:"user_id,omitempty" maxLength:"64" doc:"Id of the account that gets the seats. Without it, anybody who has the booking's link can use the tickets."`
	Name   string `json:"name,omitempty" maxLength:"100" doc:"Only without user_id: the guest's name, which is printed on the tickets." example:"Ada Byron"`
	Email  string `json:"email,omitempty" maxLength:"254" doc:"Only without user_id: the email address that the booking's link is sent to. Without an address, the organizer passes the link on." example:"ada@example.org"`
}

type complimentaryIn struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the event."`
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"A value of your choice that makes it safe to repeat the request: the same key gives the same booking."`
	Body complimentaryBody
}

// registerGrants adds the operations by which organizers take seats out of the sale.
// They make bookings, which DELETE /bookings/{id} releases.
func (s *Service) registerGrants(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "block-seats", Method: http.MethodPost, Path: "/events/{id}/blocks", Tags: []string{"Events"}, DefaultStatus: http.StatusCreated,
		Summary: "Block seats", Description: "Takes seats off sale. The answer is a booking; DELETE /bookings/{id} releases all or some of its seats.",
		Errors: []int{400, 401, 404, 409, 413, 422, 503}, Metadata: route.Meta(route.Organizers, route.LongNumbers),
	}, func(ctx context.Context, in *blockIn) (*bookingOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		b, err := s.Grant(ctx, caller, in.Key, bookingapi.Grant{EventID: in.ID, Kind: bookingapi.Block, Selection: in.Body.selection()})
		return s.detailed(ctx, b, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "give-seats", Method: http.MethodPost, Path: "/events/{id}/complimentary", Tags: []string{"Events"}, DefaultStatus: http.StatusCreated,
		Summary: "Book complimentary seats", Description: "Books seats free of charge for a guest of the organizer: for an account, or for somebody who gets the signed link by email or from the organizer.",
		Errors: []int{400, 401, 404, 409, 413, 422, 503}, Metadata: route.Meta(route.Organizers, route.LongNumbers),
	}, func(ctx context.Context, in *complimentaryIn) (*bookingOut, error) {
		if in.Body.UserID != "" && !id.Valid(in.Body.UserID) {
			return nil, errs.Bad("user_id", "not-an-id", "is not the id of an account")
		}
		who, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		b, err := s.Grant(ctx, who, in.Key, bookingapi.Grant{EventID: in.ID, Kind: bookingapi.Complimentary, UserID: in.Body.UserID,
			To: caller.Person{Name: in.Body.Name, Email: in.Body.Email}, Selection: in.Body.selection()})
		return s.detailed(ctx, b, err)
	})
}
