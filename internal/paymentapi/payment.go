package paymentapi

import (
	"strconv"
	"strings"
	"time"
)

// Status is the state of a payment.
type Status string

// The states. A payment of which a part was refunded stays captured.
//
// A payment that is given up first says so in its row. Only then are the booking
// service and the gateway asked to undo what was done. So whatever another node has
// asked them for meanwhile, and however late that is carried out, it is undone too.
const (
	Pending    Status = "pending"     // the gateway has not approved it yet
	Authorized Status = "authorized"  // the money is reserved, the seats are being confirmed
	TakingBack Status = "taking_back" // given up: the booking is being cancelled, if it was confirmed
	Voiding    Status = "voiding"     // given up: the reserved money is being released
	Returning  Status = "returning"   // given up: the money was taken nevertheless, and goes back in full
	Captured   Status = "captured"    // paid
	Refunded   Status = "refunded"    // all of it was given back
	Failed     Status = "failed"      // the gateway declined to reserve or to capture
	Voided     Status = "voided"      // given up, and no money was taken
)

// PartlyRefunded is the status of a step that gives a part back; the payment stays
// captured.
const PartlyRefunded Status = "partly_refunded"

// Final reports whether nothing is left to do for a payment. A captured one may
// still be refunded.
func (s Status) Final() bool { return s != Pending && s != Authorized && !s.Unwinding() }

// Unwinding reports whether a payment was given up and what was done for it is being
// undone.
func (s Status) Unwinding() bool { return s == TakingBack || s == Voiding || s == Returning }

// Free is the method of a payment over nothing. No gateway is asked for it.
const Free = "none"

// The tokens of the sandbox gateway. It declines all others.
const (
	SandboxOK      = "tok_ok"      // approved
	SandboxDecline = "tok_decline" // declined
	SandboxSlow    = "tok_slow"    // approved after a delay
)

// MaxAttempts is how many payments a booking may have. People who try out stolen
// cards need more.
const MaxAttempts = 20

// Payment is money for one booking. A second attempt is a payment of its own.
type Payment struct {
	ID        string    `json:"id" doc:"Booking id, a dash, and the number of the attempt"`
	BookingID string    `json:"booking_id"`
	Amount    int64     `json:"amount" doc:"Minor units of the currency"`
	Currency  string    `json:"currency" doc:"ISO 4217"`
	Status    Status    `json:"status" enum:"pending,authorized,captured,refunded,failed,voided,taking_back,voiding,returning" doc:"captured: paid. taking_back, voiding, returning: given up, and what was done is being undone"`
	Method    string    `json:"method" doc:"The token it is paid with; none when the booking costs nothing"`
	CreatedAt time.Time `json:"created_at"`
	Refunded  int64     `json:"refunded" doc:"Minor units given back so far"`
	Reason    string    `json:"reason,omitempty" doc:"Why it failed or was voided"`
	History   []Step    `json:"history" doc:"Its states, oldest first"`

	Version int64 `json:"-"` // counts its changes
}

// Step is one state in a payment's history.
type Step struct {
	Status Status    `json:"status"`
	At     time.Time `json:"at"`
	Amount int64     `json:"amount,omitempty" doc:"Of a refund, or when the payment came to another amount; minor units"`
}

// Attempt is the number of the payment among those for its booking, from 1.
func (p *Payment) Attempt() int64 {
	_, number, _ := strings.Cut(p.ID, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0 // no payment
	}
	return n
}

// GivenUp reports whether the payment was given up after the booking service or the
// gateway was asked for something. If money was taken nevertheless, it goes back.
func (p *Payment) GivenUp() bool {
	for i := range p.History {
		if p.History[i].Status.Unwinding() {
			return true
		}
	}
	return false
}

// Over reports whether the payment is final and has not paid for its booking:
// another attempt may be made.
func (p *Payment) Over() bool {
	return p.Status == Failed || p.Status == Voided || p.Status == Refunded && p.GivenUp()
}

// Paid reports whether the money was taken for the booking. Some of it may have been
// refunded since, or all: seats that cost nothing are kept nevertheless.
func (p *Payment) Paid() bool {
	return p.Status == Captured || p.Status == Refunded && !p.GivenUp()
}

// PayRequest asks for a payment.
type PayRequest struct {
	BookingID string `json:"booking_id" doc:"The caller's booking"`
	Method    string `json:"method,omitempty" doc:"A token of the payment gateway, never a card number; left out for a booking that costs nothing" example:"tok_ok"`
	Amount    *int64 `json:"amount,omitempty" minimum:"0" doc:"What the buyer has agreed to, in minor units of the booking's currency: a booking that costs another amount by now is not paid (amount-differs). Left out: whatever it costs." example:"5000"`
}

// Capture names a payment that was captured, for the mail to its buyer.
type Capture struct {
	PaymentID string
	UserID    string // of the buyer
}

// BookingID is the booking that was paid for.
func (c Capture) BookingID() string {
	booking, _, _ := strings.Cut(c.PaymentID, "-")
	return booking
}
