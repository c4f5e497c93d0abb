// Package server is the sandbox gateway: a payment gateway of its own process, which
// behaves like a real one, well or badly, and moves no money.
//
//	book.go      everything that it knows, and the rules by which that changes; pure
//	log.go       the record of it on disk
//	server.go    the steps, over HTTP
//	control.go   what tests and people do to it: switches, the clock, disputes
//	switches.go  answers that go wrong
//	hooks.go     webhooks
//	pages.go     its pages: where buyers approve, and what there is
//	report.go    its view of all money
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/codec"
	"boxoffice/internal/payment/sandbox/wire"
)

// Config configures a gateway.
type Config struct {
	Data     string // folder of its log
	URL      string // under which buyers reach its pages, without a slash at its end
	Webhook  string // URL that it tells what happens; "": nobody
	Secret   string // signs answers and webhooks
	Slow     time.Duration
	Expires  time.Duration // authorizations last so long
	Switches Switches
	Seed     uint64
	Now      func() time.Time
	Log      *slog.Logger
}

// Server is a gateway.
type Server struct {
	cfg     Config
	queue   *batch.Queue[*job]
	trouble *trouble
	hooks   *hooks
	mux     *http.ServeMux

	// The queue's worker owns these.
	book   *book
	record *record

	mu   sync.Mutex
	last []byte // an answer, for Stale
}

// job is an operation that waits for the queue's worker; or a function that reads the
// book.
type job struct {
	op     op
	read   func(*book)
	answer wire.Answer
}

// New opens a gateway. Run does its background work; Close ends it.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, book: newBook(), trouble: newTrouble(cfg.Switches, cfg.Seed)}
	var err error
	if s.record, err = openRecord(cfg.Data, s.book); err != nil {
		return nil, err
	}
	s.hooks = newHooks(cfg, s.trouble)
	for n, e := range s.book.untold {
		s.hooks.add(n, e)
	}
	s.queue = batch.New(512, 20_000, s.commit)
	if err := s.queue.Do(context.Background(), &job{op: op{Op: opRules, Rules: &rules{cfg.Slow, cfg.Expires}}}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.routes()
	return s, nil
}

// Close finishes the requests under way. End Run before.
func (s *Server) Close() error {
	s.queue.Close()
	return s.record.file.Close()
}

// commit carries out a batch of operations, and answers once they are on disk.
func (s *Server) commit(items []*batch.Item[*job]) {
	from := s.book.events
	for _, it := range items {
		j := it.Value
		if j.read != nil {
			j.read(s.book)
			continue
		}
		var changed bool
		j.op.At = max(s.cfg.Now().Add(s.book.offset).UnixMicro(), s.book.now)
		if j.answer, changed = s.book.apply(j.op); changed {
			s.record.note(j.op)
		}
	}
	err := s.record.sync()
	if err == nil {
		for n := from + 1; n <= s.book.events; n++ {
			if e := s.book.untold[n]; !s.hooks.add(n, e) {
				delete(s.book.untold, n)
			}
		}
	}
	for _, it := range items {
		it.Done(err)
	}
}

// do carries out an operation.
func (s *Server) do(ctx context.Context, o op) (wire.Answer, error) {
	j := &job{op: o}
	if err := s.queue.Do(ctx, j); err != nil {
		return wire.Answer{}, fmt.Errorf("%s %s: %w", o.Op, o.Charge, err)
	}
	if c := j.answer.Charge; c != nil && c.Status == wire.RequiresAction {
		c.NextAction = s.cfg.URL + approvePath(s.cfg.Secret, c.Charge)
	}
	return j.answer, nil
}

// look reads the book between two batches, which wait for it.
func (s *Server) look(ctx context.Context, read func(*book)) error {
	return s.queue.Do(ctx, &job{read: read})
}

// Now is the gateway's clock.
func (s *Server) Now(ctx context.Context) (now time.Time, err error) {
	err = s.look(ctx, func(b *book) { now = s.cfg.Now().Add(b.offset) })
	return now, err
}

// Run lets time pass and sends webhooks until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.hooks.run(ctx, s.told) })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			if _, err := s.do(ctx, op{Op: opTick}); err != nil && ctx.Err() == nil {
				s.cfg.Log.ErrorContext(ctx, "the sandbox gateway cannot write", "error", err)
			}
		case <-ctx.Done():
		}
	}
	wg.Wait()
	return nil
}

// told records that a webhook was taken.
func (s *Server) told(ctx context.Context, n int) error {
	_, err := s.do(ctx, op{Op: opTold, Event: n})
	return err
}

// ServeHTTP answers a request, unless a page of another site has a browser send it: the
// gateway obeys everybody who reaches it, and pages reach what a browser's machine does. A
// name that such a site lets point to this machine is no name of the gateway.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.named(r.Host):
		http.Error(w, "This gateway has another name.", http.StatusMisdirectedRequest)
	case s.crossOrigin(r):
		http.Error(w, "Pages of other sites cannot use this gateway.", http.StatusForbidden)
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// named reports whether a Host header names the gateway: by an address, as localhost, or as
// its URL does.
func (s *Server) named(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	_, err := netip.ParseAddr(name)
	own, _ := url.Parse(s.cfg.URL)
	return err == nil || name == "" || strings.EqualFold(name, "localhost") || own != nil && strings.EqualFold(name, own.Hostname())
}

// crossOrigin reports whether a page of another site sends a request. Links to pages for
// people, such as those where buyers approve, may come from anywhere.
func (s *Server) crossOrigin(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && r.Header.Get("Sec-Fetch-Mode") == "navigate" && !strings.HasPrefix(r.URL.Path, "/control/") && !strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for path, kind := range map[string]kind{
		"POST /v1/charges":                  opAuthorize,
		"POST /v1/charges/{charge}/capture": opCapture,
		"POST /v1/charges/{charge}/void":    opVoid,
		"POST /v1/charges/{charge}/refund":  opRefund,
	} {
		s.mux.HandleFunc(path, s.troubled(func(r *http.Request) (step, error) {
			o, err := readStep(r, kind)
			return func(ctx context.Context) (wire.Answer, error) { return s.do(ctx, o) }, err
		}))
	}
	s.mux.HandleFunc("GET /v1/charges/{charge}", s.troubled(func(r *http.Request) (step, error) {
		charge := r.PathValue("charge")
		return func(ctx context.Context) (wire.Answer, error) { return s.find(ctx, charge) }, nil
	}))
	s.mux.HandleFunc("GET /v1/charges", s.troubled(func(r *http.Request) (step, error) {
		key := r.URL.Query().Get("key")
		if key == "" {
			return nil, errors.New("key: an idempotency key is required")
		}
		return func(ctx context.Context) (wire.Answer, error) {
			charge := ""
			if err := s.look(ctx, func(b *book) { charge = b.keys[key] }); err != nil {
				return wire.Answer{}, err
			}
			return s.find(ctx, charge)
		}, nil
	}))
	s.mux.HandleFunc("GET /v1/lines", s.troubled(s.list))
	s.control()
	s.pages()
}

// find reads a charge.
func (s *Server) find(ctx context.Context, charge string) (wire.Answer, error) {
	return s.do(ctx, op{Op: opLook, Request: wire.Request{Charge: charge}})
}

// step is what a request wants done.
type step func(ctx context.Context) (wire.Answer, error)

// pageOfLines is how many movements an answer has at most.
const pageOfLines = 1000

// list reads a page of the movements of a time.
func (s *Server) list(r *http.Request) (step, error) {
	q := r.URL.Query()
	from, err := strconv.ParseInt(q.Get("from"), 10, 64)
	if err != nil {
		return nil, errors.New("from: microseconds since 1970 are required")
	}
	to, err := strconv.ParseInt(q.Get("to"), 10, 64)
	if err != nil {
		return nil, errors.New("to: microseconds since 1970 are required")
	}
	after := 0
	if text := q.Get("after"); text != "" {
		if after, err = strconv.Atoi(text); err != nil || after < 0 {
			return nil, errors.New("after: next of the page before is required")
		}
	}
	return func(ctx context.Context) (a wire.Answer, err error) {
		a.Object, a.Lines = "answer", &wire.Lines{Items: []wire.Line{}}
		err = s.look(ctx, func(b *book) {
			first := max(after, sort.Search(len(b.lines), func(i int) bool { return b.lines[i].At >= from }))
			for i := first; i < len(b.lines) && b.lines[i].At < to; i++ {
				if len(a.Lines.Items) == pageOfLines {
					a.Lines.Next = strconv.Itoa(i)
					return
				}
				a.Lines.Items = append(a.Lines.Items, b.lines[i])
			}
		})
		return a, err
	}, nil
}

const maxBody = 16 << 10

// readStep reads the body of a step.
func readStep(r *http.Request, k kind) (op, error) {
	o := op{Op: k, Key: r.Header.Get(wire.KeyHeader)}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return o, err
	}
	if len(raw) > maxBody {
		return o, fmt.Errorf("the body has more than %d bytes", maxBody)
	}
	if err := codec.Read(raw, &o.Request); err != nil {
		if f, ok := codec.FaultOf(err); ok && f.Path != "" {
			return o, fmt.Errorf("%s: %s", f.Path, f.Reason)
		}
		return o, err
	}
	switch {
	case o.Charge == "" || len(o.Charge) > 200:
		return o, errors.New("charge: a name of 1 to 200 characters is required")
	case k != opAuthorize && o.Charge != r.PathValue("charge"):
		return o, errors.New("charge: the body is about another one than the path")
	case o.Key == "" || len(o.Key) > 255:
		return o, fmt.Errorf("%s: a value of 1 to 255 characters is required", wire.KeyHeader)
	case len(o.Currency) != 3 || strings.Trim(o.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return o, errors.New("currency: a code of ISO 4217 is required")
	case o.Amount < 0:
		return o, errors.New("amount: minor units, not less than 0")
	}
	return o, nil
}

// troubled answers a step, unless the switches want otherwise.
func (s *Server) troubled(read func(r *http.Request) (step, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		act, err := read(r)
		if err != nil {
			s.send(w, r, http.StatusBadRequest, wire.Answer{Object: "answer", Error: &wire.Error{Code: wire.CodeBadRequest, Text: err.Error()}})
			return
		}
		fault, wait := s.trouble.draw()
		if !rest(r.Context(), wait) {
			return
		}
		if fault != "" && !fault.acts() {
			s.spoil(w, r, fault, 0, nil)
			return
		}
		answer, err := act(context.WithoutCancel(r.Context())) // what has arrived is carried out
		if err != nil {
			s.cfg.Log.ErrorContext(r.Context(), "the sandbox gateway cannot write", "error", err)
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		status := http.StatusOK
		if e := answer.Error; e != nil && e.Code == wire.CodeUnknown {
			status = http.StatusNotFound
		} else if e != nil {
			status = http.StatusPaymentRequired
		}
		if fault != "" {
			s.spoil(w, r, fault, status, &answer)
			return
		}
		s.send(w, r, status, answer)
	}
}

// send sends a signed answer.
func (s *Server) send(w http.ResponseWriter, r *http.Request, status int, answer wire.Answer) {
	body, err := codec.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	s.last = body
	s.mu.Unlock()
	s.signed(w, status, wire.AnswerContext(r.Header.Get(wire.RequestHeader), status), body)
}

func (s *Server) signed(w http.ResponseWriter, status int, context string, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(wire.SignatureHeader, wire.Sign(s.cfg.Secret, time.Now(), context, body))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// spoil answers as a fault wants. answer is nil if nothing was done.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, f Fault, status int, answer *wire.Answer) {
	page := func(status int, text string) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><head><title>"+text+"</title></head><body><center><h1>"+text+"</h1></center><hr><center>proxy</center></body></html>\r\n")
	}
	switch f {
	case ErrorBefore, ErrorAfter:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case TimeoutBefore, TimeoutAfter:
		rest(r.Context(), time.Hour)
		panic(http.ErrAbortHandler)
	case HTML:
		page(http.StatusOK, "Welcome to proxy!")
	case Empty:
		w.WriteHeader(http.StatusOK)
	case NotFound:
		page(http.StatusNotFound, "404 Not Found")
	case BadGateway:
		page(http.StatusBadGateway, "502 Bad Gateway")
	case Stranger:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = io.WriteString(w, `{"object":"answer","error":{"code":"card_declined","declined":true,"text":"The bank declines."}}`)
	case Stale:
		s.mu.Lock()
		body := s.last
		s.mu.Unlock()
		s.signed(w, http.StatusOK, wire.AnswerContext("another", http.StatusOK), body)
	case Cut:
		body, _ := codec.Marshal(answer)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(wire.SignatureHeader, wire.Sign(s.cfg.Secret, time.Now(), wire.AnswerContext(r.Header.Get(wire.RequestHeader), status), body))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
	case Lost, Outage:
		panic(http.ErrAbortHandler)
	}
}

// rest waits, and reports whether the client has waited too.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// AllTold reports whether every webhook was taken.
func (s *Server) AllTold() (all bool) {
	err := s.look(context.Background(), func(b *book) { all = len(b.untold) == 0 })
	return err == nil && all
}
