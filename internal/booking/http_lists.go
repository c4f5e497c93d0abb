package booking

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// BookingList is the query of every list of bookings.
type BookingList struct {
	Status bookingapi.Status `query:"status" enum:"pending,booked,cancelled,expired" doc:"Only bookings with this status."`
	Limit  int               `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor string            `query:"cursor" maxLength:"64" doc:"next_cursor of the previous page."`
}

type bookingPage struct {
	Items      []*bookingBody `json:"items"`
	NextCursor string         `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Absent on the last page."`
}

type listOut struct{ Body bookingPage }

// page answers one page of a list.
func (s *Service) page(ctx context.Context, in *BookingList, f bookingapi.Filter) (*listOut, error) {
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
	sales := map[string]*bookingapi.Sale{} // by event, each read once
	for i := range list {
		b, err := s.body(ctx, &list[i])
		if err != nil {
			return nil, err
		}
		if eventID := list[i].EventID; list[i].Status == bookingapi.Booked {
			if sales[eventID] == nil {
				sale, err := s.readSale(ctx, eventID)
				if err != nil {
					return nil, err
				}
				sales[eventID] = &sale
			}
			b.refundable(&list[i], sales[eventID], s.now().UnixMicro())
		}
		b.PaidLeft = leftOf(caller.From(ctx), &list[i])
		out.Body.Items = append(out.Body.Items, b)
	}
	return out, nil
}

// readSale reads the state of a sale from its head row: a list may contain many
// events, and filling a view for each would cost too much.
func (s *Service) readSale(ctx context.Context, eventID string) (bookingapi.Sale, error) {
	var sale bookingapi.Sale
	row := s.db.Browse().QueryRowContext(ctx, `SELECT `+saleColumns+` FROM sales WHERE event_id = $1`, eventID) // primary key
	if err := row.Scan(tables.SaleFields(&sale)...); err != nil {
		return sale, fmt.Errorf("read sale: %w", err)
	}
	return sale, nil
}

func listOperation(id, path, summary, description string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"Bookings"}, Summary: summary, Description: description, Errors: []int{401, 404, 422}}
}

func (s *Service) registerLists(api huma.API) {
	type anyIn struct {
		Event string `query:"event_id" maxLength:"64" doc:"Only bookings for the event with this id."`
		BookingList
	}
	huma.Register(api, listOperation("list-bookings", "/bookings", "List bookings", "The caller's own bookings; an admin sees all."), func(ctx context.Context, in *anyIn) (*listOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		f := bookingapi.Filter{EventID: in.Event}
		if !caller.Administers() {
			f.UserID = caller.UserID
		}
		return s.page(ctx, &in.BookingList, f)
	})
	s.registerListsOfUser(api)
	s.registerListsOfEvent(api)
}

func (s *Service) registerListsOfUser(api huma.API) {
	ofUser := func(ctx context.Context, userID string, in *BookingList) (*listOut, error) {
		caller, err := signedIn(ctx)
		if err != nil {
			return nil, err
		}
		if !caller.MayRead(userID) {
			return nil, errs.Missing("user")
		}
		return s.page(ctx, in, bookingapi.Filter{UserID: userID})
	}
	type byUser struct {
		UserID string `path:"user_id" maxLength:"64"`
		BookingList
	}
	huma.Register(api, listOperation("list-bookings-of-user", "/bookings/user/{user_id}", "List a user's bookings", "For the user and admins."), func(ctx context.Context, in *byUser) (*listOut, error) {
		return ofUser(ctx, in.UserID, &in.BookingList)
	})
	type byID struct {
		ID string `path:"id" maxLength:"64"`
		BookingList
	}
	huma.Register(api, listOperation("list-user-bookings", "/users/{id}/bookings", "List a user's bookings", "For the user and admins; the same as /bookings/user/{user_id}."), func(ctx context.Context, in *byID) (*listOut, error) {
		return ofUser(ctx, in.ID, &in.BookingList)
	})
}

func (s *Service) registerListsOfEvent(api huma.API) {
	ofEvent := func(ctx context.Context, eventID string, in *BookingList) (*listOut, error) {
		if err := s.organizes(ctx, eventID); err != nil {
			return nil, err
		}
		return s.page(ctx, in, bookingapi.Filter{EventID: eventID})
	}
	type byEvent struct {
		EventID string `path:"event_id" maxLength:"64"`
		BookingList
	}
	huma.Register(api, listOperation("list-bookings-of-event", "/bookings/event/{event_id}", "List an event's bookings", "For its organizer and admins."), func(ctx context.Context, in *byEvent) (*listOut, error) {
		return ofEvent(ctx, in.EventID, &in.BookingList)
	})
	type byID struct {
		ID string `path:"id" maxLength:"64"`
		BookingList
	}
	huma.Register(api, listOperation("list-event-bookings", "/events/{id}/bookings", "List an event's bookings", "For its organizer and admins; the same as /bookings/event/{event_id}."), func(ctx context.Context, in *byID) (*listOut, error) {
		return ofEvent(ctx, in.ID, &in.BookingList)
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
	if !v.organizedBy(caller) {
		return errs.Missing("event")
	}
	return nil
}
