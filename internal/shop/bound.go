package shop

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strconv"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// liveTickets is what the script of the tickets page (ui/tickets.ts) starts from.
type liveTickets struct {
	Booking string            `json:"booking"`
	URL     string            `json:"url"`  // from which it reads tickets and time, and to which it binds
	Keys    codec.Raw         `json:"keys"` // with which the time is verified
	Tickets ticketList        `json:"tickets"`
	Words   map[string]string `json:"words"`
}

// live returns what the script needs; nil: all tickets have codes that never change, and
// cannot have others.
func (s *Shop) live(v *page.Visit, o *orderPage, cards []ticketCard) *liveTickets {
	wanted := o.Showing.Rotating
	for i := range cards {
		wanted = wanted || cards[i].BoundTo != ""
	}
	if !wanted {
		return nil
	}
	return &liveTickets{o.ID, o.Link("tickets/phone"), s.Tickets.Keys().Document(), s.ticketList(o, cards, ""), v.Words("bound.")}
}

// ticketList is a booking's tickets as clients see them, with the time signed for a phone;
// "": none asks.
func (s *Shop) ticketList(o *orderPage, cards []ticketCard, phone string) ticketList {
	out := ticketList{Items: make([]ticketBody, len(cards)), Codes: checkinapi.CodesFixed, Paper: o.Showing.Paper, Rev: o.Rev}
	if o.Showing.Rotating {
		out.Codes = checkinapi.CodesRotating
	}
	for i, c := range cards {
		out.Items[i] = ticketBody{
			Seat: c.Label, Section: c.SectionID, Row: c.Row, Number: c.Number, Tier: c.Tier.Name, Issue: c.Issue, Token: c.Token, Part: c.Part, BoundTo: c.BoundTo,
		}
	}
	if phone != "" {
		now := s.Tickets.Time(phone, s.site.Speak("").Now())
		out.Time = &now
	}
	return out
}

// phoneKey reads the public key of a phone.
func phoneKey(text string) ([]byte, error) {
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errs.Bad("public_key", "not-a-key", "must be %d bytes of base64url", ed25519.PublicKeySize)
	}
	return key, nil
}

// list reads the tickets of an order, with the time for the phone that in names.
func (s *Shop) list(ctx context.Context, in *ticketsIn) (ticketList, error) {
	o, cards, err := s.ticketsOf(ctx, in)
	if err == nil && in.PublicKey != "" {
		_, err = phoneKey(in.PublicKey)
	}
	if err != nil {
		return ticketList{}, err
	}
	return s.ticketList(o, cards, in.PublicKey), nil
}

// bind binds tickets of an order to the phone that in names, and returns its tickets.
func (s *Shop) bind(ctx context.Context, in *ticketsIn, r checkinapi.BindRequest) (ticketList, error) {
	_, _, err := s.ticketsOf(ctx, in) // who may, and whether it is paid
	if err != nil {
		return ticketList{}, err
	}
	if r.Key, err = phoneKey(in.PublicKey); err != nil {
		return ticketList{}, err
	}
	r.BookingID = in.ID
	if _, _, err := s.Issues.Bind(ctx, caller.From(ctx), in.Token, r); err != nil {
		return ticketList{}, err
	}
	return s.list(ctx, in)
}

// phoneTickets tells the page's script the tickets and the time, or binds tickets to the
// phone that it runs on.
func (s *Shop) phoneTickets(v *page.Visit) error {
	v.W.Header().Set("Cache-Control", "private, no-store")
	in := &ticketsIn{ID: v.PathValue("booking"), Token: v.Request.URL.Query().Get("token"), PublicKey: v.FormValue("public_key")}
	read := s.list
	if v.Method == http.MethodPost {
		r := checkinapi.BindRequest{Seats: v.PostForm["seats"], Move: v.PostFormValue("move") != ""}
		if seen, err := strconv.ParseInt(v.PostFormValue("seen"), 10, 64); err == nil {
			r.Seen = seenRev(seen)
		}
		read = func(ctx context.Context, in *ticketsIn) (ticketList, error) { return s.bind(ctx, in, r) }
	}
	list, err := read(v.Context(), in)
	if err != nil {
		return err
	}
	body, err := codec.Marshal(list)
	if err != nil {
		return err
	}
	return sendFile(v, "application/json", "private, no-store", "", body)
}

// seenRev is a rev that a client has seen, as checkinapi takes it.
func seenRev(seen int64) int64 {
	if seen == 0 {
		return errs.NotYet
	}
	return seen
}
