package shop

import (
	"context"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ticket"
)

// Attachment is a file that goes with a mail about an order.
type Attachment struct {
	Name, Type string
	Body       []byte
}

// Attachments makes the files for the mail about an order in a language: its tickets,
// and its event for calendars. There are none if the order has no tickets any more.
func (s *Shop) Attachments(ctx context.Context, bookingID, lang string) ([]Attachment, error) {
	b, err := bookingapi.One(ctx, s.Links.Bookings, "booking", bookingID)
	if err != nil {
		return nil, err
	}
	o, err := s.Orders.Of(ctx, &b)
	if err != nil || !o.Ticketed() {
		return nil, err
	}
	p := &orderPage{Order: o}
	cards, err := s.sign(ctx, p)
	if err != nil {
		return nil, err
	}
	v := s.site.Speak(lang)
	tickets, err := s.printer.forMail(ctx, document(v, p, cards))
	if err != nil {
		return nil, err
	}
	files := []Attachment{{"tickets-" + o.Reference + ".pdf", "application/pdf", tickets}}
	if date := ticket.Calendar(orderEntry(v, &o)); date != nil {
		files = append(files, Attachment{"event-" + o.Reference + ".ics", calendarType + "; method=PUBLISH", date})
	}
	return files, nil
}
