// Package providertest is the suite that every payment gateway passes.
//
//	suite.go    what a gateway under test brings along, and the list of tests
//	steps.go    authorizing, capturing, voiding, refunding
//	later.go    what is decided later: slow methods, approval elsewhere, expiry
//	books.go    the gateway's list of movements, disputes, and its messages
//	forged.go   thousands of messages that others have made
//	faults.go   answers that are lost, late or nonsense
package providertest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
)

// Setup is a gateway with no charges, and what the suite needs to know of it. Tests of
// what it does not have are left out; those of optional interfaces that it implements
// are not.
type Setup struct {
	Gateway  provider.Gateway
	Currency string           // that it takes; "": EUR
	Now      func() time.Time // its clock

	Approves  string // method that is approved at once; "": none that is not Sure
	Declines  string // method that is declined at once
	Sure      string // method that it is sure of; "": none
	Slow      string // method that is approved once Settle was called; "": none
	Elsewhere string // method that the buyer approves at Outcome.Approve; "": none

	Settle    func(t *testing.T, c provider.Charge)                          // lets it decide a charge by Slow
	Visit     func(t *testing.T, approve string, yes bool)                   // is the buyer at Outcome.Approve
	Expire    func(t *testing.T, c provider.Charge)                          // lets the authorization of a charge expire; nil: it never does
	Dispute   func(t *testing.T, c provider.Charge, s provider.DisputeState) // opens a dispute about all of a charge, also after one that was won, or decides the open one; nil: there are none
	Sent      func(t *testing.T) []Message                                   // all messages that it has sent so far, after waiting for those on their way; with provider.Notifier
	Signature string                                                         // name of the header that signs its messages
	Faults    map[string]func(t *testing.T) (mend func())                    // ways in which the line to it, or its answers, break until mended; "lost: …" of those in which a step is carried out nevertheless
}

// Message is a webhook as it arrives.
type Message struct {
	Header http.Header
	Body   []byte
}

// Run runs the suite. open makes a new gateway for each test.
func Run(t *testing.T, open func(t *testing.T) Setup) {
	for _, test := range []struct {
		name string
		run  func(*kit)
	}{
		{"Approved", (*kit).approved},
		{"Declined", (*kit).declined},
		{"Captured", (*kit).captured},
		{"CaptureNeedsAuthorization", (*kit).captureNeedsAuthorization},
		{"Voided", (*kit).voided},
		{"VoidedBefore", (*kit).voidedBefore},
		{"VoidAfterCapture", (*kit).voidAfterCapture},
		{"Refunded", (*kit).refunded},
		{"RefundedTooMuch", (*kit).refundedTooMuch},
		{"RefundNeedsCapture", (*kit).refundNeedsCapture},
		{"Currencies", (*kit).currencies},
		{"ChargesAreApart", (*kit).chargesAreApart},
		{"Cancelled", (*kit).cancelled},
		{"Sure", (*kit).sure},
		{"Slow", (*kit).slow},
		{"SlowVoided", (*kit).slowVoided},
		{"Elsewhere", (*kit).elsewhere},
		{"ElsewhereRefused", (*kit).elsewhereRefused},
		{"ElsewhereVoided", (*kit).elsewhereVoided},
		{"Expired", (*kit).expired},
		{"Books", (*kit).books},
		{"BooksOfVoids", (*kit).booksOfVoids},
		{"DisputeLost", (*kit).disputeLost},
		{"DisputeWon", (*kit).disputeWon},
		{"DisputedAgain", (*kit).disputedAgain},
		{"Notices", (*kit).notices},
		{"NoticesForged", (*kit).noticesForged},
		{"Faults", (*kit).faults},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &kit{T: t, Setup: open(t), ctx: t.Context()}
			if k.Currency == "" {
				k.Currency = "EUR"
			}
			test.run(k)
		})
	}
}

// kit is one test of the suite.
type kit struct {
	*testing.T
	Setup
	ctx context.Context
	n   int
}

const amount = 5000

// charge is a new charge by a method.
func (k *kit) charge(method string) provider.Charge {
	k.n++
	return provider.Charge{
		ID: fmt.Sprintf("bookingofthesuite%03d-1.1", k.n), Method: method, Amount: amount, Currency: k.Currency,
		ReturnTo: "http://127.0.0.1:1/checkout/wait", Says: "A Night at the Opera – Ünïcödé & <tags>",
	}
}

// reserved is a charge that is authorized by a method that the gateway is not sure of.
func (k *kit) reserved() provider.Charge {
	k.Helper()
	switch {
	case k.Approves != "":
		c := k.charge(k.Approves)
		return k.authorized(c, provider.Approved)
	case k.Slow != "":
		c := k.authorized(k.charge(k.Slow), provider.Undecided)
		k.Settle(k.T, c)
		return c
	}
	k.Fatal("the gateway has no method that is approved")
	return provider.Charge{}
}

// authorized asks for an authorization and returns the charge with its reference.
func (k *kit) authorized(c provider.Charge, want provider.Verdict) provider.Charge {
	k.Helper()
	o := k.authorize(c, want)
	if o.Reference != "" {
		c.Reference = o.Reference
	}
	return c
}

func (k *kit) authorize(c provider.Charge, want provider.Verdict) provider.Outcome {
	k.Helper()
	o, err := k.Gateway.Authorize(k.ctx, c.ID+".authorize", c)
	k.expect("authorize", o, err, want)
	return o
}

func (k *kit) capture(c provider.Charge, want provider.Verdict) {
	k.Helper()
	o, err := k.Gateway.Capture(k.ctx, c.ID+".capture", c)
	k.expect("capture", o, err, want)
}

func (k *kit) void(c provider.Charge, want provider.Verdict) {
	k.Helper()
	o, err := k.Gateway.Void(k.ctx, c.ID+".void", c)
	k.expect("void", o, err, want)
}

func (k *kit) refund(c provider.Charge, key string, amount int64, want provider.Verdict) {
	k.Helper()
	o, err := k.Gateway.Refund(k.ctx, key, c, amount)
	k.expect("refund", o, err, want)
}

// taken is a charge that is captured.
func (k *kit) taken() provider.Charge {
	k.Helper()
	c := k.reserved()
	k.capture(c, provider.Approved)
	return c
}

func (k *kit) expect(step string, o provider.Outcome, err error, want provider.Verdict) {
	k.Helper()
	switch {
	case err != nil:
		k.Fatalf("%s: %v", step, err)
	case o.Verdict != want:
		k.Fatalf("%s: %+v, want verdict %d", step, o, want)
	case want == provider.Declined && o.Reason == "":
		k.Errorf("%s is declined without a reason", step)
	case want != provider.Declined && o.Reason != "":
		k.Errorf("%s has the reason %q although it is not declined", step, o.Reason)
	case want != provider.Undecided && o.Approve != "":
		k.Errorf("%s is decided and still to be approved at %s", step, o.Approve)
	}
}

// stands checks what the gateway knows of a charge, by its id alone and by its reference.
func (k *kit) stands(c provider.Charge, want ...provider.Standing) provider.Outcome {
	k.Helper()
	var last provider.Outcome
	for _, reference := range []string{c.Reference, ""} {
		c.Reference = reference
		standing, o, err := k.Gateway.Find(k.ctx, c)
		if err != nil {
			k.Fatalf("find with reference %q: %v", reference, err)
		}
		found := false
		for _, w := range want {
			found = found || standing == w
		}
		if !found {
			k.Fatalf("find with reference %q: standing %d (%+v), want %v", reference, standing, o, want)
		}
		last = o
	}
	return last
}
