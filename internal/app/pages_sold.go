package app

import (
	"context"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/console"
	"boxoffice/internal/paymentapi"
)

// Counts are an event's seats by state.
func (p onConsole) Counts(ctx context.Context, eventID string) (bookingapi.Counts, error) {
	return bookingapi.One(ctx, p.Parts.Bookings.Counts, "event", eventID)
}

// Figures is what an event has sold.
func (p onConsole) Figures(ctx context.Context, eventID string) (bookingapi.Figures, error) {
	return p.Parts.Bookings.Figures(ctx, eventID)
}

// Sections are the seats of each section by state.
func (p onConsole) Sections(ctx context.Context, eventID string) ([]bookingapi.SectionFigure, error) {
	return p.Parts.Bookings.SectionFigures(ctx, eventID)
}

// Pace is how fast an event sells.
func (p onConsole) Pace(ctx context.Context, eventID string) (bookingapi.Pace, error) {
	return p.Parts.Bookings.Pace(ctx, eventID)
}

// Refunds is an event's money that goes back.
func (p onConsole) Refunds(ctx context.Context, eventID string) (paymentapi.Refunds, error) {
	return p.Payments.RefundsOf(ctx, eventID)
}

// Latest are the bookings that were paid or cancelled last.
func (p onConsole) Latest(ctx context.Context, eventID string, limit int) ([]console.Booking, error) {
	list, err := p.Parts.Bookings.Latest(ctx, eventID, limit)
	if err != nil {
		return nil, err
	}
	return p.inWords(ctx, list)
}

// foundAtMost is how many bookings of an e-mail address are shown.
const foundAtMost = 50

// Find are bookings of an event by reference or e-mail address.
func (p onConsole) Find(ctx context.Context, eventID, text string) ([]console.Booking, error) {
	if !strings.Contains(text, "@") {
		reference := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
		if len(reference) != 8 {
			return nil, nil
		}
		list, err := p.Parts.Bookings.ByReference(ctx, eventID, reference[:4]+"-"+reference[4:])
		if err != nil {
			return nil, err
		}
		return p.inWords(ctx, list)
	}
	ids, err := p.Users.ByEmail(ctx, text)
	if err != nil {
		return nil, err
	}
	var list []bookingapi.Booking
	for _, userID := range ids {
		some, err := p.Parts.Bookings.List(ctx, bookingapi.Filter{UserID: userID, EventID: eventID, Limit: foundAtMost})
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return p.inWords(ctx, list)
}

// Bookings are those of an event above an id.
func (p onConsole) Bookings(ctx context.Context, eventID string, status bookingapi.Status, after string, limit int) ([]console.Booking, error) {
	list, err := p.Parts.Bookings.List(ctx, bookingapi.Filter{EventID: eventID, Status: status, After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	return p.inWords(ctx, list)
}

// inWords adds seats in words and the buyers' names.
func (p onConsole) inWords(ctx context.Context, list []bookingapi.Booking) ([]console.Booking, error) {
	ids := make([]string, 0, len(list))
	for i := range list {
		ids = append(ids, list[i].UserID)
	}
	people, err := p.Users.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	var gifts []string
	for i := range list {
		if list[i].UserID == "" {
			gifts = append(gifts, list[i].ID)
		}
	}
	given := map[string]bookingapi.Recipient{}
	if len(gifts) > 0 {
		if given, err = p.Parts.Bookings.Recipients(ctx, gifts); err != nil {
			return nil, err
		}
	}
	orders, err := p.Parts.Bookings.Orders(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]console.Booking, len(list))
	for i, o := range orders {
		out[i] = console.Booking{Booking: list[i], Reference: o.Reference, Kind: o.Kind, Person: people[o.UserID], Places: o.Places}
		if to, ok := given[o.ID]; ok {
			out[i].Person, out[i].Mailed = to.Person, to.MailedAt
		}
	}
	return out, nil
}
