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

// The statuses of steps that the gateway has told of; the payment is captured or refunded.
const (
	RefundedElsewhere Status = "refunded_elsewhere" // a part, or all, was given back on the gateway's own pages
	RefundCameBack    Status = "refund_failed"      // a refund that had been made has failed: the money is here again
)

// The statuses of steps of a payment of which the gateway has taken another amount than it
// was asked for; the payment is captured or refunded.
const (
	TakenOtherwise Status = "taken_otherwise" // heard of later than the capture: so much was taken
	ExcessReturned Status = "excess_returned" // what was taken beyond the amount, or a part of that, was given back
	ExcessCameBack Status = "excess_failed"   // that has failed: the money is here again
)

// The statuses of steps of a dispute: the buyer tells their bank that they did not want
// the payment, and the gateway withdraws the money until that is decided. The payment
// stays captured or refunded.
const (
	Disputed    Status = "disputed"
	DisputeWon  Status = "dispute_won"  // the money is back
	DisputeLost Status = "dispute_lost" // the buyer keeps it
)

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

// MaxMethods is how many methods a payment may have. MaxFailed is how many methods of a
// person may fail for an event before they have to wait until FailedFor after the first.
const (
	MaxMethods = 10
	MaxFailed  = 40
	FailedFor  = 24 * time.Hour
)

// Payment is money for one booking. A second attempt is a payment of its own.
type Payment struct {
	ID        string    `json:"id" doc:"Id of the payment: the booking's id, a dash, and the number of the attempt."`
	BookingID string    `json:"booking_id"`
	Amount    int64     `json:"amount" doc:"Amount, in minor units of the currency."`
	Currency  string    `json:"currency" doc:"ISO 4217 code."`
	Status    Status    `json:"status" enum:"pending,authorized,captured,refunded,failed,voided,taking_back,voiding,returning" doc:"pending, authorized: in progress. captured: paid. refunded, failed, voided: final. taking_back, voiding, returning: given up, and being undone."`
	Method    string    `json:"method" doc:"Payment token that is used. none: the booking costs nothing."`
	CreatedAt time.Time `json:"created_at"`
	Refunded  int64     `json:"refunded" doc:"Amount refunded so far, in minor units of the currency."`
	ApproveAt string    `json:"approve_at,omitempty" doc:"While the payment is pending: the page at which the buyer approves it, of their bank or of the payment gateway. For the buyer only. Absent if they need not."`
	Disputed  int64     `json:"disputed,omitempty" doc:"Amount that the gateway has withdrawn because the buyer disputes the payment, in minor units of the currency."`
	Reason    string    `json:"reason,omitempty" doc:"Why the payment failed or was voided. Of declined payments, buyers learn only what they can do something about; organizers and admins see the code of the gateway."`
	History   []Step    `json:"history" doc:"The payment's states, oldest first."`
	Language  string    `json:"language,omitempty" enum:"en,de" doc:"Language of emails about the order: the best one for the Accept-Language of the request that paid, or of the page. Absent: the account's."`

	Gateway        string `json:"gateway,omitempty" doc:"The payment gateway that it was begun with. Only for organizers and admins. Absent: it costs nothing, or is older than this field." example:"stripe"`
	GatewayAccount string `json:"gateway_account,omitempty" doc:"The organizer's own account at the gateway, which receives the money. Only for organizers and admins." example:"acct_1Nv0FGQ9RKHgCVdK"`
	Test           bool   `json:"test,omitempty" doc:"Whether no money moves at that gateway, as with test keys. Only for organizers and admins." example:"false"`

	Version   int64 `json:"-"` // counts its changes
	Fees, Tax int64 `json:"-"` // minor units: fees and tax in Amount, and the tax in them; 0 for payments of older programs
}

// Step is one state in a payment's history.
type Step struct {
	Status Status    `json:"status"`
	At     time.Time `json:"at"`
	Amount int64     `json:"amount,omitempty" doc:"Amount of a refund, of an excess that went back or of a dispute; for taken_otherwise, what was taken in all; else the new amount of the payment if it changed; in minor units of the currency."`

	Dispute string `json:"-"` // the gateway's name of the dispute
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

// Tests reports whether no real money was paid, as Reads.Latest has the payment. Payments
// over nothing, and those from before payments named their gateway, are of the mode of the
// program.
func (p *Payment) Tests(program bool) bool {
	if p.Gateway == "" {
		return program
	}
	return p.Test
}

// PayRequest asks for a payment.
type PayRequest struct {
	BookingID string `json:"booking_id" doc:"Id of the booking, which must be your own."`
	Method    string `json:"method,omitempty" doc:"A token of the payment gateway, never a card number. With Stripe: checkout (the buyer pays on Stripe's page), pm_… or ctoken_…. With the sandbox gateway, which moves no money: tok_ok, tok_decline or tok_slow. Others are declined. Leave it out for a booking that costs nothing." example:"checkout"`
	Amount    *int64 `json:"amount,omitempty" minimum:"0" doc:"The amount that the buyer has agreed to, in minor units of the booking's currency. If the booking costs another amount by now, the answer is 409 amount-differs and nothing is charged. Default: the current price of the booking." example:"5000"`

	Alternatives bool `json:"alternatives,omitempty" doc:"Whether other seats may be booked if the payment comes after the hold has ended and somebody else has the seats: the best free ones of the same tiers, at the same price. Otherwise the money goes back." example:"false"`
}

// Messages of the payment service on the bus. Their keys are events' ids; they are not
// ordered.
const (
	Topic        = "payments"
	TypeCaptured = "captured" // a CapturedMessage

	ReturnsTopic = "returns"
	TypeReturned = "returned" // a ReturnedMessage

	DisputesTopic = "disputes"
	TypeDisputed  = "disputed" // a DisputedMessage

	FailedRefundsTopic = "failed-refunds"
	TypeRefundFailed   = "refund-failed" // a FailedRefundsMessage
)

// CapturedMessage says that payments of an event were captured. Rarely one of them was
// not, after all, or is told twice: look at the booking.
type CapturedMessage struct {
	Payments   []Capture `json:"payments"`
	Unreadable string    `json:"unreadable,omitempty"` // the row, if it cannot be read
}

// Capture names a payment that was captured.
type Capture struct {
	PaymentID string `json:"payment_id"`
	UserID    string `json:"user_id"` // of the buyer
}

// BookingID is the booking that was paid for.
func (c Capture) BookingID() string {
	booking, _, _ := strings.Cut(c.PaymentID, "-")
	return booking
}

// ReturnedMessage says that money that was paid for an event went back.
type ReturnedMessage struct {
	Returned   []Return `json:"returned"`
	Unreadable string   `json:"unreadable,omitempty"` // the row, if it cannot be read
}

// Return is money that went back: the refund for seats that were given back, the money of
// a payment that was given up, or what was given back on the gateway's own pages.
type Return struct {
	PaymentID string `json:"payment_id"`
	UserID    string `json:"user_id"` // of the buyer
	Amount    int64  `json:"amount"`  // minor units
	Currency  string `json:"currency"`

	// Of the cancelled entry in the event's ledger. 0: the payment was given up. Below 0:
	// it was given back on the gateway's own pages; minus the payment's version then.
	Seq int64 `json:"seq,omitempty"`

	// The refund's attempt, from 1; 0: the first, or it is not the refund of an entry.
	Attempt int64 `json:"attempt,omitempty"`

	// Of a payment that was given up: why, and whether the money was taken before. If not,
	// it was only reserved.
	Reason string `json:"reason,omitempty"`
	Taken  bool   `json:"taken,omitempty"`
}

// BookingID is the booking that was paid for.
func (r Return) BookingID() string { return Capture{PaymentID: r.PaymentID}.BookingID() }

// DisputedMessage says that buyers of an event dispute payments, or what came of it.
type DisputedMessage struct {
	Disputes   []Dispute `json:"disputes"`
	Unreadable string    `json:"unreadable,omitempty"` // the row, if it cannot be read
}

// Dispute is a step of a dispute.
type Dispute struct {
	PaymentID string `json:"payment_id"`
	ID        string `json:"id,omitempty"` // the gateway's name of the dispute; "": not known
	Step      Status `json:"step"`         // Disputed, DisputeWon or DisputeLost
	Amount    int64  `json:"amount"`       // that the buyer disputes, minor units
	Currency  string `json:"currency"`
	Reason    string `json:"reason,omitempty"` // as the gateway names it
	Due       int64  `json:"due,omitempty"`    // until when evidence counts, µs since 1970; 0: not known
	Back      int64  `json:"back,omitempty"`   // of the payment, that the buyer had got back before, minor units
}

// BookingID is the booking that was paid for.
func (d Dispute) BookingID() string { return Capture{PaymentID: d.PaymentID}.BookingID() }

// FailedRefundsMessage says that refunds of an event have failed.
type FailedRefundsMessage struct {
	Refunds    []FailedRefund `json:"refunds"`
	Unreadable string         `json:"unreadable,omitempty"` // the row, if it cannot be read
}

// ElsewhereFailed is the reason of a refund whose money was given back on the gateway's own
// pages, and came back from there.
const ElsewhereFailed = "elsewhere-failed"

// FailedRefund is a refund that has failed: it is not tried again by itself.
type FailedRefund struct {
	BookingID string `json:"booking_id"`
	Seq       int64  `json:"seq"`     // of the cancelled entry in the event's ledger
	Attempt   int64  `json:"attempt"` // that failed, from 1
	Amount    int64  `json:"amount"`  // that is owed, minor units of the booking's currency
	Reason    string `json:"reason"`  // as StuckRefund's
	At        int64  `json:"at"`      // µs since 1970

	// It was made, and the buyer was told so; the money came back later.
	CameBack bool `json:"came_back,omitempty"`

	// It had failed before, and now a person has noted how they have given the money back,
	// or that they have not, after all.
	Handled bool `json:"handled,omitempty"`
}
