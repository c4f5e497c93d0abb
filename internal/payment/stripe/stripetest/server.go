// Package stripetest is a double of Stripe's HTTP API with a state: what was created can
// be confirmed, captured, canceled, refunded, disputed, listed and searched, as Stripe
// documents it for version 2025-08-27.basil. Tests drive it as buyers, banks and networks
// do.
//
//	server.go    the server: keys, parameters, idempotency, trouble on the way
//	intents.go   PaymentIntents and their charges
//	sessions.go  Checkout Sessions
//	refunds.go   refunds, disputes and payouts
//	books.go     balance transactions and events, and how they are listed
//	buyer.go     the pages on which a buyer approves
//
// Where Stripe leaves something open, the double takes what is worse for its callers: an
// object is found by search only a minute after it was created, and an error of the
// server is the answer to its idempotency key from then on.
package stripetest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/codec"
)

// Keys of the double's account.
const (
	SecretKey      = "sk_test_double"
	PublishableKey = "pk_test_double"
	WebhookSecret  = "whsec_double"
)

// Version of the API that is spoken.
const Version = "2025-08-27.basil"

// object is JSON on its way out.
type object map[string]any

// Server is the double.
type Server struct {
	URL string

	now  func() time.Time
	http *httptest.Server

	mu       sync.Mutex
	trouble  func(*http.Request) Trouble
	count    int // of ids
	intents  []*intent
	sessions []*session
	charges  []*charge
	refunds  []*refund
	disputes []*dispute
	txns     []txn
	events   []Event
	answers  map[string]answer // by idempotency key
	requests []Request
	late     []func(Trouble) // requests that have not arrived yet
}

// Trouble is what happens to a request on its way.
type Trouble uint8

// Kinds of trouble.
const (
	Fine         Trouble = iota
	ErrorBefore          // 500, and nothing was done; it stays the answer to the idempotency key
	ErrorAfter           // 500 after it was done; it stays the answer to the idempotency key
	Lost                 // done and recorded, but the answer is lost
	Cut                  // the connection ends before anything is done
	BadGateway           // 502 with HTML of a proxy
	ProxyMissing         // 404 with HTML of a proxy
	Nothing              // 200 without a body
	Page                 // 200 with HTML
	InUse                // 409: another request with the key is under way
	TooMany              // 429
	Locked               // 429: another request works on the object
	Foreign              // 200 with JSON of somebody else
	Revoked              // 401: the key does not work at the moment
	Moved                // 302 to a proxy's page
	Late                 // the connection ends, and a request whose key is new arrives when Arrive says so
)

// Request is one that arrived, and its answer, as the checks of their shapes need them.
type Request struct {
	Method, Path, Key, Body string
	Status                  int
	Answer                  []byte
}

// answer is one that an idempotency key has had.
type answer struct {
	print  [32]byte
	status int
	body   []byte
	id     string // of the request
	at     time.Time
}

// keyLife is how long a key is remembered.
const keyLife = 24 * time.Hour

// Start starts a double, which ends with the test. now may be a clock of the test's.
func Start(t testing.TB, now func() time.Time) *Server {
	s := &Server{now: now, answers: map[string]answer{}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	t.Cleanup(s.http.Close)
	return s
}

// Weather sets what happens to requests from now on; nil: nothing does.
func (s *Server) Weather(f func(*http.Request) Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = f
}

// Arrive lets requests arrive that are late, with what happens to them then.
func (s *Server) Arrive(kind Trouble) {
	s.mu.Lock()
	late := s.late
	s.late = nil
	s.mu.Unlock()
	for _, carryOut := range late {
		carryOut(kind)
	}
}

// Requests returns what was carried out so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, buyerPath) {
		s.page(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	trouble := s.trouble
	s.mu.Unlock()
	kind := Fine
	if trouble != nil {
		kind = trouble(r)
	}
	switch kind {
	case Cut:
		panic(http.ErrAbortHandler)
	case Late:
		s.mu.Lock()
		_, known := s.answers[r.Header.Get("Idempotency-Key")]
		if !known {
			s.late = append(s.late, func(kind Trouble) { s.answer(httptest.NewRecorder(), r, body, kind) })
		}
		s.mu.Unlock()
		if !known {
			panic(http.ErrAbortHandler)
		}
		s.answer(w, r, body, Fine)
	case BadGateway:
		proxyPage(w, http.StatusBadGateway)
	case ProxyMissing:
		proxyPage(w, http.StatusNotFound)
	case Page:
		proxyPage(w, http.StatusOK)
	case Nothing:
	case InUse:
		send(w, s.failure(409, "idempotency_error", "idempotency_key_in_use", ""), "", false)
	case TooMany:
		send(w, s.failure(429, "invalid_request_error", "rate_limit", ""), "", false)
	case Locked:
		send(w, s.failure(429, "invalid_request_error", "lock_timeout", ""), "", false)
	case Foreign:
		send(w, reply{http.StatusOK, object{"status": "succeeded"}}, "", false)
	case Revoked:
		send(w, s.failure(http.StatusUnauthorized, "invalid_request_error", "", ""), "", false)
	case Moved:
		http.Redirect(w, r, s.URL+buyerPath, http.StatusFound)
	default:
		s.answer(w, r, body, kind)
	}
}

func proxyPage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><body><h1>"+strconv.Itoa(status)+" proxy</h1></body></html>")
}

// reply is an answer before it is written.
type reply struct {
	status int
	body   object
}

func done(o object) reply { return reply{http.StatusOK, o} }

// failure is an answer in Stripe's form of errors.
func (s *Server) failure(status int, kind, code, param string) reply {
	e := object{"type": kind, "message": "The double says: " + code, "request_log_url": "https://dashboard.stripe.com/test/logs/x"}
	if code != "" {
		e["code"] = code
	}
	if param != "" {
		e["param"] = param
	}
	return reply{status, object{"error": e}}
}

// invalid refuses a parameter.
func (s *Server) invalid(code, param string) reply {
	return s.failure(http.StatusBadRequest, "invalid_request_error", code, param)
}

func missing(what, param string) reply {
	return reply{http.StatusNotFound, object{"error": object{
		"type": "invalid_request_error", "code": "resource_missing", "param": param, "message": "No such " + what,
	}}}
}

func send(w http.ResponseWriter, r reply, request string, replayed bool) {
	raw, err := codec.Marshal(r.body)
	if err != nil {
		panic(err)
	}
	write(w, r.status, raw, request, replayed)
}

func write(w http.ResponseWriter, status int, raw []byte, request string, replayed bool) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Stripe-Version", Version)
	h.Set("Request-Id", request)
	if replayed {
		h.Set("Idempotent-Replayed", "true")
		h.Set("Original-Request", request)
	}
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// answer carries out a request, or repeats what its idempotency key was answered.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte, kind Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if refused, ok := s.refuse(r, key); ok {
		send(w, refused, s.id("req"), false)
		return
	}
	print := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "\n" + string(body)))
	if was, ok := s.answers[key]; ok && r.Method == http.MethodPost && s.now().Sub(was.at) < keyLife {
		switch {
		case was.print != print:
			send(w, s.failure(http.StatusBadRequest, "idempotency_error", "", ""), s.id("req"), false)
		case kind == Lost:
			panic(http.ErrAbortHandler)
		default:
			write(w, was.status, was.body, was.id, true)
		}
		return
	}
	re := s.failure(http.StatusInternalServerError, "api_error", "", "")
	if kind != ErrorBefore {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			values = url.Values{}
		}
		if got := s.route(r, values); kind != ErrorAfter {
			re = got
		}
	}
	raw, err := codec.Marshal(re.body)
	if err != nil {
		panic(err)
	}
	request := s.id("req")
	s.requests = append(s.requests, Request{r.Method, r.URL.RequestURI(), key, string(body), re.status, raw})
	if r.Method == http.MethodPost && keeps(re) {
		s.answers[key] = answer{print, re.status, raw, request, s.now()}
	}
	if kind == Lost {
		panic(http.ErrAbortHandler)
	}
	write(w, re.status, raw, request, false)
}

// keeps reports whether an answer stays the answer to its key: all do but those of
// requests that were refused before anything began.
func keeps(r reply) bool {
	e, _ := r.body["error"].(object)
	code, _ := e["code"].(string)
	return r.status < 400 || r.status >= 500 || code == "card_declined" || code == "payment_intent_unexpected_state"
}

// refuse checks the headers of a request.
func (s *Server) refuse(r *http.Request, key string) (reply, bool) {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if user, _, ok := r.BasicAuth(); ok {
		given = user
	}
	switch {
	case given != SecretKey:
		return s.failure(http.StatusUnauthorized, "invalid_request_error", "", ""), true
	case r.Header.Get("Stripe-Version") != Version:
		return s.invalid("", "Stripe-Version"), true
	case r.Method == http.MethodPost && (key == "" || len(key) > 255):
		return s.invalid("", "Idempotency-Key"), true
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		return s.invalid("", "Content-Type"), true
	}
	return reply{}, false
}

// route finds what a request is for.
func (s *Server) route(r *http.Request, form url.Values) reply {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if len(parts) < 2 || parts[0] != "v1" {
		return s.unrecognized()
	}
	parts = parts[1:]
	if parts[0] == "checkout" {
		parts[0] = strings.Join(parts[:min(2, len(parts))], "/")
		parts = append(parts[:1], parts[min(2, len(parts)):]...)
	}
	id, verb := "", ""
	if len(parts) > 1 {
		id = parts[1]
	}
	if len(parts) > 2 {
		verb = parts[2]
	}
	post := r.Method == http.MethodPost
	switch {
	case parts[0] == "payment_intents" && post:
		return s.postIntent(id, verb, form)
	case parts[0] == "payment_intents" && id == "search":
		return s.search(query)
	case parts[0] == "payment_intents" && id != "":
		return s.getIntent(id, query)
	case parts[0] == "checkout/sessions" && post:
		return s.postSession(id, verb, form)
	case parts[0] == "checkout/sessions" && id != "":
		return s.getSession(id, query)
	case parts[0] == "refunds" && post && id == "":
		return s.postRefund(form)
	case parts[0] == "refunds" && id == "":
		return s.listRefunds(query)
	case parts[0] == "disputes" && id == "":
		return s.listDisputes(query)
	case parts[0] == "charges" && id == "":
		return s.listCharges(query)
	case parts[0] == "charges" && id != "":
		return s.getCharge(id, query)
	case parts[0] == "balance_transactions" && id == "":
		return s.listTxns(query)
	case parts[0] == "events" && id == "":
		return s.listEvents(query)
	}
	return s.unrecognized()
}

func (s *Server) unrecognized() reply {
	return s.failure(http.StatusNotFound, "invalid_request_error", "", "")
}

// id makes an id; the numbers in it grow.
func (s *Server) id(prefix string) string {
	s.count++
	sum := sha256.Sum256([]byte(prefix + strconv.Itoa(s.count)))
	return fmt.Sprintf("%s_%08d%s", prefix, s.count, strings.Map(alnum, base64.RawStdEncoding.EncodeToString(sum[:12])))
}

func alnum(r rune) rune {
	if r == '+' || r == '/' {
		return 'x'
	}
	return r
}

// only refuses parameters that an operation does not know. A name that ends in [ stands
// for all members.
func (s *Server) only(form url.Values, names ...string) (reply, bool) {
	for key := range form {
		if !slices.ContainsFunc(names, func(n string) bool {
			return key == n || strings.HasSuffix(n, "[") && strings.HasPrefix(key, n)
		}) {
			return s.invalid("parameter_unknown", key), true
		}
	}
	return reply{}, false
}

// members returns the values of a hash, such as metadata.
func members(form url.Values, name string) map[string]string {
	out := map[string]string{}
	for key := range form {
		if inner, ok := strings.CutPrefix(key, name+"["); ok {
			out[strings.TrimSuffix(inner, "]")] = form.Get(key)
		}
	}
	return out
}

// expands reports whether a request asks for a whole object in place of its id.
func expands(q url.Values, name string) bool {
	for key, values := range q {
		if strings.HasPrefix(key, "expand[") && slices.Contains(values, name) {
			return true
		}
	}
	return false
}

func number(form url.Values, name string) (int64, bool) {
	n, err := strconv.ParseInt(form.Get(name), 10, 64)
	return n, err == nil
}
