package booking

import (
	"context"
	"net/http"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/quick"
)

// Quick are the operations that have a short way.
func (s *Service) Quick() []quick.Operation {
	return []quick.Operation{
		quick.Post("/bookings", readHold, s.quickHold),
		quick.Get("/events/{id}/seats", readSeats, s.quickSeats).MayShare(),
	}
}

// readHold reads a plain hold; what is odd about one goes the long way.
func readHold(key string, r *quick.Reader) holdIn {
	in := holdIn{Key: key}
	w := &in.Body.Selection
	once := func(first bool) {
		if !first {
			r.Fail()
		}
	}
	r.Object(func(name []byte) {
		switch string(name) {
		case "event_id":
			once(in.Body.EventID == "")
			in.Body.EventID = r.Text(64)
		case "seats":
			once(w.Seats == nil)
			w.Seats = make([]string, 0, 4)
			r.Array(100, func() { w.Seats = append(w.Seats, r.Text(100)) })
		case "quantity":
			once(w.Quantity == 0)
			w.Quantity = r.Number(100)
		case "section":
			once(w.Section == "")
			w.Section = r.Text(100)
		case "tier":
			once(w.Tier == "")
			w.Tier = r.Text(100)
		default:
			r.Fail()
		}
	})
	once(in.Body.EventID != "")
	return in
}

// quickHold is hold for the short way.
func (s *Service) quickHold(ctx context.Context, in *holdIn) (quick.Answer, error) {
	out, err := s.heldAs(ctx, in)
	if err != nil {
		return quick.Answer{}, err
	}
	body := append(out.Body.append(make([]byte, 0, 768)), '\n')
	return quick.Answer{Status: http.StatusCreated, ETag: errs.ETag(out.Body.Seq, body[:len(body)-1]), Location: out.Location, Raw: body}, nil
}

// readSeats reads a plain question for seats.
func readSeats(q *quick.Request) (seatsIn, bool) {
	in := seatsIn{ID: q.PathID, Encoding: q.Encoding}
	ok := q.Members(func(name, value string) bool {
		switch {
		case name == "form" && in.Form == "" && value == "compact":
			in.Form = value
		case name == "section" && in.Section == "" && value != "" && len(value) <= 100:
			in.Section = value
		default:
			return false
		}
		return true
	})
	return in, ok && id.Valid(in.ID)
}

// quickSeats is seats for the short way.
func (s *Service) quickSeats(ctx context.Context, in *seatsIn) (quick.Answer, error) {
	out, err := s.seats(ctx, in)
	if err != nil {
		return quick.Answer{}, err
	}
	return quick.Answer{Status: http.StatusOK, ETag: out.ETag, CacheControl: out.CacheControl, Vary: out.Vary, ContentEncoding: out.ContentEncoding, Raw: out.Body}, nil
}

// append appends the booking as encoding/json writes it.
func (b *bookingBody) append(j []byte) []byte {
	j = quick.Text(append(j, '{'), "id", b.ID)
	j = quick.Text(j, "reference", b.Reference)
	j = quick.Text(j, "user_id", b.UserID)
	j = quick.Text(j, "event_id", b.EventID)
	j = quick.Text(j, "seat_number", b.SeatNumber)
	j = append(quick.Name(j, "seats"), '[')
	for i := range b.Seats {
		if i > 0 {
			j = append(j, ',')
		}
		j = b.Seats[i].append(j)
	}
	j = quick.Time(append(j, ']'), "booking_time", b.BookingTime)
	j = quick.Text(j, "status", string(b.Status))
	if b.ExpiresAt != nil {
		j = quick.Time(j, "expires_at", *b.ExpiresAt)
	}
	j = quick.Number(j, "amount", b.Amount)
	j = quick.Text(j, "currency", b.Currency)
	j = quick.Number(j, "fees", b.Fees)
	j = quick.Text(j, "kind", b.Kind)
	if b.PaymentID != "" {
		j = quick.Text(j, "payment_id", b.PaymentID)
	}
	if b.Refundable != nil {
		j = quick.Time(j, "refundable_until", *b.Refundable)
	}
	if b.Link != "" {
		j = quick.Text(j, "link", b.Link)
	}
	return append(quick.Number(j, "seq", b.Seq), '}')
}

func (s *seatBody) append(j []byte) []byte {
	j = quick.Text(append(j, '{'), "label", s.Label)
	j = quick.Text(j, "section", s.Section)
	if s.Row != "" {
		j = quick.Text(j, "row", s.Row)
	}
	j = quick.Text(j, "number", s.Number)
	j = quick.Text(j, "tier", s.Tier)
	return append(quick.Number(j, "price", s.Price), '}')
}
