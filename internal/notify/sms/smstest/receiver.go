// Package smstest is a provider of text messages for tests: a server that answers as
// Twilio's Messages API does, over real connections, and can be told to fail.
package smstest

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/notify/sms"
)

// The account of the provider's only customer.
const (
	Account = "AC00000000000000000000000000000000"
	Token   = "s3cret-token"
	From    = "+15005550006"
)

// Message is one that was taken.
type Message struct {
	ID, To, From, Body, Callback, Validity string
	At                                     time.Time
}

// Fault is what an answer does instead of taking the message. The zero value takes it.
type Fault struct {
	Status, Code int           // refuses with these
	RetryAfter   int           // seconds
	Silent       time.Duration // waits before anything else
	Taken        bool          // takes the message nevertheless
	Cut          bool          // closes the connection instead of answering
	Body         string        // instead of the JSON
}

// Receiver is the server.
type Receiver struct {
	URL string

	handler  http.Handler
	mu       sync.Mutex
	messages []Message
	requests int
	looked   int
	faults   func(n int, to string) Fault
}

// New starts a receiver, which ends with the test.
func New(t testing.TB) *Receiver {
	t.Helper()
	r := InProcess()
	server := httptest.NewServer(r.handler)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// InProcess makes a receiver without a network, for bubbles of package synctest. It is
// reached by its Client.
func InProcess() *Receiver {
	r := &Receiver{URL: "http://127.0.0.1:9"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", r.take)
	mux.HandleFunc("GET /2010-04-01/Accounts/{account}/Messages.json", r.list)
	r.handler = mux
	return r
}

// Client reaches the receiver without a network.
func (r *Receiver) Client() *http.Client { return &http.Client{Transport: within{r.handler}} }

// within carries requests to a handler in the same process.
type within struct{ handler http.Handler }

func (w within) RoundTrip(q *http.Request) (resp *http.Response, err error) {
	if trace := httptrace.ContextClientTrace(q.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	defer func() {
		if recover() != nil {
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, q)
	if err := q.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// Flag is the receiver as the setting --sms-url names it.
func (r *Receiver) Flag() string {
	return strings.Replace(r.URL, "http://", "http://"+Account+":"+Token+"@", 1) + "?from=" + url.QueryEscape(From)
}

// Fail sets what becomes of requests, by their number, from 1, and their recipient; nil: all
// are taken.
func (r *Receiver) Fail(faults func(n int, to string) Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.looked, r.faults = 0, 0, faults
}

// Messages are those that were taken.
func (r *Receiver) Messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// Requests returns how many messages were to be taken since the last Fail, and how often
// somebody looked for one.
func (r *Receiver) Requests() (sends, looks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.looked
}

func refuse(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = codec.Write(w, map[string]any{"code": code, "message": text, "status": status, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code)})
}

// allowed checks the account and its password.
func allowed(w http.ResponseWriter, q *http.Request) bool {
	user, password, _ := q.BasicAuth()
	if user != Account || password != Token || q.PathValue("account") != Account {
		refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
		return false
	}
	return true
}

func (r *Receiver) take(w http.ResponseWriter, q *http.Request) {
	if !allowed(w, q) {
		return
	}
	if err := q.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, 21602, "Message body is required.")
		return
	}
	m := Message{To: q.PostForm.Get("To"), From: q.PostForm.Get("From") + q.PostForm.Get("MessagingServiceSid"), Body: q.PostForm.Get("Body"),
		Callback: q.PostForm.Get("StatusCallback"), Validity: q.PostForm.Get("ValidityPeriod"), At: time.Now()}
	r.mu.Lock()
	r.requests++
	var f Fault
	if r.faults != nil {
		f = r.faults(r.requests, m.To)
	}
	r.mu.Unlock()
	switch {
	case m.Body == "":
		f = Fault{Status: http.StatusBadRequest, Code: 21602}
	case !strings.HasPrefix(m.To, "+") || len(m.To) < 8 || len(m.To) > 16 || strings.Trim(m.To[1:], "0123456789") != "":
		f = Fault{Status: http.StatusBadRequest, Code: 21211}
	case m.From == "":
		f = Fault{Status: http.StatusBadRequest, Code: 21603}
	}
	if f == (Fault{}) || f.Taken {
		r.mu.Lock()
		m.ID = fmt.Sprintf("SM%032x", len(r.messages)+1)
		r.messages = append(r.messages, m)
		r.mu.Unlock()
	}
	if f.Silent > 0 {
		select {
		case <-q.Context().Done():
			return
		case <-time.After(f.Silent):
		}
	}
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
		}
		if f.Body != "" {
			w.WriteHeader(f.Status)
			_, _ = w.Write([]byte(f.Body))
			return
		}
		refuse(w, f.Status, f.Code, "The 'To' number "+m.To+" is not served.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	if f.Body != "" {
		_, _ = w.Write([]byte(f.Body))
		return
	}
	_ = codec.Write(w, shown(&m))
}

// shown is a message as the API shows it.
func shown(m *Message) map[string]any {
	return map[string]any{"sid": m.ID, "status": "queued", "error_code": nil, "error_message": nil, "to": m.To, "from": m.From, "body": m.Body,
		"date_created": m.At.UTC().Format(time.RFC1123Z), "date_sent": nil, "num_segments": fmt.Sprint(sms.Segments(m.Body)), "account_sid": Account, "api_version": "2010-04-01"}
}

// list shows the messages to a number, the newest first.
func (r *Receiver) list(w http.ResponseWriter, q *http.Request) {
	if !allowed(w, q) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked++
	items := []map[string]any{}
	for i := len(r.messages) - 1; i >= 0; i-- {
		if m := &r.messages[i]; m.To == q.URL.Query().Get("To") {
			items = append(items, shown(m))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = codec.Write(w, map[string]any{"messages": items, "page": 0, "page_size": 50, "next_page_uri": nil})
}

// Call tells a message's sender what became of it, and returns the status of the answer.
func Call(ctx context.Context, m *Message, status string, code int) (int, error) {
	form := url.Values{"MessageSid": {m.ID}, "SmsSid": {m.ID}, "MessageStatus": {status}, "SmsStatus": {status}, "To": {m.To}, "From": {m.From},
		"AccountSid": {Account}, "ApiVersion": {"2010-04-01"}}
	if code != 0 {
		form.Set("ErrorCode", fmt.Sprint(code))
	}
	return CallWith(ctx, m.Callback, form, base64.StdEncoding.EncodeToString(sms.Sign(Token, m.Callback, form)))
}

// CallWith makes a call with any form and signature.
func CallWith(ctx context.Context, to string, form url.Values, signature string) (int, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	q.Header.Set("X-Twilio-Signature", signature)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
