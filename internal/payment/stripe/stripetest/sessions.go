package stripetest

import (
	"net/url"
	"time"
)

// session is a Checkout Session.
type session struct {
	id, status string
	form       url.Values
	intent     *intent
	created    int64
}

// sessionLife is how long a session stays open.
const sessionLife = 24 * time.Hour

func (s *Server) session(id string) *session {
	for _, c := range s.sessions {
		if c.id == id {
			if c.status == "open" && s.now().Unix()-c.created >= int64(sessionLife.Seconds()) {
				s.expire(c)
			}
			return c
		}
	}
	return nil
}

func (s *Server) expire(c *session) {
	c.status = "expired"
	if c.intent != nil {
		s.cancelIntent(c.intent, "automatic")
	}
	s.emit("checkout.session.expired", s.showSession(c, nil))
}

func (s *Server) showSession(c *session, q url.Values) object {
	amount, _ := number(c.form, "line_items[0][price_data][unit_amount]")
	o := object{
		"id": c.id, "object": "checkout.session", "status": c.status, "mode": "payment", "amount_total": amount,
		"currency": c.form.Get("line_items[0][price_data][currency]"), "created": c.created, "expires_at": c.created + int64(sessionLife.Seconds()),
		"livemode": false, "metadata": members(c.form, "metadata"), "payment_status": "unpaid", "payment_intent": nil, "url": nil,
		"success_url": c.form.Get("success_url"), "cancel_url": c.form.Get("cancel_url"),
	}
	if c.status == "open" {
		o["url"] = s.URL + buyerPath + c.id
	}
	if c.intent != nil {
		s.age(c.intent)
		o["payment_intent"] = c.intent.id
		if expands(q, "payment_intent") || expands(q, "payment_intent.latest_charge") {
			o["payment_intent"] = s.showIntent(c.intent, q)
		}
	}
	return o
}

func (s *Server) getSession(id string, q url.Values) reply {
	if c := s.session(id); c != nil {
		return done(s.showSession(c, q))
	}
	return missing("checkout.session", "session")
}

func (s *Server) postSession(id, verb string, form url.Values) reply {
	if id == "" {
		return s.createSession(form)
	}
	c := s.session(id)
	switch {
	case c == nil:
		return missing("checkout.session", "session")
	case verb != "expire":
		return s.unrecognized()
	case c.status != "open":
		return s.invalid("", "")
	}
	s.expire(c)
	return done(s.showSession(c, form))
}

func (s *Server) createSession(form url.Values) reply {
	if bad, is := s.only(form, "mode", "success_url", "cancel_url", "metadata[", "client_reference_id", "expand[",
		"line_items[0][quantity]", "line_items[0][price_data][currency]", "line_items[0][price_data][unit_amount]", "line_items[0][price_data][product_data][name]",
		"payment_intent_data[capture_method]", "payment_intent_data[metadata][", "payment_intent_data[description]",
		"payment_intent_data[transfer_data][destination]", "payment_intent_data[application_fee_amount]"); is {
		return bad
	}
	amount, fine := number(form, "line_items[0][price_data][unit_amount]")
	switch {
	case form.Get("mode") != "payment":
		return s.invalid("", "mode")
	case form.Get("success_url") == "":
		return s.invalid("parameter_missing", "success_url")
	case form.Get("line_items[0][price_data][product_data][name]") == "":
		return s.invalid("parameter_invalid_empty", "line_items[0][price_data][product_data][name]")
	case !fine || amount < 50:
		return s.invalid("amount_too_small", "")
	}
	c := &session{id: s.id("cs_test"), status: "open", form: form, created: s.now().Unix()}
	s.sessions = append(s.sessions, c)
	return done(s.showSession(c, form))
}

// submit pays on the page of a session.
func (s *Server) submit(c *session, method string) {
	if c.status != "open" {
		return
	}
	amount, _ := number(c.form, "line_items[0][price_data][unit_amount]")
	if c.intent == nil {
		inner := url.Values{
			"currency": {c.form.Get("line_items[0][price_data][currency]")}, "description": {c.form.Get("payment_intent_data[description]")},
			"transfer_data[destination]": {c.form.Get("payment_intent_data[transfer_data][destination]")},
			"application_fee_amount":     {c.form.Get("payment_intent_data[application_fee_amount]")},
		}
		for k, v := range members(c.form, "payment_intent_data[metadata]") {
			inner.Set("metadata["+k+"]", v)
		}
		c.intent = s.newIntent(inner, amount)
		c.intent.session = c
	}
	c.intent.method, c.intent.failure = method, nil
	s.attempt(c.intent, method, nil)
	if c.intent.status == "requires_capture" {
		c.status = "complete"
		s.emit("checkout.session.completed", s.showSession(c, nil))
	}
}
