package event

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/gzip"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
	"boxoffice/internal/seating"
)

// eventBody is an event as clients see it.
type eventBody struct {
	ID               string                     `json:"id" example:"06a1b2c3d4e5f6g7"`
	Title            string                     `json:"title" example:"Night of the Violins"`
	Description      string                     `json:"description" example:"Twelve violins, one night."`
	Category         string                     `json:"category,omitempty" example:"Music"`
	EventTime        *time.Time                 `json:"event_time" doc:"When the event begins (RFC 3339 with the offset of time_zone). null: to be announced." example:"2027-03-01T20:00:00+01:00"`
	EventDate        string                     `json:"event_date,omitempty" doc:"Local date (YYYY-MM-DD). It is present even if the time of day is not known yet." example:"2027-03-01"`
	EndTime          *time.Time                 `json:"end_time,omitempty" doc:"When the event ends (RFC 3339 with the offset of time_zone). Absent: unknown." example:"2027-03-01T22:30:00+01:00"`
	EndDate          string                     `json:"end_date,omitempty" doc:"Local date of the last day (YYYY-MM-DD). It is present even if the time of day is not known." example:"2027-03-01"`
	TimeZone         string                     `json:"time_zone" doc:"IANA name of the venue's time zone." example:"Europe/Berlin"`
	Venue            eventapi.Venue             `json:"venue"`
	TotalSeats       int32                      `json:"total_seats" doc:"Number of seats and general-admission places in the plan." example:"1060"`
	AvailableSeats   int32                      `json:"available_seats" doc:"Number of seats that are neither held nor sold nor blocked." example:"412"`
	PricePerSeat     *int64                     `json:"price_per_seat" doc:"Lowest all-in price, in minor units of the currency. null: there are no prices yet." example:"2900"`
	Currency         string                     `json:"currency,omitempty" doc:"ISO 4217 code." example:"EUR"`
	Tiers            []seating.Tier             `json:"tiers" doc:"Prices by section or category."`
	FeeRules         *seating.FeeRules          `json:"fee_rules,omitempty" doc:"Rules that calculate the all-in prices from the face values."`
	Status           string                     `json:"status" enum:"draft,published,on_sale,cancelled,past" example:"on_sale"`
	SaleOpensAt      *time.Time                 `json:"sale_opens_at,omitempty" doc:"When the sale opens (RFC 3339, UTC). Absent: at once." example:"2026-12-01T09:00:00Z"`
	SaleClosesAt     *time.Time                 `json:"sale_closes_at,omitempty" doc:"When the sale closes (RFC 3339, UTC). Absent: no end is set." example:"2027-03-01T19:00:00Z"`
	RefundableUntil  *time.Time                 `json:"refundable_until,omitempty" doc:"Until when buyers can cancel (RFC 3339, UTC). Absent: no end is set." example:"2027-02-22T19:00:00Z"`
	CancellationFees []eventapi.CancellationFee `json:"cancellation_fees,omitempty" doc:"What the organizer keeps of the price of cancelled seats, in steps. Before the first one nothing is kept. Absent: never anything."`
	LimitPerCustomer int32                      `json:"limit_per_customer" doc:"Maximum number of held and booked seats per customer." example:"8"`
	HoldMinutes      int64                      `json:"hold_minutes" doc:"How long seats are held, in minutes." example:"8"`
	Plan             planRef                    `json:"plan"`
	UnverifiedBuyers bool                       `json:"unverified_buyers" doc:"Whether buyers can pay before they have confirmed their email address."`
	OrganizerID      string                     `json:"organizer_id,omitempty" doc:"Id of the organizer's account." example:"06a1b2c3d4e5f6g7"`
	Attributes       eventapi.Attributes        `json:"attributes" doc:"Free-form attributes: any JSON object."`
	Changes          []eventapi.Change          `json:"changes,omitempty" doc:"Changes of time and venue since the event was announced, oldest first."`
	Version          int64                      `json:"version" doc:"Number that grows with each change of the event." example:"3"`
	SalePending      bool                       `json:"sale_pending,omitempty" doc:"Whether the last change is stored but not yet applied to the sale. The sale applies it automatically. Until then, the event shows the plan, prices, limit and hold time under which seats are being sold."`
}

type planRef struct {
	ID      string `json:"id" example:"06a1b2c3d4e5f6g7"`
	Version int64  `json:"version" example:"1"`
	URL     string `json:"url" doc:"Path of this version of the plan. The answer never changes." example:"/events/06a1b2c3d4e5f6g7/plan?version=06a1b2c3d4e5f6g7-1"`
}

// newBody returns an event as clients see it.
func newBody(e *eventapi.Event, changes []eventapi.Change) *eventBody {
	b := &eventBody{
		ID: e.ID, Title: e.Title, Description: e.Description, Category: e.Category, EventTime: codec.OrNil(e.Starts), EventDate: e.Date,
		EndTime: codec.OrNil(e.Ends), EndDate: e.EndDate, TimeZone: e.Zone, Venue: e.Venue, TotalSeats: e.Total, AvailableSeats: e.Free,
		Currency: e.Prices.Currency, Tiers: []seating.Tier{}, Status: string(e.Status), SaleOpensAt: codec.OrNil(e.Opens), SaleClosesAt: codec.OrNil(e.Closes),
		RefundableUntil: codec.OrNil(e.RefundsEnd), CancellationFees: e.CancelFees, LimitPerCustomer: e.LimitPerCustomer, HoldMinutes: int64(e.HoldFor / time.Minute),
		Plan:             planRef{e.PlanID, e.PlanVersion, fmt.Sprintf("/events/%s/plan?version=%s-%d", e.ID, e.PlanID, e.PlanVersion)},
		UnverifiedBuyers: e.UnverifiedBuyers, OrganizerID: e.OrganizerID, Attributes: e.Attributes, Changes: changes, Version: e.Version, SalePending: e.Pending,
	}
	if e.Priced() {
		b.Tiers, b.PricePerSeat, b.FeeRules = e.Prices.Tiers, &e.From, e.Prices.Rules
	}
	return b
}

// bodiesOf returns events as clients see them, with their changes.
func (s *Service) bodiesOf(ctx context.Context, list ...eventapi.Event) ([]*eventBody, error) {
	var changed []string
	for i := range list {
		if !list[i].Changed.IsZero() {
			changed = append(changed, list[i].ID)
		}
	}
	changes, err := s.Changes(ctx, changed)
	if err != nil {
		return nil, err
	}
	out := make([]*eventBody, len(list))
	for i := range list {
		out[i] = newBody(&list[i], changes[list[i].ID])
	}
	return out, nil
}

// readEvent answers GET /events/{id}.
func (s *Service) readEvent(ctx context.Context, in *readIn) (*encodedOut, error) {
	e, err := s.get(ctx, caller.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out, err := s.encoded(ctx, &e)
	if err != nil {
		return nil, err
	}
	if codec.TakesGzip(in.Encoding) {
		return out.zip(), nil
	}
	return &out.plain, nil
}

type readIn struct {
	ID       string `path:"id" maxLength:"64"`
	Encoding string `header:"Accept-Encoding" hidden:"true"`
}

type encodedOut struct {
	ContentType     string `header:"Content-Type"`
	ContentLength   string `header:"Content-Length"`
	ContentEncoding string `header:"Content-Encoding" hidden:"true"`
	Vary            string `header:"Vary"`
	ETag            string `header:"ETag"`
	CacheControl    string `header:"Cache-Control"`
	Body            []byte
}

// encodedEvent is an encoded event. It is compressed when a client first asks for that.
type encodedEvent struct {
	plain  encodedOut
	once   sync.Once
	zipped encodedOut
}

func (e *encodedEvent) zip() *encodedOut {
	e.once.Do(func() {
		var buf bytes.Buffer
		z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		_, _ = z.Write(e.plain.Body) // writing to a buffer cannot fail
		_ = z.Close()
		e.zipped = e.plain
		e.zipped.Body, e.zipped.ContentLength, e.zipped.ContentEncoding = buf.Bytes(), strconv.Itoa(buf.Len()), "gzip"
		e.zipped.ETag = strings.TrimSuffix(e.plain.ETag, `"`) + `-gzip"` // other bytes, another strong tag (RFC 9110, section 8.8.3.3)
	})
	return &e.zipped
}

// encoded returns an event in the state by which its seats are sold, encoded. It is
// encoded once for each version of the event and of its ledger, since many clients
// request it at the same time.
func (s *Service) encoded(ctx context.Context, e *stored) (*encodedEvent, error) {
	k := encodedKey{e.ID, e.Version, e.Pending(), e.shown(s.now().UnixMicro()), s.seqOf(ctx, e.ID)}
	if out, ok := s.answers.GetIfPresent(k); ok {
		return out, nil
	}
	sold, err := s.sold(ctx, *e)
	if err != nil {
		return nil, err
	}
	shown, err := s.counted(ctx, &sold)
	if err != nil {
		return nil, err
	}
	raw, err := s.encode(ctx, &shown)
	if err != nil {
		return nil, err
	}
	out := &encodedEvent{plain: encodedOut{"application/json", strconv.Itoa(len(raw)), "", "Accept-Encoding", errs.ETag(shown.Version, raw), cacheControl(&shown), raw}}
	if shown.Seq == k.seq {
		s.answers.Set(k, out)
	}
	return out, nil
}

// encode encodes an event for clients.
func (s *Service) encode(ctx context.Context, e *eventapi.Event) ([]byte, error) {
	bodies, err := s.bodiesOf(ctx, *e)
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if err := codec.Write(&raw, bodies[0]); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return raw.Bytes(), nil
}

func cacheControl(e *eventapi.Event) string {
	if e.Private {
		return "private, no-store"
	}
	return "public, max-age=0, s-maxage=1, stale-while-revalidate=5"
}

// seqOf returns the ledger version at which an event's seats are counted now.
func (s *Service) seqOf(ctx context.Context, eventID string) int64 {
	c, err := bookingapi.One(ctx, s.sales.Counts, "event", eventID)
	if err != nil {
		return -1 // counting them will report the error
	}
	return c.Seq
}

// changedOut is the answer to a change of an event.
type changedOut struct {
	Status       int
	ContentType  string `header:"Content-Type" hidden:"true"`
	ETag         string `header:"ETag"`
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

// answer answers a change: with status if the sale has followed it already, otherwise
// with 202.
func (s *Service) answer(ctx context.Context, status int, e eventapi.Event, err error) (*changedOut, error) {
	if err != nil {
		return nil, err
	}
	if e.Pending {
		status = http.StatusAccepted
	}
	raw, err := s.encode(ctx, &e)
	if err != nil {
		return nil, err
	}
	// The free seats and Pending change without the event's version, so the tag depends
	// on the whole answer.
	return &changedOut{Status: status, ContentType: "application/json", ETag: errs.ETag(e.Version, raw), Location: "/events/" + e.ID, CacheControl: cacheControl(&e), Body: raw}, nil
}

// answers documents the answers to a change: an event, with the status if the sale
// follows the change already, and with 202 if it follows later.
func answers(api huma.API, status string) map[string]*huma.Response {
	body := map[string]*huma.MediaType{"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[eventBody](), true, "EventBody")}}
	return map[string]*huma.Response{
		status: {Description: http.StatusText(map[string]int{"200": 200, "201": 201}[status]), Content: body},
		"202":  {Description: "The change is stored, and the sale will apply it soon (sale_pending).", Content: body},
	}
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	tags := []string{"Events"}
	huma.Register(api, huma.Operation{
		OperationID: "create-event", Method: http.MethodPost, Path: "/events", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: 16 << 20,
		Summary: "Create an event", Description: "For organizers and admins. The event's seats come from a template, a stored plan or a plan document.",
		Errors: []int{400, 401, 403, 413, 422}, Responses: answers(api, "201"), Metadata: route.Meta(route.Organizers, route.LargeBody, route.LongNumbers),
	}, func(ctx context.Context, in *struct {
		Key  string `header:"Idempotency-Key" maxLength:"255" doc:"A value of your choice that makes it safe to repeat the request: the same organizer gets the same event for the same key."`
		Body eventapi.NewEvent
	}) (*changedOut, error) {
		e, err := s.Create(ctx, caller.From(ctx), in.Key, in.Body)
		return s.answer(ctx, http.StatusCreated, e, err)
	})
	quick.Register(api, huma.Operation{
		OperationID: "get-event", Method: http.MethodGet, Path: "/events/{id}", Tags: tags, Summary: "Read an event", Description: "Readable by everybody. Drafts are only visible to their organizer and admins.", Errors: []int{404},
		Metadata: route.Meta(route.Optional, route.Shared),
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {
			Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[eventBody](), true, "EventBody")}}}},
	}, s.readEvent)
	huma.Register(api, huma.Operation{
		OperationID: "update-event", Method: http.MethodPut, Path: "/events/{id}", Tags: tags, MaxBodyBytes: 16 << 20, Summary: "Change an event",
		Description: "Fields that are left out stay as they are. New prices apply to later holds.", Errors: []int{400, 401, 403, 404, 409, 412, 413, 422},
		Responses: answers(api, "200"), Metadata: route.Meta(route.Organizers, route.LargeBody, route.LongNumbers),
	}, func(ctx context.Context, in *struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match" doc:"ETag of the event as you last read it. If it has changed since, the answer is 412."`
		Body    eventapi.Update
	}) (*changedOut, error) {
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		e, err := s.Update(ctx, caller.From(ctx), in.ID, version, in.Body)
		return s.answer(ctx, http.StatusOK, e, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "cancel-event", Method: http.MethodDelete, Path: "/events/{id}", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Cancel an event", Errors: []int{401, 403, 404, 412}, Responses: answers(api, "200"),
		Description: "Cancels the event, cancels all its bookings and refunds them. 200: the sale has stopped. 202: the event is cancelled, and its sale stops as soon as the booking service can be reached.",
	}, func(ctx context.Context, in *struct {
		ID      string `path:"id" maxLength:"64"`
		IfMatch string `header:"If-Match" doc:"ETag of the event as you last read it. If it has changed since, the answer is 412."`
	}) (*changedOut, error) {
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		e, err := s.Cancel(ctx, caller.From(ctx), in.ID, version)
		return s.answer(ctx, http.StatusOK, e, err)
	})
	s.registerList(api)
	s.registerPlan(api)
}

// expected returns the version that an event must have, by the If-Match of a change.
func (s *Service) expected(ctx context.Context, ifMatch, eventID string) (int64, error) {
	return errs.Expected(ifMatch, "event", func() (int64, error) {
		e, err := s.owned(ctx, caller.From(ctx), eventID)
		return e.Version, err
	})
}

// EventFilter is the query of lists and searches.
type EventFilter struct {
	Status    string    `query:"status" enum:"upcoming,past,cancelled,draft,all" doc:"Default: upcoming. Drafts are shown to their organizer only."`
	Text      string    `query:"q" maxLength:"200" doc:"Words to find in title, category, venue, city or description. Case and accents are ignored." example:"violins"`
	City      string    `query:"city" maxLength:"100" example:"Vienna"`
	Category  string    `query:"category" maxLength:"60" example:"Music"`
	From      time.Time `query:"from" doc:"Only events that begin or end at this time or later (RFC 3339)." example:"2027-01-01T00:00:00Z"`
	To        time.Time `query:"to" doc:"Only events that begin at this time or earlier (RFC 3339)." example:"2027-12-31T00:00:00Z"`
	Organizer string    `query:"organizer" maxLength:"64" doc:"Id of the organizer's account."`
	Limit     int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor    string    `query:"cursor" maxLength:"128" doc:"next_cursor of the previous page."`
}

func (in *EventFilter) filter() eventapi.Filter {
	return eventapi.Filter{Status: eventapi.Status(in.Status), Text: in.Text, City: in.City, Category: in.Category,
		From: in.From, To: in.To, Organizer: in.Organizer, Limit: in.Limit, Cursor: in.Cursor}
}

type eventPage struct {
	Items      []*eventBody `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Absent on the last page."`
}

type searchPage struct {
	Items      []*eventBody                `json:"items"`
	Total      int64                       `json:"total" doc:"Number of events found, on all pages." example:"12"`
	Facets     map[string][]eventapi.Facet `json:"facets" doc:"Categories and cities that the search can be narrowed to, each with its number of matching events."`
	NextCursor string                      `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Absent on the last page."`
}

type listOut struct {
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	Body         eventPage
}

type searchOut struct {
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	Body         searchPage
}

// listCache is the Cache-Control of lists. Lists for organizers contain drafts.
func listCache(c caller.Caller) string {
	if c.SignedIn() {
		return "private, no-store"
	}
	return "public, max-age=0, s-maxage=1, stale-while-revalidate=5"
}

func (s *Service) registerList(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/events", Tags: []string{"Events"}, Summary: "List events",
		Description: "Events in the order of their times.", Errors: []int{422}, Metadata: route.Meta(route.Optional, route.Shared),
	}, func(ctx context.Context, in *EventFilter) (*listOut, error) {
		caller := caller.From(ctx)
		page, err := s.List(ctx, caller, in.filter())
		if err != nil {
			return nil, err
		}
		out := &listOut{CacheControl: listCache(caller), Vary: "Authorization, Cookie, Accept-Encoding"}
		out.Body.NextCursor = page.Next
		out.Body.Items, err = s.bodiesOf(ctx, page.Events...)
		return out, err
	})
	huma.Register(api, huma.Operation{
		OperationID: "search-events", Method: http.MethodGet, Path: "/events/search", Tags: []string{"Events"}, Summary: "Search events",
		Description: "Finds events that contain every word of q, matches in the title first. Facets help to narrow the search.", Errors: []int{422}, Metadata: route.Meta(route.Optional, route.Shared),
	}, func(ctx context.Context, in *EventFilter) (*searchOut, error) {
		caller := caller.From(ctx)
		found, err := s.Search(ctx, caller, in.filter())
		if err != nil {
			return nil, err
		}
		out := &searchOut{CacheControl: listCache(caller), Vary: "Authorization, Cookie, Accept-Encoding"}
		out.Body.Total, out.Body.Facets, out.Body.NextCursor = found.Total, found.Facets, found.Next
		out.Body.Items, err = s.bodiesOf(ctx, found.Events...)
		return out, err
	})
}
