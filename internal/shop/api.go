package shop

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// ticketBody is the right to enter for one seat, as clients see it.
type ticketBody struct {
	Seat    string `json:"seat" doc:"Label of the seat." example:"101-A-12"`
	Section string `json:"section" doc:"Id of the section." example:"101"`
	Row     string `json:"row,omitempty" doc:"Absent in general admission." example:"A"`
	Number  string `json:"number,omitempty" doc:"Within its row; absent in general admission." example:"12"`
	Tier    string `json:"tier" doc:"Price tier." example:"Stalls"`
	Token   string `json:"token" doc:"What the ticket's QR code says: base 32, signed with Ed25519. Whoever shows it first gets in."`
}

type ticketList struct {
	Items []ticketBody `json:"items" doc:"One for each seat."`
}

type ticketsIn struct {
	ID    string `path:"id" maxLength:"64" doc:"A booked booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
}

type ticketsPDFIn struct {
	ID    string `path:"id" maxLength:"64" doc:"A booked booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	Lang  string `header:"Accept-Language" maxLength:"200" doc:"Language of the PDF: English or German." example:"de"`
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

// Register registers the API's reads of tickets.
func (s *Shop) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-tickets", Method: http.MethodGet, Path: "/bookings/{id}/tickets", Tags: []string{"Bookings"}, Summary: "Read the tickets of a booking",
		Description: "For its owner, or with its signed link. Before the booking is paid and after it is cancelled, there are no tickets (404).",
		Errors:      []int{401, 404}, Metadata: route.Meta(route.Optional),
	}, func(ctx context.Context, in *ticketsIn) (*ticketsOut, error) {
		_, cards, err := s.ticketsOf(ctx, in)
		if err != nil {
			return nil, err
		}
		out := &ticketsOut{Body: ticketList{Items: make([]ticketBody, len(cards))}}
		for i, c := range cards {
			out.Body.Items[i] = ticketBody{Seat: c.Label, Section: c.SectionID, Row: c.Row, Number: c.Number, Tier: c.Tier.Name, Token: c.Token}
		}
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-tickets-pdf", Method: http.MethodGet, Path: "/bookings/{id}/tickets.pdf", Tags: []string{"Bookings"}, Summary: "Read the tickets of a booking as a PDF",
		Description: "A page for each seat, with its QR code. For its owner, or with its signed link. Before the booking is paid and after it is cancelled, there are no tickets (404). " +
			"A node makes few at once, and two for one client (a verified account, the owner whose link it is, else an address): 503 says when to ask again.",
		Errors: []int{401, 404, 503}, Metadata: route.Meta(route.Optional),
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/pdf": {Schema: binary}}}},
	}, func(ctx context.Context, in *ticketsPDFIn) (*ticketsPDFOut, error) {
		o, cards, err := s.ticketsOf(ctx, &ticketsIn{in.ID, in.Token})
		if err != nil {
			return nil, err
		}
		file, err := s.printer.pdf(ctx, printClient(ctx, o), document(s.kit.Speak(in.Lang), o, cards))
		if err != nil {
			return nil, err
		}
		return &ticketsPDFOut{ContentType: "application/pdf", Disposition: `attachment; filename="tickets-` + o.Reference + `.pdf"`, Body: file}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-ticket-keys", Method: http.MethodGet, Path: "/tickets/keys.json", Tags: []string{"Bookings"}, Summary: "Read the public keys that tickets are verified with",
		Description: "A JWK set (RFC 7517) of Ed25519 keys (RFC 8037), the newest first.", Metadata: route.Meta(route.Shared),
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/jwk-set+json": {Schema: &huma.Schema{Type: huma.TypeObject, Description: "A JWK set.", AdditionalProperties: true}}}}},
	}, func(context.Context, *struct{}) (*keysOut, error) {
		return &keysOut{ContentType: "application/jwk-set+json", CacheControl: "public, max-age=300", Body: s.Tickets.Keys().Document()}, nil
	})
}

var binary = &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file."}

// ticketsOf is an order of the caller's, or of whoever has its link, with its tickets.
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
	cards, err := s.sign(p)
	return p, cards, err
}
