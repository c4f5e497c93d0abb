package stripetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/codec"
)

// txn is a balance transaction.
type txn struct {
	id, kind, category, currency, payout string
	amount, fee, at                      int64
	charge                               *charge
	refund                               *refund
	dispute                              *dispute
}

func feeOf(amount int64) int64 { return amount*29/1000 + 30 }

func (s *Server) book(t txn) {
	t.id, t.at = s.id("txn"), s.now().Unix()
	if t.charge != nil {
		t.currency = t.charge.of.currency
	}
	if t.category == "" {
		t.category = t.kind
	}
	s.txns = append(s.txns, t)
}

func (s *Server) showTxn(t *txn, q url.Values) object {
	o := object{
		"id": t.id, "object": "balance_transaction", "amount": t.amount, "fee": t.fee, "net": t.amount - t.fee, "currency": t.currency,
		"created": t.at, "type": t.kind, "reporting_category": t.category, "status": "available",
	}
	source, whole := "", object{}
	switch {
	case t.refund != nil:
		source, whole = t.refund.id, s.showRefund(t.refund)
	case t.dispute != nil:
		source, whole = t.dispute.id, s.showDispute(t.dispute)
	case t.charge != nil:
		source, whole = t.charge.id, s.showCharge(t.charge)
	case t.payout != "":
		source, whole = t.payout, object{"id": t.payout, "object": "payout", "amount": -t.amount, "currency": t.currency}
	}
	if o["source"] = source; expands(q, "data.source") {
		o["source"] = whole
	}
	return o
}

// item is an object in a list.
type item struct {
	id   string
	body object
}

// paged returns one page of a list, which begins with the newest.
func paged(path string, list []item, q url.Values) reply {
	limit, ok := number(q, "limit")
	if !ok || limit < 1 || limit > 100 {
		limit = 10
	}
	if after := q.Get("starting_after"); after != "" {
		at := slices.IndexFunc(list, func(i item) bool { return i.id == after })
		if at < 0 {
			return missing("object", "starting_after")
		}
		list = list[at+1:]
	}
	more := int64(len(list)) > limit
	if more {
		list = list[:limit]
	}
	data := make([]object, len(list))
	for i := range list {
		data[i] = list[i].body
	}
	return done(object{"object": "list", "url": path, "has_more": more, "data": data})
}

// within reports whether a time is in the range that a list is asked for.
func within(q url.Values, at int64) bool {
	from, lower := number(q, "created[gte]")
	to, upper := number(q, "created[lt]")
	return (!lower || at >= from) && (!upper || at < to)
}

func (s *Server) listTxns(q url.Values) reply {
	list := []item{}
	for i := len(s.txns) - 1; i >= 0; i-- {
		if t := &s.txns[i]; within(q, t.at) {
			list = append(list, item{t.id, s.showTxn(t, q)})
		}
	}
	return paged("/v1/balance_transactions", list, q)
}

// Event is a message to webhooks.
type Event struct {
	ID, Type string
	Body     []byte
	at       int64
	shown    object
}

func (s *Server) emit(kind string, about object) {
	e := Event{ID: s.id("evt"), Type: kind, at: s.now().Unix()}
	e.shown = object{
		"id": e.ID, "object": "event", "api_version": Version, "created": e.at, "livemode": false, "pending_webhooks": 1,
		"type": kind, "data": object{"object": about}, "request": object{"id": nil, "idempotency_key": nil},
	}
	raw, err := codec.Marshal(e.shown)
	if err != nil {
		panic(err)
	}
	e.Body = raw
	s.events = append(s.events, e)
}

func (s *Server) listEvents(q url.Values) reply {
	for _, pi := range s.intents {
		s.age(pi)
	}
	list := []item{}
	for i := len(s.events) - 1; i >= 0; i-- {
		if e := &s.events[i]; within(q, e.at) && (q.Get("type") == "" || e.Type == q.Get("type")) {
			list = append(list, item{e.ID, e.shown})
		}
	}
	return paged("/v1/events", list, q)
}

// Events returns the messages so far, oldest first.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Sign returns the headers of a message that is sent at a time.
func Sign(body []byte, secret string, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return http.Header{"Stripe-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}
}
