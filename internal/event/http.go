package event

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// eventBody is an event as clients see it.
type eventBody struct {
	ID               string          `json:"id"`
	Title            string          `json:"title"`
	Description      string          `json:"description"`
	Category         string          `json:"category,omitempty"`
	EventTime        *time.Time      `json:"event_time" doc:"RFC 3339 with the offset of time_zone; null: to be announced."`
	EventDate        string          `json:"event_date,omitempty" doc:"Local date, also when the time of day is not known yet."`
	TimeZone         string          `json:"time_zone" doc:"IANA name."`
	Venue            venueBody       `json:"venue"`
	TotalSeats       int32           `json:"total_seats"`
	AvailableSeats   int32           `json:"available_seats"`
	PricePerSeat     *int64          `json:"price_per_seat" doc:"Lowest all-in price, minor units; null: not priced yet."`
	Currency         string          `json:"currency,omitempty"`
	Tiers            []message.Tier  `json:"tiers"`
	Status           string          `json:"status" enum:"draft,published,on_sale,cancelled,past"`
	SaleOpensAt      *time.Time      `json:"sale_opens_at,omitempty"`
	SaleClosesAt     *time.Time      `json:"sale_closes_at,omitempty"`
	LimitPerCustomer int32           `json:"limit_per_customer"`
	HoldMinutes      int64           `json:"hold_minutes"`
	Plan             planRef         `json:"plan"`
	OrganizerID      string          `json:"organizer_id,omitempty"`
	Attributes       json.RawMessage `json:"attributes"`
	Version          int64           `json:"version"`
}

type venueBody struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Address  string `json:"address,omitempty"`
	City     string `json:"city,omitempty"`
	Country  string `json:"country,omitempty"`
	TimeZone string `json:"time_zone"`
}

type planRef struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	URL     string `json:"url" doc:"Where the plan is; it never changes."`
}

func stamp(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

// zone is a stored zone; loading one reads a file, and the event page is hot.
func (s *Service) zone(name string) (*time.Location, error) {
	if z, ok := s.zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err == nil {
		s.zones.Store(name, z)
	}
	return z, err
}

// body joins an event with its prices and how many seats are free.
func (s *Service) body(ctx context.Context, e *Event) (*eventBody, error) {
	b := &eventBody{
		ID: e.ID, Title: e.Title, Description: e.Description, Category: e.Category, EventDate: e.LocalDate, TimeZone: e.TimeZone,
		Venue:      venueBody(e.Venue),
		TotalSeats: e.Seats, AvailableSeats: e.Seats, Currency: e.Currency, Tiers: []message.Tier{}, Status: e.shown(s.now().UnixMicro()),
		SaleOpensAt: stamp(e.OpensAt), SaleClosesAt: stamp(e.ClosesAt), LimitPerCustomer: e.LimitPerCustomer, HoldMinutes: e.HoldFor / 60_000_000,
		Plan: planRef{e.PlanID, e.PlanVersion, "/events/" + e.ID + "/plan"}, OrganizerID: e.OrganizerID,
		Attributes: json.RawMessage(e.Attributes), Version: e.Version,
	}
	if e.StartsAt != 0 {
		t := time.UnixMicro(e.StartsAt).UTC()
		if zone, err := s.zone(e.TimeZone); err == nil {
			t = t.In(zone)
		}
		b.EventTime = &t
	}
	if e.PriceVersion > 0 {
		p, err := s.Prices(ctx, e.ID, e.PriceVersion)
		if err != nil {
			return nil, err
		}
		b.Tiers, b.PricePerSeat = p.Tiers, &e.PriceFrom
	}
	counts, err := s.sales.Counts(ctx, e.ID)
	if err != nil && errs.KindOf(err) != errs.NotFound { // not handed over yet: all are free
		return nil, err
	}
	if err == nil {
		b.AvailableSeats = counts.Free
	}
	return b, nil
}

type eventOut struct {
	ETag         string `header:"ETag"`
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         *eventBody
}

func (s *Service) answer(ctx context.Context, e Event, err error) (*eventOut, error) {
	if err != nil {
		return nil, err
	}
	b, err := s.body(ctx, &e)
	if err != nil {
		return nil, err
	}
	out := &eventOut{ETag: fmt.Sprintf(`"%d"`, e.Version), Location: "/events/" + e.ID, CacheControl: "public, max-age=0, s-maxage=1, stale-while-revalidate=5", Body: b}
	if !e.public() {
		out.CacheControl = "private, no-store"
	}
	return out, nil
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	tags := []string{"Events"}
	huma.Register(api, huma.Operation{
		OperationID: "create-event", Method: http.MethodPost, Path: "/events", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: 16 << 20,
		Summary: "Create an event", Description: "For organizers. Its seats come from a template, a stored plan or a plan document.",
		Errors: []int{400, 401, 403, 413, 422},
	}, func(ctx context.Context, in *struct{ Body NewEvent }) (*eventOut, error) {
		e, err := s.Create(ctx, message.CallerFrom(ctx), in.Body)
		return s.answer(ctx, e, err)
	})
	type byID struct {
		ID string `path:"id" maxLength:"64"`
	}
	huma.Register(api, huma.Operation{
		OperationID: "get-event", Method: http.MethodGet, Path: "/events/{id}", Tags: tags, Summary: "Read an event", Errors: []int{404},
	}, func(ctx context.Context, in *byID) (*eventOut, error) {
		e, err := s.Get(ctx, message.CallerFrom(ctx), in.ID)
		return s.answer(ctx, e, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "update-event", Method: http.MethodPut, Path: "/events/{id}", Tags: tags, MaxBodyBytes: 16 << 20, Summary: "Change an event",
		Description: "Fields that are left out stay as they are. New prices apply to later holds.", Errors: []int{400, 401, 403, 404, 409, 412, 413, 422},
	}, func(ctx context.Context, in *struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match" doc:"ETag of the event that you have seen."`
		Body    Change
	}) (*eventOut, error) {
		version := int64(0)
		if in.IfMatch != "" && in.IfMatch != "*" {
			var err error
			if version, err = strconv.ParseInt(strings.Trim(in.IfMatch, `"`), 10, 64); err != nil || version <= 0 {
				return nil, errs.New(errs.Precondition, "changed-meanwhile", "If-Match does not name a version of this event.")
			}
		}
		e, err := s.Update(ctx, message.CallerFrom(ctx), in.ID, version, in.Body)
		return s.answer(ctx, e, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "cancel-event", Method: http.MethodDelete, Path: "/events/{id}", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Cancel an event", Description: "All its bookings are cancelled and refunded.", Errors: []int{401, 403, 404},
	}, func(ctx context.Context, in *byID) (*eventOut, error) {
		e, err := s.Cancel(ctx, message.CallerFrom(ctx), in.ID)
		return s.answer(ctx, e, err)
	})
	s.registerList(api)
	s.registerPlan(api)
}

type listIn struct {
	Status    string    `query:"status" enum:"upcoming,past,cancelled,draft,all" doc:"upcoming when it is left out; drafts are shown to their organizer only."`
	Text      string    `query:"q" maxLength:"200" doc:"Text in title, venue or city."`
	City      string    `query:"city" maxLength:"100"`
	Category  string    `query:"category" maxLength:"60"`
	From      time.Time `query:"from" doc:"RFC 3339: events from then on."`
	To        time.Time `query:"to" doc:"RFC 3339: events until then."`
	Organizer string    `query:"organizer" maxLength:"64"`
	Limit     int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor    string    `query:"cursor" maxLength:"64" doc:"next_cursor of the page before."`
}

type eventPage struct {
	Items      []*eventBody `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type listOut struct{ Body eventPage }

func (s *Service) registerList(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/events", Tags: []string{"Events"}, Summary: "List events",
		Description: "In the order in which they take place.", Errors: []int{422},
	}, func(ctx context.Context, in *listIn) (*listOut, error) {
		list, next, err := s.List(ctx, message.CallerFrom(ctx), Filter{Status: in.Status, Text: in.Text, City: in.City, Category: in.Category,
			From: in.From, To: in.To, Organizer: in.Organizer, Limit: in.Limit, Cursor: in.Cursor})
		if err != nil {
			return nil, err
		}
		out := &listOut{}
		out.Body.NextCursor = next
		out.Body.Items = make([]*eventBody, len(list))
		for i := range list {
			if out.Body.Items[i], err = s.body(ctx, &list[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}
