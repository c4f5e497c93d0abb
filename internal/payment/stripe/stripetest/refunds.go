package stripetest

import (
	"net/url"
)

type refund struct {
	id, status, failure string
	of                  *charge
	amount              int64
	metadata            map[string]string
	created             int64
}

type dispute struct {
	id, status, reason string
	of                 *charge
	amount, created    int64
}

func (s *Server) showRefund(r *refund) object {
	o := object{
		"id": r.id, "object": "refund", "amount": r.amount, "currency": r.of.of.currency, "charge": r.of.id, "payment_intent": r.of.of.id,
		"created": r.created, "metadata": r.metadata, "status": r.status,
	}
	if r.failure != "" {
		o["failure_reason"] = r.failure
	}
	return o
}

func (s *Server) postRefund(form url.Values) reply {
	if bad, is := s.only(form, "payment_intent", "amount", "metadata[", "reason", "reverse_transfer", "refund_application_fee", "expand["); is {
		return bad
	}
	pi := s.intent(form.Get("payment_intent"))
	if pi == nil {
		return missing("payment_intent", "payment_intent")
	}
	amount, fine := number(form, "amount")
	c := pi.charge
	switch {
	case !fine || amount <= 0:
		return s.invalid("parameter_invalid_integer", "amount")
	case !ok(c) || !c.captured:
		return s.invalid("", "payment_intent")
	case c.disputed && c.why.status != "won":
		return s.invalid("charge_disputed", "")
	case c.returned == c.taken:
		return s.invalid("charge_already_refunded", "")
	case amount > c.taken-c.returned:
		return s.invalid("", "amount") // more than is left
	case pi.account != "" && form.Get("reverse_transfer") != "true":
		return s.invalid("balance_insufficient", "") // the platform did not keep the money
	}
	r := &refund{id: s.id("re"), status: "succeeded", of: c, amount: amount, metadata: members(form, "metadata"), created: s.now().Unix()}
	if pi.method == RefundsFail {
		r.status = "pending"
	}
	s.refunds = append(s.refunds, r)
	c.returned += amount
	s.book(txn{kind: "refund", amount: -amount, charge: c, refund: r})
	s.emit("charge.refunded", s.showCharge(c))
	s.emit("refund.created", s.showRefund(r))
	return done(s.showRefund(r))
}

func (s *Server) listRefunds(q url.Values) reply {
	list := []item{}
	for i := len(s.refunds) - 1; i >= 0; i-- {
		if r := s.refunds[i]; q.Get("payment_intent") == r.of.of.id {
			list = append(list, item{r.id, s.showRefund(r)})
		}
	}
	return paged("/v1/refunds", list, q)
}

// FailRefunds lets the bank send back all refunds that are pending.
func (s *Server) FailRefunds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refunds {
		if r.status == "pending" {
			r.status, r.failure = "failed", "lost_or_stolen_card"
			r.of.returned -= r.amount
			s.book(txn{kind: "refund_failure", amount: r.amount, charge: r.of, refund: r})
			s.emit("refund.failed", s.showRefund(r))
		}
	}
}

// disputeFee is what Stripe takes for a dispute, in minor units.
const disputeFee = 2000

func (s *Server) dispute(c *charge, amount int64) {
	d := &dispute{id: s.id("du"), status: "needs_response", reason: "fraudulent", of: c, amount: amount, created: s.now().Unix()}
	s.disputes = append(s.disputes, d)
	c.disputed, c.why = true, d
	s.book(txn{kind: "adjustment", category: "dispute", amount: -amount, fee: disputeFee, charge: c, dispute: d})
	s.emit("charge.dispute.created", s.showDispute(d))
	s.emit("charge.dispute.funds_withdrawn", s.showDispute(d))
}

func (s *Server) showDispute(d *dispute) object {
	return object{
		"id": d.id, "object": "dispute", "amount": d.amount, "currency": d.of.of.currency, "charge": d.of.id, "payment_intent": d.of.of.id,
		"created": d.created, "reason": d.reason, "status": d.status, "metadata": object{}, "livemode": false, "is_charge_refundable": false,
		"evidence_details": object{"due_by": d.created + 7*24*3600, "has_evidence": false, "past_due": false, "submission_count": 0},
	}
}

func (s *Server) listDisputes(q url.Values) reply {
	list := []item{}
	for i := len(s.disputes) - 1; i >= 0; i-- {
		if d := s.disputes[i]; q.Get("payment_intent") == d.of.of.id {
			list = append(list, item{d.id, s.showDispute(d)})
		}
	}
	return paged("/v1/disputes", list, q)
}

// Dispute has the buyer's bank take back the money of a charge, by the id of its intent or
// session.
func (s *Server) Dispute(reference string, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispute(s.find(reference).charge, amount)
}

// CloseDispute ends the last dispute about a charge.
func (s *Server) CloseDispute(reference string, won bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(reference).charge.why
	if d.status = "lost"; won {
		d.status = "won"
		s.book(txn{kind: "adjustment", category: "dispute_reversal", amount: d.amount, charge: d.of, dispute: d})
		s.emit("charge.dispute.funds_reinstated", s.showDispute(d))
	}
	s.emit("charge.dispute.closed", s.showDispute(d))
}

// Payout moves the balance of a currency to a bank account, and returns the amount.
func (s *Server) Payout(currency string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for _, t := range s.txns {
		if t.currency == currency {
			sum += t.amount - t.fee
		}
	}
	s.book(txn{kind: "payout", amount: -sum, currency: currency, payout: s.id("po")})
	return sum
}
