package issue

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/route"
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

// Register adds the operation that replaces tickets to the API.
func (s *Issues) Register(api huma.API) {
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
