package booking

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/route"
)

type organizerCancelIn struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the booking."`
	IfMatch string `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
	Body    struct {
		Seats  []string `json:"seats,omitempty" minItems:"1" maxItems:"100" nullable:"false" doc:"Labels of the seats to cancel. Default, if it is left out: all." example:"[\"101-A-12\"]"`
		Refund string   `json:"refund,omitempty" enum:"full,terms" doc:"full: what the seats cost goes back. terms: what the buyer would get back now by the event's cancellation terms. Default: full." example:"full"`
		Reason string   `json:"reason" maxLength:"300" doc:"Why, for the buyer. The email about the refund says it." example:"The stalls are closed."`
	}
}

type goodwillIn struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the booking."`
	IfMatch string `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
	Body    struct {
		Amount   int64  `json:"amount" minimum:"1" doc:"What goes back, in minor units of the currency." example:"1500"`
		PaidLeft int64  `json:"paid_left" minimum:"0" doc:"paid_left of the booking as you last read it. If it is another amount by now, for example because this request is sent again, the answer is 409 and nothing goes back." example:"10000"`
		Reason   string `json:"reason" maxLength:"300" doc:"Why, for the buyer. The email about the refund says it." example:"The view was restricted."`
	}
}

type reseatIn struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the booking."`
	IfMatch string `header:"If-Match" doc:"ETag of the booking as you last read it. If it has changed since, the answer is 412."`
	Body    struct {
		Seats  []string `json:"seats" minItems:"1" maxItems:"100" doc:"Labels of all seats that the booking has afterwards, as many as it has now. Each costs what one of its seats costs. Places in general admission cannot be named, except its own." example:"[\"101-A-12\"]"`
		Reason string   `json:"reason" maxLength:"300" doc:"Why, for the buyer. The email with the new tickets says it." example:"The row is closed."`
	}
}

// registerOrganizing adds the operations by which organizers give seats and money back, and
// move bookings to other seats.
func (s *Service) registerOrganizing(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "cancel-for-buyer", Method: http.MethodPost, Path: "/bookings/{id}/cancellations", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Cancel seats of a buyer", Description: "Cancels sold seats of a booking, for the event's organizer, and refunds them. Deadlines do not apply. Seats that are cancelled already are ignored. The answer is the booking after the change.",
		Metadata: route.Meta(route.Organizers), Errors: []int{400, 401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *organizerCancelIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.CancelFor(ctx, caller, bookingapi.OrganizerCancellation{
			Cancellation: bookingapi.Cancellation{BookingID: in.ID, Version: version, Seats: in.Body.Seats}, ByTerms: in.Body.Refund == "terms", Reason: in.Body.Reason,
		})
		return s.detailed(ctx, b, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "refund-booking", Method: http.MethodPost, Path: "/bookings/{id}/refunds", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Refund a part", Description: "Gives a buyer a part of the money back while the seats stay, or what was kept of cancelled ones; for the event's organizer. Never more goes back than is left of what was paid. The answer is the booking after the change.",
		Metadata: route.Meta(route.Organizers), Errors: []int{400, 401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *goodwillIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.GiveBack(ctx, caller, bookingapi.Goodwill{BookingID: in.ID, Version: version, Amount: in.Body.Amount, Left: in.Body.PaidLeft, Reason: in.Body.Reason})
		return s.detailed(ctx, b, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "reseat-booking", Method: http.MethodPut, Path: "/bookings/{id}/seats", Tags: []string{"Bookings"}, DefaultStatus: http.StatusOK,
		Summary: "Move a booking to other seats", Description: "Gives a booked booking other free seats of the event at the same prices, for the event's organizer: either all of them, or none. The money stays as it is, whether or not the event is on sale. Tickets for the old seats are no longer valid; the new ones are emailed to the buyer. A request for the seats that the booking has already changes nothing.",
		Metadata: route.Meta(route.Organizers), Errors: []int{400, 401, 404, 409, 412, 422, 503},
	}, func(ctx context.Context, in *reseatIn) (*bookingOut, error) {
		caller, version, err := s.changing(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b, err := s.Reseat(ctx, caller, bookingapi.Reseating{BookingID: in.ID, Version: version, Seats: in.Body.Seats, Reason: in.Body.Reason})
		return s.detailed(ctx, b, err)
	})
}
