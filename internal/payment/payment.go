package payment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// record is a row of payments. Each attempt to pay for a booking is a record of its
// own.
type record struct {
	ID           string // booking id, "-", attempt
	BookingID    string
	EventID      string
	UserID       string
	Attempt      int64 // from 1
	Amount       int64 // minor units: the booking's amount
	Currency     string
	Status       paymentapi.Status
	Method       string            // the token of the payment method
	Refunded     int64             // minor units
	Reason       string            // why it failed or was voided: a gateway's code, or why the booking was refused
	CreatedAt    int64             // µs since 1970
	UpdatedAt    int64             // µs since 1970
	Version      int64             // counts its changes
	History      string            // JSON, see steps
	StartedAt    int64             // µs since 1970, by the booking database's clock
	Alternatives bool              // see paymentapi.PayRequest
	Lang         string            // of the request, one of locale.Languages; "": it did not say
	try          int64             // number of its current method, from 1
	voidWanted   bool              // written by earlier versions only
	end          paymentapi.Status // see state
	reference    string            // the gateway's reference of the charge
	Fees         int64             // minor units: fees and tax in Amount
	Tax          int64             // minor units: the tax in Fees
	approve      string            // see approval
	disputed     int64             // minor units: what the gateway has withdrawn for the buyer's dispute
	dispute      string            // see disputes.go
	disputes     string            // JSON: see disputeList
	posted       int64             // the version up to which the journal speaks of it
	elsewhere    int64             // minor units: see state
	gateway      string            // the gateway that it was begun with; "": an older program has not said
	account      string            // the organizer's account there, as of then; "": the money stays with this ticket office
	test         bool              // no money moves at that gateway
	declines     int64             // see state
	earlier      int64             // see state
	transferred  int64             // minor units: what the journal has passed on to the account
	excess       int64             // minor units: see state
	excessBack   int64             // minor units: see state
}

// GivenUp reports whether the payment was given up after the booking service or the
// gateway had been asked for something. Money taken nevertheless was returned.
func (p *record) GivenUp() bool { return p.end != "" }

// taken is what the gateway has taken.
func (p *record) taken() int64 { return p.Amount + p.excess }

// over reports whether the payment is final without having paid for the booking, so
// that another attempt may be made.
func (p *record) over() bool {
	return p.Status == paymentapi.Failed || p.Status == paymentapi.Voided || p.Status == paymentapi.Refunded && p.GivenUp()
}

// shown converts the payment for use outside this package.
func (p *record) shown() (paymentapi.Payment, error) {
	steps, err := p.steps()
	out := paymentapi.Payment{
		ID: p.ID, BookingID: p.BookingID, Amount: p.Amount, Currency: p.Currency, Status: p.Status, Method: p.Method,
		CreatedAt: time.UnixMicro(p.CreatedAt).UTC(), Refunded: p.Refunded, Disputed: p.disputed, ApproveAt: p.approval(), Fees: p.Fees, Tax: p.Tax, Reason: p.Reason, History: steps, Language: p.Lang, Version: p.Version,
	}
	if p.Amount != 0 {
		out.Gateway, out.GatewayAccount, out.Test = p.gateway, p.account, p.test
	}
	return out, err
}

// step is an element of the column history, which appendStep writes.
type step struct {
	Status paymentapi.Status `json:"status"`
	At     int64             `json:"at"`               // µs since 1970
	Amount int64             `json:"amount,omitempty"` // of a refund, or of a payment that comes to another amount; minor units

	Dispute string `json:"dispute,omitempty"` // the gateway's name of it
}

func (s step) shown() paymentapi.Step {
	return paymentapi.Step{Status: s.Status, At: time.UnixMicro(s.At).UTC(), Amount: s.Amount, Dispute: s.Dispute}
}

// steps returns the payment's history, oldest first.
func (p *record) steps() ([]paymentapi.Step, error) {
	if steps, ok := quickSteps(p.History); ok {
		return steps, nil
	}
	var stored []step
	if err := codec.ReadKnown([]byte(p.History), &stored); err != nil {
		return nil, fmt.Errorf("history of payment %s: %w", p.ID, err)
	}
	steps := make([]paymentapi.Step, len(stored))
	for i, st := range stored {
		steps[i] = st.shown()
	}
	return steps, nil
}

// quickSteps parses a history in the form that appendStep writes.
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

// leadingNumber parses a number of up to 18 digits at the beginning of s.
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
	if s.Dispute != "" {
		b = appendText(append(b, `,"dispute":`...), s.Dispute)
	}
	return string(append(b, '}', ']'))
}

// state returns the part of a payment that the state machine uses.
func (p *record) state() state {
	return state{status: p.Status, amount: p.Amount, refunded: p.Refunded, try: p.try, void: p.voidWanted, end: p.end, disputed: p.disputed, dispute: p.dispute, disputes: p.disputes, elsewhere: p.elsewhere, declines: p.declines,
		earlier: p.earlier, excess: p.excess, excessBack: p.excessBack}
}

// moved returns the payment after an event has led to the state s.
func (p *record) moved(s state, e event, now int64) record {
	m := *p
	m.Status, m.Amount, m.Refunded, m.try, m.end, m.disputed, m.dispute = s.status, s.amount, s.refunded, s.try, s.end, s.disputed, s.dispute
	m.disputes, m.elsewhere, m.declines, m.earlier, m.excess, m.excessBack = s.disputes, s.elsewhere, s.declines, s.earlier, s.excess, s.excessBack
	m.UpdatedAt = max(now, p.UpdatedAt)
	m.Version++
	m.posted = m.Version
	m.transferred = p.passedOn(&m, e)
	if e.reference != "" {
		m.reference = e.reference
	}
	if e.kind == evWaiting {
		m.approve = waitsFor(e)
	}
	if e.kind == evCosts {
		m.Fees, m.Tax = e.fees, e.tax
	}
	switch {
	case e.kind == evRefunded && s.status == paymentapi.Captured:
		m.History = appendStep(m.History, step{Status: paymentapi.PartlyRefunded, At: m.UpdatedAt, Amount: e.amount - e.short})
	case e.kind == evRefunded:
		m.History = appendStep(m.History, step{Status: paymentapi.Refunded, At: m.UpdatedAt, Amount: e.amount - e.short})
	case e.kind == evReturned && s.status == paymentapi.Refunded:
		m.History = appendStep(m.History, step{Status: paymentapi.Refunded, At: m.UpdatedAt, Amount: p.taken()})
	case e.kind == evRefundFailed && s.end == "", e.kind == evElsewhere && s.refunded < p.Refunded:
		m.History = appendStep(m.History, step{Status: paymentapi.RefundCameBack, At: m.UpdatedAt, Amount: p.Refunded - s.refunded - e.short})
	case e.kind == evTakenOtherwise && s.excess != p.excess:
		m.History = appendStep(m.History, step{Status: paymentapi.TakenOtherwise, At: m.UpdatedAt, Amount: m.taken()})
	case e.kind == evExcessBack && s.excessBack > p.excessBack:
		m.History = appendStep(m.History, step{Status: paymentapi.ExcessReturned, At: m.UpdatedAt, Amount: s.excessBack - p.excessBack})
	case e.kind == evExcessBack && s.excessBack < p.excessBack:
		m.History = appendStep(m.History, step{Status: paymentapi.ExcessCameBack, At: m.UpdatedAt, Amount: p.excessBack - s.excessBack})
	case e.kind == evElsewhere && s.refunded > p.Refunded:
		m.History = appendStep(m.History, step{Status: paymentapi.RefundedElsewhere, At: m.UpdatedAt, Amount: s.refunded - p.Refunded})
	case e.kind >= evDisputed:
		if word, _ := disputeStep(p.state(), s, e); word != "" {
			m.History = appendStep(m.History, step{Status: word, At: m.UpdatedAt, Amount: e.amount, Dispute: e.key})
		}
	case s.amount != p.Amount:
		m.History = appendStep(m.History, step{Status: s.status, At: m.UpdatedAt, Amount: s.amount})
		if s.amount == 0 {
			m.Method = paymentapi.Free
		}
	case s.status != p.Status:
		m.History = appendStep(m.History, step{Status: s.status, At: m.UpdatedAt})
	}
	if p.GivenUp() || p.Status.Final() {
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

// waitsFor is the column approve after an event: the number of the method, and the URL.
func waitsFor(e event) string {
	if e.approve == "" {
		return ""
	}
	return strconv.FormatInt(e.try, 10) + " " + e.approve
}

// isPosted reports whether the journal has all that the row says. It has not if a program
// has changed the row that keeps no journal.
func (p *record) isPosted() bool { return p.posted == p.Version }

// learns reports whether an event says something of a payment that waits for its buyer
// which the row does not have yet.
func (p *record) learns(e event) bool {
	return e.kind == evWaiting && e.try == p.try && p.Status == paymentapi.Pending &&
		(waitsFor(e) != p.approve || e.reference != "" && e.reference != p.reference)
}

// approval is the URL at which the buyer approves the payment now; "" if there is none.
func (p *record) approval() string {
	try, url, _ := strings.Cut(p.approve, " ")
	if p.Status != paymentapi.Pending || try != strconv.FormatInt(p.try, 10) {
		return ""
	}
	return url
}

// charge returns what the gateway sees of one of the payment's methods.
func (p *record) charge(try int64) provider.Charge {
	c := provider.Charge{ID: p.ID + "." + strconv.FormatInt(try, 10), Amount: p.Amount, Currency: p.Currency}
	if try == p.try {
		c.Method, c.Reference = p.Method, p.reference
	}
	if p.account != "" {
		c.Account, c.Fee = p.account, p.Fees-p.Tax
	}
	return c
}

// charge is record.charge with what only matters to a gateway that is really asked: where
// the buyer comes back to, and what is paid for. Both follow from the row, since gateways
// may compare a repeated request with the first.
func (s *Service) charge(p *record, try int64) provider.Charge {
	c := p.charge(try)
	if s.sure(p) {
		return c
	}
	c.Says = "Order " + id.Reference(p.BookingID)
	if s.publicURL != "" {
		c.ReturnTo = s.publicURL + "/checkout/" + p.BookingID + "/wait"
	}
	return c
}

func paymentID(bookingID string, attempt int64) string {
	return bookingID + "-" + strconv.FormatInt(attempt, 10)
}

// eventOf returns the event's part of a payment id; "" if it is not one.
func eventOf(paymentID string) string { return id.Event(bookingOf(paymentID)) }

// bookingOf returns the booking's part of a payment id; "" if it is not one.
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
