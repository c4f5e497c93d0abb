// Package wire is what the sandbox gateway and its client say to each other over HTTP.
package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Secret signs answers and webhooks when no other is given. It need not be secret: the
// gateway moves no money.
const Secret = "sandbox"

// Headers of requests and answers.
const (
	KeyHeader       = "Idempotency-Key"
	RequestHeader   = "Request-Id"        // chosen by the client; the answer's signature covers it
	SignatureHeader = "Sandbox-Signature" // of answers and webhooks: t=SECONDS,v1=HEX
)

// Methods, beside those of the sandbox in process.
const (
	OK        = "tok_ok"
	Decline   = "tok_decline"
	Slow      = "tok_slow"
	Elsewhere = "tok_3ds" // the buyer approves on the gateway's page
)

// Status is the state of a charge.
type Status string

// The states of a charge.
const (
	RequiresAction  Status = "requires_action"  // the buyer must approve at next_action
	Processing      Status = "processing"       // the gateway decides by itself
	RequiresCapture Status = "requires_capture" // authorized
	Succeeded       Status = "succeeded"        // captured
	Canceled        Status = "canceled"
	Failed          Status = "failed" // declined
)

// Charge is a payment of a buyer.
type Charge struct {
	Object        string    `json:"object"` // "charge"
	ID            string    `json:"id"`     // ch_…
	Charge        string    `json:"charge"` // the client's own name of it
	Status        Status    `json:"status"`
	Amount        int64     `json:"amount"` // minor units, as all amounts
	Currency      string    `json:"currency"`
	Captured      int64     `json:"amount_captured"`
	Refunded      int64     `json:"amount_refunded"`
	Method        string    `json:"method"`
	Description   string    `json:"description,omitempty"`
	ReturnURL     string    `json:"return_url,omitempty"`
	Account       string    `json:"account,omitempty"`
	Fee           int64     `json:"application_fee,omitempty"`
	NextAction    string    `json:"next_action,omitempty"`    // URL
	Reason        string    `json:"reason,omitempty"`         // why it failed, or was canceled: requested, expired
	CaptureBefore int64     `json:"capture_before,omitempty"` // seconds since 1970, while requires_capture
	Created       int64     `json:"created"`                  // seconds since 1970
	Refunds       []Refund  `json:"refunds,omitempty"`
	Disputes      []Dispute `json:"disputes,omitempty"` // the oldest first
}

// Refund is a part of a charge that went back.
type Refund struct {
	Key    string `json:"key"`
	Amount int64  `json:"amount"`
	Failed bool   `json:"failed,omitempty"` // the buyer's bank has sent it back
}

// Dispute is a chargeback.
type Dispute struct {
	ID     string `json:"id"`
	Status string `json:"status"` // open, won, lost
	Amount int64  `json:"amount"`
	Reason string `json:"reason"`
	DueBy  int64  `json:"due_by,omitempty"` // for evidence: seconds since 1970
}

// Request is the body of a step.
type Request struct {
	Charge      string `json:"charge"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Method      string `json:"method,omitempty"`
	Description string `json:"description,omitempty"`
	ReturnURL   string `json:"return_url,omitempty"`
	Account     string `json:"account,omitempty"`
	Fee         int64  `json:"application_fee,omitempty"`
	Refund      int64  `json:"refund,omitempty"` // how much goes back
}

// Answer is the body of every answer. One of its members is there.
type Answer struct {
	Object string  `json:"object"` // "answer"
	Charge *Charge `json:"charge,omitempty"`
	Error  *Error  `json:"error,omitempty"`
	Lines  *Lines  `json:"lines,omitempty"`
}

// Error refuses a step. It is final if Declined.
type Error struct {
	Code     string `json:"code"`
	Declined bool   `json:"declined,omitempty"`
	Text     string `json:"text"`
}

// Codes of errors that are no refusals.
const (
	CodeUnknown    = "unknown_charge" // there is no such charge
	CodeBadRequest = "bad_request"    // the request makes no sense
)

// CodeRefundFailed is why a refund that failed after it was made is declined when it is
// asked for again.
const CodeRefundFailed = "refund_failed"

// Line is a movement.
type Line struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"` // captured, refunded, refund_failed, voided, disputed, dispute_won, payout
	Charge    string `json:"charge,omitempty"`
	Reference string `json:"reference,omitempty"`
	Key       string `json:"key,omitempty"`
	Account   string `json:"account,omitempty"`
	Amount    int64  `json:"amount"`
	Fee       int64  `json:"fee,omitempty"`
	Currency  string `json:"currency"`
	At        int64  `json:"at"` // µs since 1970
}

// Lines is a page of movements.
type Lines struct {
	Items []Line `json:"items"`
	Next  string `json:"next,omitempty"` // "after" of the next page; "": this is the last
}

// Event is the body of a webhook.
type Event struct {
	Object  string   `json:"object"` // "event"
	ID      string   `json:"id"`
	Type    string   `json:"type"`    // charge.captured, dispute.opened, …
	Created int64    `json:"created"` // seconds since 1970
	Charges []string `json:"charges"` // the client's names
}

// Sign returns the value of SignatureHeader for a body at a time. context is what is
// signed with the body: of an answer the request's id and the status, of a webhook nothing.
func Sign(secret string, at time.Time, context string, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac(secret, stamp, context, body))
}

// Signed reports whether a header signs a body, at a time within tolerance of now.
func Signed(secret, header string, now time.Time, tolerance time.Duration, context string, body []byte) bool {
	stamp, rest, ok := strings.Cut(header, ",")
	stamp, ok2 := strings.CutPrefix(stamp, "t=")
	signature, ok3 := strings.CutPrefix(rest, "v1=")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil || strconv.FormatInt(at, 10) != stamp {
		return false
	}
	if off := now.Sub(time.Unix(at, 0)); off > tolerance || off < -tolerance {
		return false
	}
	// compared as text: the hexadecimal digits have one form only
	return hmac.Equal([]byte(signature), []byte(hex.EncodeToString(mac(secret, stamp, context, body))))
}

func mac(secret, stamp, context string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = m.Write([]byte(stamp + "." + context + "."))
	_, _ = m.Write(body)
	return m.Sum(nil)
}

// AnswerContext is what the signature of an answer covers besides its body.
func AnswerContext(request string, status int) string {
	return request + "." + strconv.Itoa(status)
}
