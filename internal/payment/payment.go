package payment

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// record is a payment as its row has it. A second attempt to pay for a booking is a
// record of its own.
type record struct {
	ID         string // booking id, "-", attempt
	BookingID  string
	EventID    string
	UserID     string
	Attempt    int64 // from 1
	Amount     int64 // minor units, as the booking had it
	Currency   string
	Status     paymentapi.Status
	Method     string            // the token it is paid with
	Refunded   int64             // minor units
	Reason     string            // why it failed or was voided: a gateway's code, or why the booking was refused
	CreatedAt  int64             // µs since 1970
	UpdatedAt  int64             // µs since 1970
	Version    int64             // counts its changes
	History    string            // JSON, see Steps
	StartedAt  int64             // µs since 1970, by the booking database's clock
	try        int64             // counts its methods, from 1
	voidWanted bool              // written by earlier versions only
	end        paymentapi.Status // see state
	reference  string            // the gateway's name of the charge
}

// GaveUp reports whether the payment was given up after the booking service or the
// gateway had been asked for something; what was taken nevertheless went back.
func (p *record) GaveUp() bool { return p.end != "" }

// over reports whether the payment is final and has not paid for the booking: another
// attempt may be made.
func (p *record) over() bool {
	return p.Status == paymentapi.Failed || p.Status == paymentapi.Voided || p.Status == paymentapi.Refunded && p.GaveUp()
}

// shown is the payment as others see it.
func (p *record) shown() (paymentapi.Payment, error) {
	steps, err := p.steps()
	return paymentapi.Payment{
		ID: p.ID, BookingID: p.BookingID, Amount: p.Amount, Currency: p.Currency, Status: p.Status, Method: p.Method,
		CreatedAt: time.UnixMicro(p.CreatedAt).UTC(), Refunded: p.Refunded, Reason: p.Reason, History: steps, Version: p.Version,
	}, err
}

// step is a line of the column history, which appendStep writes.
type step struct {
	Status paymentapi.Status `json:"status"`
	At     int64             `json:"at"`               // µs since 1970
	Amount int64             `json:"amount,omitempty"` // of a refund, or of a payment that comes to another amount; minor units
}

func (s step) shown() paymentapi.Step {
	return paymentapi.Step{Status: s.Status, At: time.UnixMicro(s.At).UTC(), Amount: s.Amount}
}

// steps is the payment's history, oldest first.
func (p *record) steps() ([]paymentapi.Step, error) {
	if steps, ok := quickSteps(p.History); ok {
		return steps, nil
	}
	var stored []step
	if err := json.Unmarshal([]byte(p.History), &stored); err != nil {
		return nil, fmt.Errorf("history of payment %s: %w", p.ID, err)
	}
	steps := make([]paymentapi.Step, len(stored))
	for i, st := range stored {
		steps[i] = st.shown()
	}
	return steps, nil
}

// quickSteps reads a history as appendStep writes it.
func quickSteps(history string) ([]paymentapi.Step, bool) {
	steps := make([]paymentapi.Step, 0, 4)
	rest, ok := strings.CutPrefix(history, "[")
	for ok {
		var s step
		var word string
		if rest, ok = strings.CutPrefix(rest, `{"status":"`); !ok {
			break
		}
		if word, rest, ok = strings.Cut(rest, `","at":`); !ok || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			break
		}
		s.Status = paymentapi.Status(word)
		if s.At, rest, ok = leadingNumber(rest); !ok {
			break
		}
		if after, found := strings.CutPrefix(rest, `,"amount":`); found {
			if s.Amount, rest, ok = leadingNumber(after); !ok {
				break
			}
		}
		steps = append(steps, s.shown())
		if rest == "}]" {
			return steps, true
		}
		rest, ok = strings.CutPrefix(rest, "},")
	}
	return nil, false
}

// leadingNumber takes a number of up to 18 digits off.
func leadingNumber(s string) (n int64, rest string, ok bool) {
	i := 0
	for ; i < len(s) && i < 18 && s[i] >= '0' && s[i] <= '9'; i++ {
		n = 10*n + int64(s[i]-'0')
	}
	return n, s[i:], i == 1 || i > 1 && s[0] != '0'
}

// appendStep adds a step to a history.
func appendStep(history string, s step) string {
	b := make([]byte, 0, len(history)+64)
	if history == "" {
		b = append(b, '[')
	} else {
		b = append(b, history[:len(history)-1]...)
		b = append(b, ',')
	}
	b = append(b, `{"status":"`...)
	b = append(b, s.Status...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, s.At, 10)
	if s.Amount != 0 {
		b = append(b, `,"amount":`...)
		b = strconv.AppendInt(b, s.Amount, 10)
	}
	return string(append(b, '}', ']'))
}

// state is what the state machine sees of a payment.
func (p *record) state() state {
	return state{status: p.Status, amount: p.Amount, refunded: p.Refunded, try: p.try, void: p.voidWanted, end: p.end}
}

// moved is the payment after an event has led to s.
func (p *record) moved(s state, e event, now int64) record {
	m := *p
	m.Status, m.Amount, m.Refunded, m.try, m.end = s.status, s.amount, s.refunded, s.try, s.end
	m.UpdatedAt = max(now, p.UpdatedAt)
	m.Version++
	if e.reference != "" {
		m.reference = e.reference
	}
	switch {
	case e.kind == evRefunded && s.status == paymentapi.Captured:
		m.History = appendStep(m.History, step{paymentapi.PartlyRefunded, m.UpdatedAt, e.amount})
	case e.kind == evRefunded:
		m.History = appendStep(m.History, step{paymentapi.Refunded, m.UpdatedAt, e.amount})
	case e.kind == evReturned && s.status == paymentapi.Refunded:
		m.History = appendStep(m.History, step{paymentapi.Refunded, m.UpdatedAt, p.Amount})
	case s.amount != p.Amount:
		m.History = appendStep(m.History, step{s.status, m.UpdatedAt, s.amount})
		if s.amount == 0 {
			m.Method = paymentapi.Free
		}
	case s.status != p.Status:
		m.History = appendStep(m.History, step{Status: s.status, At: m.UpdatedAt})
	}
	if p.GaveUp() || p.Status.Final() {
		return m // the first reason stays
	}
	switch {
	case s.end == "" && s.status != paymentapi.Failed && s.status != paymentapi.Voided:
	case e.reason == "" && s.end != paymentapi.Failed && s.status != paymentapi.Failed:
		m.Reason = givenUp
	default:
		m.Reason = e.reason
	}
	return m
}

// charge is what the gateway sees of one of the payment's methods.
func (p *record) charge(try int64) provider.Charge {
	c := provider.Charge{ID: p.ID + "." + strconv.FormatInt(try, 10), Amount: p.Amount, Currency: p.Currency}
	if try == p.try {
		c.Method, c.Reference = p.Method, p.reference
	}
	return c
}

func paymentID(bookingID string, attempt int64) string {
	return bookingID + "-" + strconv.FormatInt(attempt, 10)
}

// eventOf is the event part of a payment id; "" when it is not one.
func eventOf(paymentID string) string { return id.Event(bookingOf(paymentID)) }

// bookingOf is the booking part of a payment id; "" when it is not one.
func bookingOf(paymentID string) string {
	b, n, ok := strings.Cut(paymentID, "-")
	if !ok || !id.ValidBooking(b) {
		return ""
	}
	if v, err := strconv.ParseInt(n, 10, 64); err != nil || v < 1 || strconv.FormatInt(v, 10) != n {
		return ""
	}
	return b
}
