package shop

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
	"boxoffice/internal/ticket"
)

// ticketBody is a ticket (the right of entry for one seat) as API clients see it.
type ticketBody struct {
	Seat    string `json:"seat" doc:"Label of the seat." example:"101-A-12"`
	Section string `json:"section" doc:"Id of the section." example:"101"`
	Row     string `json:"row,omitempty" doc:"Label of the row. Absent in general admission." example:"A"`
	Number  string `json:"number,omitempty" doc:"Number of the seat within its row. Absent in general admission." example:"12"`
	Tier    string `json:"tier" doc:"Name of the price tier." example:"Stalls"`
	Issue   uint16 `json:"issue" doc:"0 at first, one more each time the ticket of this seat is replaced. Earlier ones are void." example:"0"`
	Token   string `json:"token,omitempty" doc:"The text of the ticket's QR code: base 32, signed with Ed25519. The first person who shows it is admitted. Absent: only codes that a phone makes are good."`
	BoundTo string `json:"bound_to,omitempty" doc:"Ed25519 public key of the phone that the ticket is bound to, in base64url. Absent: it is bound to none." example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	Part    string `json:"part,omitempty" doc:"Of a bound ticket: what that phone makes its codes from, with its private key. It is no code by itself."`
}

type ticketList struct {
	Items []ticketBody       `json:"items" doc:"The tickets, one for each seat."`
	Codes checkinapi.Codes   `json:"codes" enum:"fixed,rotating" doc:"rotating: tickets can be bound to a phone, which makes a new code every few seconds." example:"fixed"`
	Paper bool               `json:"paper" doc:"Whether tickets are good that are bound to no phone." example:"true"`
	Rev   int64              `json:"rev" doc:"Grows with each ticket that is replaced or bound. 0: none was." example:"0"`
	Time  *ticket.SignedTime `json:"time,omitempty" doc:"The server's time, signed for the phone that public_key names. Absent without public_key."`
}

type ticketsIn struct {
	ID        string `path:"id" maxLength:"64" doc:"Id of a booked booking."`
	Token     string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	PublicKey string `query:"public_key" maxLength:"64" doc:"Ed25519 public key of a phone, in base64url: the answer then has the server's time, signed for it." example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
}

type ticketsPDFIn struct {
	ID    string `path:"id" maxLength:"64" doc:"Id of a booked booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	Lang  string `header:"Accept-Language" maxLength:"200" doc:"Preferred language of the PDF. English and German are available." example:"de"`
}

type ticketsOut struct{ Body ticketList }

type ticketsPDFOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

type keysOut struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

// Register adds the operations that read tickets to the API.
func (s *Shop) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-tickets", Method: http.MethodGet, Path: "/bookings/{id}/tickets", Tags: []string{"Bookings"}, Summary: "Read the tickets of a booking",
		Description: "For the booking's owner, or with its signed link. Before the booking is paid and after it is cancelled, there are no tickets (404).",
		Errors:      []int{401, 404}, Metadata: route.Meta(route.Optional),
	}, func(ctx context.Context, in *ticketsIn) (*ticketsOut, error) {
		list, err := s.list(ctx, in)
		return &ticketsOut{list}, err
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-tickets-pdf", Method: http.MethodGet, Path: "/bookings/{id}/tickets.pdf", Tags: []string{"Bookings"}, Summary: "Read the tickets of a booking as a PDF",
		Description: "One page per seat, with its QR code. For the booking's owner, or with its signed link. Before the booking is paid and after it is cancelled, there are no tickets (404). " +
			"A node makes only a few at the same time, and two per client (a verified account, the owner of the signed link, or else an address). Further requests are answered 503, and Retry-After says how long to wait.",
		Errors: []int{401, 404, 503}, Metadata: route.Meta(route.Optional),
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/pdf": {Schema: binary}}}},
	}, func(ctx context.Context, in *ticketsPDFIn) (*ticketsPDFOut, error) {
		o, cards, err := s.ticketsOf(ctx, &ticketsIn{ID: in.ID, Token: in.Token})
		if err != nil {
			return nil, err
		}
		file, err := s.printer.pdf(ctx, printClient(ctx, o), document(s.site.Speak(in.Lang), o, cards))
		if err != nil {
			return nil, err
		}
		return &ticketsPDFOut{ContentType: "application/pdf", Disposition: `attachment; filename="tickets-` + o.Reference + `.pdf"`, Body: file}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-ticket-keys", Method: http.MethodGet, Path: "/tickets/keys.json", Tags: []string{"Bookings"}, Summary: "Read the public keys for verifying tickets",
		Description: "A JWK set (RFC 7517) of Ed25519 keys (RFC 8037), newest first.", Metadata: route.Meta(route.Shared),
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/jwk-set+json": {Schema: &huma.Schema{Type: huma.TypeObject, Description: "A JWK set.", AdditionalProperties: true}}}}},
	}, func(context.Context, *struct{}) (*keysOut, error) {
		return &keysOut{ContentType: "application/jwk-set+json", CacheControl: "public, max-age=300", Body: s.Tickets.Keys().Document()}, nil
	})
}

var binary = &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file."}

// ticketsOf returns an order with its tickets, for its owner or with its link.
func (s *Shop) ticketsOf(ctx context.Context, in *ticketsIn) (*orderPage, []ticketCard, error) {
	caller := caller.From(ctx)
	if !caller.SignedIn() && in.Token == "" {
		return nil, nil, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	o, err := s.Orders.readable(ctx, caller, in.ID, in.Token)
	if err != nil {
		return nil, nil, err
	}
	if (o.UserID != caller.UserID || !caller.SignedIn()) && in.Token == "" {
		return nil, nil, errs.Missing("ticket")
	}
	if !o.Ticketed() {
		return nil, nil, errs.New(errs.NotFound, "not-found", "This booking has no tickets: it is not paid, or it was cancelled.")
	}
	p := &orderPage{Order: o}
	cards, err := s.sign(ctx, p)
	return p, cards, err
}
