package stripetest

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Payment methods of the double, by the names that Stripe gives to its own for tests.
const (
	Visa         = "pm_card_visa"
	Declining    = "pm_card_visa_chargeDeclined"
	Poor         = "pm_card_visa_chargeDeclinedInsufficientFunds"
	ThreeDSecure = "pm_card_threeDSecure2Required"
	Disputing    = "pm_card_createDispute"
	RefundsFail  = "pm_card_refundFail"
	Slow         = "pm_card_processing" // the double's own: it is being decided until Decide
	Token        = "ctoken_double"      // a confirmation token of the pay page, for Visa
)

// authorizedFor is how long an authorization lasts.
const authorizedFor = 7 * 24 * time.Hour

// intent is a PaymentIntent.
type intent struct {
	id, status, currency, description, method, account string
	amount, fee                                        int64
	metadata                                           map[string]string
	returnTo, next                                     string
	failure                                            object
	charge                                             *charge
	created, canceled                                  int64
	because                                            string
	stays                                              bool // no method may send the buyer away
	session                                            *session
}

// charge is an attempt of an intent that reached the bank.
type charge struct {
	id, failure        string
	of                 *intent
	captured, disputed bool
	taken, returned    int64
	created, before    int64
	why                *dispute
}

func ok(c *charge) bool { return c != nil && c.failure == "" }

func (s *Server) intent(id string) *intent {
	for _, pi := range s.intents {
		if pi.id == id {
			s.age(pi)
			return pi
		}
	}
	return nil
}

// age cancels an intent whose authorization has expired.
func (s *Server) age(pi *intent) {
	if pi.status == "requires_capture" && s.now().Unix() >= pi.charge.before {
		s.cancelIntent(pi, "automatic")
	}
}

func (s *Server) cancelIntent(pi *intent, because string) {
	pi.status, pi.because, pi.next, pi.canceled = "canceled", because, "", s.now().Unix()
	if ok(pi.charge) {
		pi.charge.returned = pi.amount
		s.emit("charge.expired", s.showCharge(pi.charge))
	}
	s.emit("payment_intent.canceled", s.showIntent(pi, nil))
}

// showIntent renders an intent as version 2025-08-27.basil does.
func (s *Server) showIntent(pi *intent, q url.Values) object {
	o := object{
		"id": pi.id, "object": "payment_intent", "amount": pi.amount, "currency": pi.currency, "status": pi.status,
		"amount_capturable": int64(0), "amount_received": int64(0), "capture_method": "manual", "client_secret": pi.id + "_secret_x",
		"confirmation_method": "automatic", "created": pi.created, "livemode": false, "metadata": pi.metadata,
		"payment_method": nil, "payment_method_types": []string{"card"}, "next_action": nil, "last_payment_error": nil,
		"canceled_at": nil, "cancellation_reason": nil, "latest_charge": nil, "description": nil, "transfer_data": nil, "application_fee_amount": nil,
	}
	switch pi.status {
	case "requires_capture":
		o["amount_capturable"] = pi.amount
	case "succeeded":
		o["amount_received"] = pi.amount
	case "canceled":
		o["canceled_at"], o["cancellation_reason"] = pi.canceled, pi.because
	}
	if pi.description != "" {
		o["description"] = pi.description
	}
	if pi.method != "" && pi.failure == nil {
		o["payment_method"] = "pm_" + strings.TrimPrefix(pi.id, "pi_")
	}
	if pi.failure != nil {
		o["last_payment_error"] = pi.failure
	}
	if pi.next != "" {
		o["next_action"] = object{"type": "redirect_to_url", "redirect_to_url": object{"url": pi.next, "return_url": pi.returnTo}}
	}
	if pi.account != "" {
		o["transfer_data"] = object{"destination": pi.account}
		o["application_fee_amount"] = pi.fee
	}
	if pi.charge != nil {
		o["latest_charge"] = pi.charge.id
		if expands(q, "latest_charge") || expands(q, "payment_intent.latest_charge") {
			o["latest_charge"] = s.showCharge(pi.charge)
		}
	}
	return o
}

func (s *Server) showCharge(c *charge) object {
	pi := c.of
	o := object{
		"id": c.id, "object": "charge", "amount": pi.amount, "amount_captured": c.taken, "amount_refunded": c.returned, "currency": pi.currency,
		"captured": c.captured, "created": c.created, "disputed": c.disputed, "livemode": false, "metadata": pi.metadata, "paid": ok(c),
		"payment_intent": pi.id, "refunded": c.returned == pi.amount, "status": "succeeded", "failure_code": nil,
		"payment_method_details": object{"type": "card", "card": object{"brand": "visa", "last4": "4242", "capture_before": c.before}},
	}
	if !ok(c) {
		o["status"], o["failure_code"] = "failed", c.failure
	}
	return o
}

func (s *Server) getCharge(id string, _ url.Values) reply {
	for _, c := range s.charges {
		if c.id == id {
			return done(s.showCharge(c))
		}
	}
	return missing("charge", "id")
}

func (s *Server) listCharges(q url.Values) reply {
	list := []item{}
	for i := len(s.charges) - 1; i >= 0; i-- {
		if c := s.charges[i]; q.Get("payment_intent") == c.of.id {
			list = append(list, item{c.id, s.showCharge(c)})
		}
	}
	return paged("/v1/charges", list, q)
}

func (s *Server) getIntent(id string, q url.Values) reply {
	if pi := s.intent(id); pi != nil {
		return done(s.showIntent(pi, q))
	}
	return missing("payment_intent", "intent")
}

// searchable is when an object can be found after it was created.
const searchable = time.Minute

// search finds intents by one member of their metadata.
func (s *Server) search(q url.Values) reply {
	name, value, found := strings.Cut(strings.TrimPrefix(q.Get("query"), "metadata['"), "']:'")
	if !found || !strings.HasSuffix(value, "'") {
		return s.invalid("", "query")
	}
	value = strings.TrimSuffix(value, "'")
	list := []object{}
	for _, pi := range s.intents {
		s.age(pi)
		if pi.metadata[name] == value && s.now().Unix()-pi.created >= int64(searchable.Seconds()) {
			q.Add("expand[]", strings.TrimPrefix(q.Get("expand[0]"), "data."))
			list = append(list, s.showIntent(pi, q))
		}
	}
	return done(object{"object": "search_result", "url": "/v1/payment_intents/search", "has_more": false, "data": list})
}

func (s *Server) postIntent(id, verb string, form url.Values) reply {
	if id == "" {
		return s.createIntent(form)
	}
	pi := s.intent(id)
	if pi == nil {
		return missing("payment_intent", "intent")
	}
	switch verb {
	case "confirm":
		return s.confirm(pi, form)
	case "capture":
		if bad, is := s.only(form, "expand[", "metadata["); is {
			return bad
		}
		return s.capture(pi, form)
	case "cancel":
		if bad, is := s.only(form, "expand[", "cancellation_reason"); is {
			return bad
		}
		return s.cancel(pi, form)
	}
	return s.unrecognized()
}

func (s *Server) createIntent(form url.Values) reply {
	if bad, is := s.only(form, "amount", "currency", "capture_method", "automatic_payment_methods[", "metadata[", "description",
		"transfer_data[destination]", "application_fee_amount", "expand["); is {
		return bad
	}
	amount, fine := number(form, "amount")
	switch {
	case !fine || amount < 50:
		return s.invalid("amount_too_small", "amount")
	case amount > 99_999_999:
		return s.invalid("amount_too_large", "amount")
	case len(form.Get("currency")) != 3 || strings.ToLower(form.Get("currency")) != form.Get("currency"):
		return s.invalid("", "currency")
	case form.Get("capture_method") != "manual":
		return s.invalid("", "capture_method")
	}
	pi := s.newIntent(form, amount)
	return done(s.showIntent(pi, form))
}

func (s *Server) newIntent(form url.Values, amount int64) *intent {
	fee, _ := number(form, "application_fee_amount")
	pi := &intent{
		id: s.id("pi"), status: "requires_payment_method", amount: amount, currency: form.Get("currency"), description: form.Get("description"),
		metadata: members(form, "metadata"), account: form.Get("transfer_data[destination]"), fee: fee, created: s.now().Unix(),
		stays: form.Get("automatic_payment_methods[allow_redirects]") == "never",
	}
	s.intents = append(s.intents, pi)
	s.emit("payment_intent.created", s.showIntent(pi, nil))
	return pi
}

// state refuses an operation on an intent that is not ready for it.
func (s *Server) state(pi *intent) reply {
	r := s.invalid("payment_intent_unexpected_state", "")
	r.body["error"].(object)["payment_intent"] = s.showIntent(pi, nil)
	return r
}

func (s *Server) confirm(pi *intent, form url.Values) reply {
	if bad, is := s.only(form, "payment_method", "confirmation_token", "return_url", "use_stripe_sdk", "expand["); is {
		return bad
	}
	if pi.status != "requires_payment_method" && pi.status != "requires_confirmation" {
		return s.state(pi)
	}
	method := form.Get("payment_method")
	if token := form.Get("confirmation_token"); token != "" {
		if token != Token {
			return s.invalid("resource_missing", "confirmation_token")
		}
		method = Visa
	}
	if form.Get("return_url") == "" && !pi.stays {
		return s.invalid("", "return_url") // automatic payment methods may redirect
	}
	pi.method, pi.returnTo, pi.failure = method, form.Get("return_url"), nil
	return s.attempt(pi, method, form)
}

// attempt asks the bank.
func (s *Server) attempt(pi *intent, method string, form url.Values) reply {
	switch method {
	case Visa, Disputing, RefundsFail:
		s.approve(pi)
	case Declining:
		return s.decline(pi, "card_declined", "generic_decline")
	case Poor:
		return s.decline(pi, "card_declined", "insufficient_funds")
	case ThreeDSecure:
		if pi.status = "requires_action"; !pi.stays {
			pi.next = s.URL + buyerPath + pi.id
		}
		s.emit("payment_intent.requires_action", s.showIntent(pi, nil))
	case Slow:
		pi.status = "processing"
		s.emit("payment_intent.processing", s.showIntent(pi, nil))
	default:
		pi.method = ""
		return s.invalid("resource_missing", "payment_method")
	}
	return done(s.showIntent(pi, form))
}

func (s *Server) approve(pi *intent) {
	now := s.now()
	pi.charge = &charge{id: s.id("ch"), of: pi, created: now.Unix(), before: now.Add(authorizedFor).Unix()}
	s.charges = append(s.charges, pi.charge)
	pi.status, pi.next = "requires_capture", ""
	s.emit("payment_intent.amount_capturable_updated", s.showIntent(pi, nil))
}

// decline ends an attempt. The intent may be confirmed with another method.
func (s *Server) decline(pi *intent, code, why string) reply {
	pi.charge = &charge{id: s.id("ch"), of: pi, created: s.now().Unix(), failure: code}
	s.charges = append(s.charges, pi.charge)
	pi.status, pi.next = "requires_payment_method", ""
	e := object{"type": "card_error", "code": code, "decline_code": why, "charge": pi.charge.id, "message": "Your card was declined."}
	pi.failure = e
	s.emit("payment_intent.payment_failed", s.showIntent(pi, nil))
	whole := object{"payment_intent": s.showIntent(pi, nil)}
	for k, v := range e {
		whole[k] = v
	}
	return reply{http.StatusPaymentRequired, object{"error": whole}}
}

func (s *Server) capture(pi *intent, form url.Values) reply {
	if pi.status != "requires_capture" {
		return s.state(pi)
	}
	pi.status = "succeeded"
	pi.charge.captured, pi.charge.taken = true, pi.amount
	s.book(txn{kind: "charge", amount: pi.amount, fee: feeOf(pi.amount), charge: pi.charge})
	s.emit("payment_intent.succeeded", s.showIntent(pi, nil))
	s.emit("charge.captured", s.showCharge(pi.charge))
	if pi.method == Disputing {
		s.dispute(pi.charge, pi.amount)
	}
	return done(s.showIntent(pi, form))
}

func (s *Server) cancel(pi *intent, form url.Values) reply {
	if pi.status == "succeeded" || pi.status == "canceled" ||
		pi.session != nil && pi.session.status == "open" {
		return s.state(pi)
	}
	because := form.Get("cancellation_reason")
	if because == "" {
		because = "requested_by_customer"
	}
	s.cancelIntent(pi, because)
	return done(s.showIntent(pi, form))
}
