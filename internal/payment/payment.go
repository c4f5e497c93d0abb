package payment

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
)

// MaxAttempts is how many payments a booking may have: whoever tries stolen
// cards needs more.
const MaxAttempts = 20

// Payment is money for one booking. A second attempt is a payment of its own.
type Payment struct {
	ID         string // booking id, "-", attempt
	BookingID  string
	EventID    string
	UserID     string
	Attempt    int64 // from 1
	Amount     int64 // minor units, as the booking had it
	Currency   string
	Status     Status
	Method     string // the token it is paid with
	Refunded   int64  // minor units
	Reason     string // why it failed or was voided: a gateway's code, or why the booking was refused
	CreatedAt  int64  // µs since 1970
	UpdatedAt  int64  // µs since 1970
	Version    int64  // counts its changes
	History    string // JSON, see Steps
	StartedAt  int64  // µs since 1970, by the booking database's clock
	try        int64  // counts its methods, from 1
	voidWanted bool   // written by earlier versions only
	end        Status // see state
	reference  string // the gateway's name of the charge
}

// GaveUp reports whether the payment was given up after the booking service or the
// gateway had been asked for something; what was taken nevertheless went back.
func (p *Payment) GaveUp() bool { return p.end != "" }

// over reports whether the payment is at its end and has not paid the booking:
// another one may.
func (p *Payment) over() bool {
	return p.Status == Failed || p.Status == Voided || p.Status == Refunded && p.GaveUp()
}

// Step is one line of a payment's history.
type Step struct {
	Status Status `json:"status"`
	At     int64  `json:"at"`               // µs since 1970
	Amount int64  `json:"amount,omitempty"` // of a refund, or of a payment that comes to another amount; minor units
}

// partlyRefunded is the step that gives a part back; the payment stays captured.
const partlyRefunded Status = "partly_refunded"

// Steps is the payment's history, oldest first.
func (p *Payment) Steps() ([]Step, error) {
	if steps, ok := quickSteps(p.History); ok {
		return steps, nil
	}
	var steps []Step
	if err := json.Unmarshal([]byte(p.History), &steps); err != nil {
		return nil, fmt.Errorf("history of payment %s: %w", p.ID, err)
	}
	return steps, nil
}

// quickSteps reads a history as appendStep writes it.
func quickSteps(history string) ([]Step, bool) {
	steps := make([]Step, 0, 4)
	rest, ok := strings.CutPrefix(history, "[")
	for ok {
		var s Step
		var word string
		if rest, ok = strings.CutPrefix(rest, `{"status":"`); !ok {
			break
		}
		if word, rest, ok = strings.Cut(rest, `","at":`); !ok || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			break
		}
		s.Status = Status(word)
		if s.At, rest, ok = leadingNumber(rest); !ok {
			break
		}
		if after, found := strings.CutPrefix(rest, `,"amount":`); found {
			if s.Amount, rest, ok = leadingNumber(after); !ok {
				break
			}
		}
		steps = append(steps, s)
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
func appendStep(history string, s Step) string {
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
func (p *Payment) state() state {
	return state{status: p.Status, amount: p.Amount, refunded: p.Refunded, try: p.try, void: p.voidWanted, end: p.end}
}

// moved is the payment after an event has led to s.
func (p *Payment) moved(s state, e event, now int64) Payment {
	m := *p
	m.Status, m.Amount, m.Refunded, m.try, m.end = s.status, s.amount, s.refunded, s.try, s.end
	m.UpdatedAt = max(now, p.UpdatedAt)
	m.Version++
	if e.reference != "" {
		m.reference = e.reference
	}
	switch {
	case e.kind == evRefunded && s.status == Captured:
		m.History = appendStep(m.History, Step{partlyRefunded, m.UpdatedAt, e.amount})
	case e.kind == evRefunded:
		m.History = appendStep(m.History, Step{Refunded, m.UpdatedAt, e.amount})
	case e.kind == evReturned && s.status == Refunded:
		m.History = appendStep(m.History, Step{Refunded, m.UpdatedAt, p.Amount})
	case s.amount != p.Amount:
		m.History = appendStep(m.History, Step{s.status, m.UpdatedAt, s.amount})
		if s.amount == 0 {
			m.Method = Free
		}
	case s.status != p.Status:
		m.History = appendStep(m.History, Step{Status: s.status, At: m.UpdatedAt})
	}
	if p.GaveUp() || p.Status.Final() {
		return m // the first reason stays
	}
	switch {
	case s.end == "" && s.status != Failed && s.status != Voided:
	case e.reason == "" && s.end != Failed && s.status != Failed:
		m.Reason = givenUp
	default:
		m.Reason = e.reason
	}
	return m
}

// charge is what the gateway sees of one of the payment's methods.
func (p *Payment) charge(try int64) provider.Charge {
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
