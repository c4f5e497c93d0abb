package stripe

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/payment/provider"
)

// errNotDone says that Stripe has answered, and nothing has changed.
var errNotDone = errors.New("nothing has changed yet")

// Refund implements provider.Gateway. The refund that was made with a key is looked up
// first: refunds are repeated for days, and Stripe forgets keys after one.
func (g *Gateway) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	if amount <= 0 {
		return declined("more_than_captured"), nil
	}
	units, err := toStripe(amount, c.Currency)
	if err != nil {
		return declined("amount_not_payable"), nil
	}
	o, err := g.resolve(ctx, c, true)
	if err != nil {
		return provider.Outcome{}, unclear("refund", err)
	}
	standing, is := stand(o)
	switch {
	case standing != provider.Taken:
		return declined("not_captured"), nil
	case amount > max(c.Amount, is.Taken.Amount):
		return declined("more_than_captured"), nil
	}
	pi := o.intent
	was, err := g.makeRefund(ctx, key, c, pi, units)
	if err != nil {
		return g.refused(ctx, pi.ID, c.Currency, err)
	}
	out := provider.Outcome{Reference: c.Reference}
	switch was.Status {
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		out.Reason, out.Spent = failure(was), true
	default: // pending: the buyer's bank takes its time
		if fromStripe(was.Amount, c.Currency) != amount {
			return declined("key_reused"), nil
		}
		out.Verdict = provider.Approved
	}
	return out, nil
}

// Refunds implements provider.Refunds.
func (g *Gateway) Refunds(ctx context.Context, c provider.Charge) ([]provider.Refund, error) {
	o, err := g.resolve(ctx, c, true)
	if err != nil {
		return nil, unclear("find", err)
	}
	if o.intent == nil {
		return nil, nil
	}
	params := &stripe.RefundListParams{PaymentIntent: &o.intent.ID}
	params.Limit = stripe.Int64(100)
	var list []provider.Refund
	for r, err := range g.api.V1Refunds.List(ctx, params) { // the newest comes first
		if err != nil {
			return nil, unclear("list refunds", err)
		}
		one := provider.Refund{ID: r.ID, Key: r.Metadata[metaKey], Amount: fromStripe(r.Amount, c.Currency)}
		if r.Status == stripe.RefundStatusFailed || r.Status == stripe.RefundStatusCanceled {
			one.Failed, one.Reason = true, failure(r)
		}
		list = append(list, one)
	}
	slices.Reverse(list)
	return list, nil
}

// failure is why a refund was not made after all.
func failure(r *stripe.Refund) string {
	if r.FailureReason == "" {
		return "refund_failed"
	}
	return string(r.FailureReason)
}

// refundOf finds the refund that was made with a key; nil if there is none.
func (g *Gateway) refundOf(ctx context.Context, intent, key string) (*stripe.Refund, error) {
	params := &stripe.RefundListParams{PaymentIntent: &intent}
	params.Limit = stripe.Int64(100)
	for r, err := range g.api.V1Refunds.List(ctx, params) {
		if err != nil {
			return nil, err
		}
		if r.Metadata[metaKey] == key {
			return r, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// makeRefund returns the refund that was made with a key, and makes it if there is none.
//
// When an error of Stripe's has used up an idempotency key, it takes the next one. A request
// with the key before may have made the refund nevertheless, after it was looked for, so it
// is looked for again. No key is left out, however long that goes on: as long as nobody knows
// what has become of a request, the next one has the same key, and makes no second refund.
func (g *Gateway) makeRefund(ctx context.Context, key string, c provider.Charge, pi *stripe.PaymentIntent, units int64) (*stripe.Refund, error) {
	steps := c.ID + "." + key
	for range keysAtOnce {
		was, err := g.refundOf(ctx, pi.ID, key)
		if err != nil || was != nil {
			return was, err
		}
		n := g.spent.of(steps) + 1
		made, res, err := g.createRefund(ctx, numbered(steps, n), key, c, pi, units)
		if _, spent := repeats(res, err); !spent {
			if err == nil {
				g.spent.forget(steps)
			}
			return made, err
		}
		g.spent.note(steps, n)
	}
	return nil, errors.New("too many keys are used up")
}

// keysAtOnce is how many idempotency keys are tried in one step. The next step goes on from
// there.
const keysAtOnce = 50

func (g *Gateway) createRefund(ctx context.Context, request, key string, c provider.Charge, pi *stripe.PaymentIntent, units int64) (*stripe.Refund, *stripe.APIResponse, error) {
	params := &stripe.RefundCreateParams{
		PaymentIntent: &pi.ID, Amount: &units, Metadata: map[string]string{metaCharge: c.ID, metaKey: key},
	}
	if pi.TransferData != nil { // the organizer has the money, and this ticket office its fee
		params.ReverseTransfer, params.RefundApplicationFee = stripe.Bool(true), stripe.Bool(true)
	}
	params.IdempotencyKey = &request
	r, err := g.api.V1Refunds.Create(ctx, params)
	if err == nil && (r == nil || r.ID == "" || r.Object != "refund") {
		err = errors.New("the answer is not a refund")
	}
	return r, r.LastResponse, err
}

// spentKeys remembers how many idempotency keys of refunds are used up, so that not all of
// them are tried each time.
type spentKeys struct {
	mu sync.Mutex
	n  map[string]int
}

// spentMost is how many refunds are remembered.
const spentMost = 10_000

func (s *spentKeys) of(steps string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[steps]
}

func (s *spentKeys) note(steps string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == nil || len(s.n) >= spentMost {
		s.n = map[string]int{}
	}
	s.n[steps] = max(s.n[steps], n)
}

func (s *spentKeys) forget(steps string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.n, steps)
}

// refused reads why a refund was not made. Only what will stay so is final.
func (g *Gateway) refused(ctx context.Context, intent, currency string, err error) (provider.Outcome, error) {
	e, never := invalid(err)
	switch {
	case !never:
	case e.Code == stripe.ErrorCodeChargeAlreadyRefunded, e.Code == stripe.ErrorCodeAmountTooLarge, e.Param == "amount":
		return declined("more_than_captured"), nil
	case e.Code == stripe.ErrorCodeChargeNotRefundable:
		return declined(string(e.Code)), nil
	case e.Code == stripe.ErrorCodeChargeDisputed:
		list, unread := g.disputes(ctx, intent, currency)
		is := func(state provider.DisputeState) bool {
			return slices.ContainsFunc(list, func(d provider.Dispute) bool { return d.State == state })
		}
		if unread == nil && is(provider.DisputeLost) && !is(provider.DisputeOpen) {
			return declined(string(e.Code)), nil
		}
	}
	return provider.Outcome{}, unclear("refund", err)
}

// disputes returns the disputes about an intent that have moved money, the oldest first.
// Inquiries have not.
func (g *Gateway) disputes(ctx context.Context, intent, currency string) (list []provider.Dispute, err error) {
	params := &stripe.DisputeListParams{PaymentIntent: &intent}
	params.Limit = stripe.Int64(100)
	for d, err := range g.api.V1Disputes.List(ctx, params) { // the newest comes first
		if err != nil {
			return nil, err
		}
		out := provider.Dispute{ID: d.ID, Amount: fromStripe(d.Amount, currency), Reason: string(d.Reason)}
		if e := d.EvidenceDetails; e != nil && e.DueBy > 0 {
			out.Due = time.Unix(e.DueBy, 0).UTC()
		}
		switch d.Status {
		case stripe.DisputeStatusNeedsResponse, stripe.DisputeStatusUnderReview:
			out.State = provider.DisputeOpen
		case stripe.DisputeStatusWon:
			out.State = provider.DisputeWon
		case stripe.DisputeStatusLost:
			out.State = provider.DisputeLost
		default:
			continue
		}
		list = append(list, out)
	}
	slices.Reverse(list)
	return list, nil
}
