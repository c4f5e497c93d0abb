package booking

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

type listIn struct {
	Status message.BookingStatus `query:"status" enum:"pending,booked,cancelled,expired" doc:"Only bookings in this state."`
	Limit  int                   `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string                `query:"cursor" maxLength:"64" doc:"next_cursor of the page before."`
}

type bookingPage struct {
	Items      []*bookingBody `json:"items"`
	NextCursor string         `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type listOut struct{ Body bookingPage }

// page answers one page of a list.
func (s *Service) page(ctx context.Context, in *listIn, f Filter) (*listOut, error) {
	f.Status, f.After, f.Limit = in.Status, in.Cursor, in.Limit+1
	list, err := s.List(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &listOut{}
	out.Body.Items = []*bookingBody{}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.NextCursor = list[in.Limit-1].ID
	}
	for i := range list {
		b, err := s.body(ctx, &list[i])
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, b)
	}
	return out, nil
}

func (s *Service) registerLists(api huma.API) {
	tags := []string{"Bookings"}
	huma.Register(api, huma.Operation{
		OperationID: "list-bookings", Method: http.MethodGet, Path: "/bookings", Tags: tags,
		Summary: "List bookings", Description: "One's own bookings; an admin sees all.", Errors: []int{401, 422},
	}, func(ctx context.Context, in *listIn) (*listOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		f := Filter{}
		if caller.Role != message.Admin {
			f.UserID = caller.UserID
		}
		return s.page(ctx, in, f)
	})

	type byUser struct {
		UserID string `path:"user_id" maxLength:"64"`
		listIn
	}
	ofUser := func(ctx context.Context, in *byUser) (*listOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		if !caller.MayRead(in.UserID) {
			return nil, errs.Missing("user")
		}
		return s.page(ctx, &in.listIn, Filter{UserID: in.UserID})
	}
	huma.Register(api, huma.Operation{
		OperationID: "list-bookings-of-user", Method: http.MethodGet, Path: "/bookings/user/{user_id}", Tags: tags,
		Summary: "List a user's bookings", Errors: []int{401, 404, 422},
	}, ofUser)

	type byEvent struct {
		EventID string `path:"event_id" maxLength:"64"`
		listIn
	}
	huma.Register(api, huma.Operation{
		OperationID: "list-bookings-of-event", Method: http.MethodGet, Path: "/bookings/event/{event_id}", Tags: tags,
		Summary: "List an event's bookings", Description: "For its organizer and admins.", Errors: []int{401, 404, 422},
	}, func(ctx context.Context, in *byEvent) (*listOut, error) {
		if err := s.organizes(ctx, in.EventID); err != nil {
			return nil, err
		}
		return s.page(ctx, &in.listIn, Filter{EventID: in.EventID})
	})
}

// organizes refuses callers who are neither the event's organizer nor an admin.
func (s *Service) organizes(ctx context.Context, eventID string) error {
	caller, err := signedIn(ctx)
	if err != nil {
		return err
	}
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !caller.MayRead(v.sale.OrganizerID) {
		return errs.Missing("event")
	}
	return nil
}
