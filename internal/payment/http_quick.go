package payment

import (
	"context"

	"boxoffice/internal/quick"
)

// Quick are the operations that have a short way.
func (s *Service) Quick() []quick.Operation {
	return []quick.Operation{quick.Post("/payments", readPay, s.quickPay)}
}

// maxQuickAmount is the largest amount, in minor units, that goes the short way; it
// has six digits, see quick.Reader.
const maxQuickAmount = 999_999

// readPay reads a plain order; what is odd about one goes the long way.
func readPay(key string, r *quick.Reader) payInput {
	in := payInput{Key: key}
	r.Object(func(name []byte) {
		switch {
		case string(name) == "booking_id" && in.Body.BookingID == "":
			in.Body.BookingID = r.Text(maxMethod)
		case string(name) == "method" && in.Body.Method == "":
			in.Body.Method = r.Text(maxMethod)
		case string(name) == "amount" && in.Body.Amount == nil:
			n := int64(r.Number(maxQuickAmount))
			in.Body.Amount = &n
		default:
			r.Fail()
		}
	})
	if in.Body.BookingID == "" || in.Body.Method == "" {
		r.Fail()
	}
	return in
}

// quickPay is pay for the short way.
func (s *Service) quickPay(ctx context.Context, in *payInput) (quick.Answer, error) {
	out, err := s.pay(ctx, in)
	if err != nil {
		return quick.Answer{}, err
	}
	return quick.Answer{Status: out.Status, ETag: out.ETag, Location: out.Location, RetryAfter: out.RetryAfter, Body: out.Body.append}, nil
}

// append appends the payment as encoding/json writes it.
func (b *body) append(j []byte) []byte {
	j = quick.Text(append(j, '{'), "id", b.ID)
	j = quick.Text(j, "booking_id", b.BookingID)
	j = quick.Number(j, "amount", b.Amount)
	j = quick.Text(j, "currency", b.Currency)
	j = quick.Text(j, "status", string(b.Status))
	j = quick.Text(j, "method", b.Method)
	j = quick.Time(j, "created_at", b.CreatedAt)
	j = quick.Number(j, "refunded", b.Refunded)
	if b.Reason != "" {
		j = quick.Text(j, "reason", b.Reason)
	}
	j = append(quick.Name(j, "history"), '[')
	for i, step := range b.History {
		if i > 0 {
			j = append(j, ',')
		}
		j = quick.Time(quick.Text(append(j, '{'), "status", string(step.Status)), "at", step.At)
		if step.Amount != 0 {
			j = quick.Number(j, "amount", step.Amount)
		}
		j = append(j, '}')
	}
	return append(j, ']', '}')
}
