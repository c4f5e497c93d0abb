// Package client is the sandbox gateway over HTTP, as a provider.Gateway.
//
// An answer counts only if the gateway has signed it for this very request. A page of a
// proxy, an empty body, half an answer or somebody else's is an error: nothing is known
// then, and above all nothing is declined.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/sandbox/wire"
	"boxoffice/internal/paymentapi"
)

// Client is a gateway. It implements provider.Gateway, Books and Notifier.
type Client struct {
	base, secret string
	http         *http.Client
}

const (
	timeout   = 10 * time.Second // of a request
	maxAnswer = 4 << 20
	perHost   = 128 // connections that are kept
)

// New makes a client of the gateway under a URL.
func New(base, secret string) *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.Proxy = perHost, perHost, nil
	return &Client{base: base, secret: secret, http: &http.Client{Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Form implements provider.Former.
func (g *Client) Form() paymentapi.Form {
	return paymentapi.Form{Simulated: true, Buttons: []string{wire.OK, wire.Decline, wire.Slow, wire.Elsewhere}}
}

// Close lets go of the connections.
func (g *Client) Close() { g.http.CloseIdleConnections() }

// Authorize implements provider.Gateway.
func (g *Client) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return g.step(ctx, "", key, c, 0, func(a *wire.Charge) bool { return a.Status != wire.Failed && a.Status != wire.Canceled })
}

// Capture implements provider.Gateway.
func (g *Client) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return g.step(ctx, "capture", key, c, 0, func(a *wire.Charge) bool { return a.Status == wire.Succeeded })
}

// Void implements provider.Gateway.
func (g *Client) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return g.step(ctx, "void", key, c, 0, func(a *wire.Charge) bool { return a.Status == wire.Canceled || a.Status == wire.Failed })
}

// Refund implements provider.Gateway.
func (g *Client) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	failed := false
	o, err := g.step(ctx, "refund", key, c, amount, func(a *wire.Charge) bool {
		failed = slices.Contains(a.Refunds, wire.Refund{Key: key, Amount: amount, Failed: true})
		return failed || slices.Contains(a.Refunds, wire.Refund{Key: key, Amount: amount})
	})
	if err == nil && failed {
		o.Verdict, o.Reason, o.Spent = provider.Declined, wire.CodeRefundFailed, true
	}
	return o, err
}

// Refunds implements provider.Refunds.
func (g *Client) Refunds(ctx context.Context, c provider.Charge) (list []provider.Refund, err error) {
	a, err := g.find(ctx, c)
	if err != nil || a == nil {
		return nil, err
	}
	for i, r := range a.Refunds {
		one := provider.Refund{ID: a.ID + "." + strconv.Itoa(i+1), Key: r.Key, Amount: r.Amount, Failed: r.Failed}
		if r.Failed {
			one.Reason = wire.CodeRefundFailed
		}
		list = append(list, one)
	}
	return list, nil
}

// step asks for a step. done reports whether the answer shows that it was carried out.
func (g *Client) step(ctx context.Context, name, key string, c provider.Charge, refund int64, done func(*wire.Charge) bool) (provider.Outcome, error) {
	path := "/v1/charges"
	if name != "" {
		path += "/" + url.PathEscape(c.ID) + "/" + name
	}
	a, err := g.ask(ctx, http.MethodPost, path, key, &wire.Request{
		Charge: c.ID, Amount: c.Amount, Currency: c.Currency, Method: c.Method, Description: c.Says, ReturnURL: c.ReturnTo,
		Account: c.Account, Fee: c.Fee, Refund: refund,
	})
	switch {
	case err != nil:
		return provider.Outcome{}, err
	case a.Error != nil && a.Error.Declined:
		o := provider.Outcome{Reason: reason(a.Error.Code)}
		if a.Charge != nil {
			o.Reference = a.Charge.ID
		}
		return o, nil
	case a.Error != nil:
		return provider.Outcome{}, fmt.Errorf("sandbox gateway: %s: %s", a.Error.Code, a.Error.Text)
	case a.Charge == nil || a.Charge.Charge != c.ID || !done(a.Charge):
		return provider.Outcome{}, errors.New("sandbox gateway: the answer is about something else")
	}
	_, o := standing(a.Charge)
	if name != "" { // the step itself is done; of an authorization the standing is the answer
		o = provider.Outcome{Verdict: provider.Approved, Reference: o.Reference, CaptureBefore: o.CaptureBefore, Taken: o.Taken}
	}
	return o, nil
}

// Find implements provider.Gateway.
func (g *Client) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	a, err := g.find(ctx, c)
	if err != nil || a == nil {
		return provider.Unknown, provider.Outcome{}, err
	}
	s, o := standing(a)
	return s, o, nil
}

// find reads a charge; nil if the gateway does not know it.
func (g *Client) find(ctx context.Context, c provider.Charge) (*wire.Charge, error) {
	a, err := g.ask(ctx, http.MethodGet, "/v1/charges/"+url.PathEscape(c.ID), "", nil)
	switch {
	case err != nil:
		return nil, err
	case a.Error != nil && a.Error.Code == wire.CodeUnknown:
		return nil, nil //nolint:nilnil // there is none
	case a.Error != nil:
		return nil, fmt.Errorf("sandbox gateway: %s: %s", a.Error.Code, a.Error.Text)
	case a.Charge == nil || a.Charge.Charge != c.ID:
		return nil, errors.New("sandbox gateway: the answer is about something else")
	}
	return a.Charge, nil
}

// standing reads a charge.
func standing(c *wire.Charge) (provider.Standing, provider.Outcome) {
	o := provider.Outcome{Reference: c.ID}
	for _, d := range c.Disputes {
		one := provider.Dispute{ID: d.ID, State: disputes[d.Status], Amount: d.Amount, Reason: d.Reason}
		if d.DueBy != 0 {
			one.Due = time.Unix(d.DueBy, 0).UTC()
		}
		o.Disputes = append(o.Disputes, one)
	}
	switch c.Status {
	case wire.RequiresAction:
		o.Verdict, o.Approve = provider.Undecided, c.NextAction
		return provider.Waiting, o
	case wire.Processing:
		o.Verdict = provider.Undecided
		return provider.Waiting, o
	case wire.RequiresCapture:
		o.Verdict = provider.Approved
		if c.CaptureBefore != 0 {
			o.CaptureBefore = time.Unix(c.CaptureBefore, 0).UTC()
		}
		return provider.Reserved, o
	case wire.Succeeded:
		o.Verdict, o.Taken = provider.Approved, provider.Sum{Amount: c.Captured, Currency: c.Currency}
		return provider.Taken, o
	case wire.Canceled:
		o.Reason = reason(c.Reason)
		return provider.Released, o
	}
	o.Reason = c.Reason
	return provider.Rejected, o
}

// reason is a code of the gateway's, as other gateways say it.
func reason(code string) string {
	if code == "expired" {
		return provider.Expired
	}
	return code
}

var disputes = map[string]provider.DisputeState{"open": provider.DisputeOpen, "won": provider.DisputeWon, "lost": provider.DisputeLost}

// Lines implements provider.Books.
func (g *Client) Lines(ctx context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		query := url.Values{"from": {strconv.FormatInt(from.UnixMicro(), 10)}, "to": {strconv.FormatInt(to.UnixMicro(), 10)}}
		for {
			a, err := g.ask(ctx, http.MethodGet, "/v1/lines?"+query.Encode(), "", nil)
			if err == nil && a.Lines == nil {
				err = errors.New("sandbox gateway: the answer has no lines")
			}
			if err != nil {
				yield(provider.Line{}, err)
				return
			}
			for _, l := range a.Lines.Items {
				if !yield(provider.Line{ID: l.ID, Kind: provider.LineKind(l.Kind), Charge: l.Charge, Reference: l.Reference, Key: l.Key,
					Amount: l.Amount, Fee: l.Fee, Currency: l.Currency, At: time.UnixMicro(l.At).UTC()}, nil) {
					return
				}
			}
			if a.Lines.Next == "" {
				return
			}
			query.Set("after", a.Lines.Next)
		}
	}
}

// Notice implements provider.Notifier.
func (g *Client) Notice(_ context.Context, h http.Header, body []byte, now time.Time) (provider.Notice, error) {
	if !wire.Signed(g.secret, h.Get(wire.SignatureHeader), now, provider.NoticeTolerance, "", body) {
		return provider.Notice{}, provider.ErrForged
	}
	var e wire.Event
	if err := codec.ReadKnown(body, &e); err != nil {
		return provider.Notice{}, fmt.Errorf("sandbox gateway: event: %w", err)
	}
	if e.Object != "event" || e.ID == "" {
		return provider.Notice{}, errors.New("sandbox gateway: a message is no event")
	}
	return provider.Notice{ID: e.ID, Charges: e.Charges, At: time.Unix(e.Created, 0).UTC()}, nil
}

// ask sends a request. The error says that nothing is known.
func (g *Client) ask(ctx context.Context, method, path, key string, body *wire.Request) (wire.Answer, error) {
	fail := func(err error) (wire.Answer, error) { return wire.Answer{}, fmt.Errorf("sandbox gateway: %w", err) }
	var send io.Reader
	if body != nil {
		raw, err := codec.Marshal(body)
		if err != nil {
			return fail(err)
		}
		send = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, g.base+path, send)
	if err != nil {
		return fail(err)
	}
	request := rand.Text()
	r.Header.Set(wire.RequestHeader, request)
	if key != "" {
		r.Header.Set(wire.KeyHeader, key)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := g.http.Do(r)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return fail(err)
	}
	const tolerance = 24 * time.Hour // the request's id makes the answer one of now
	if !wire.Signed(g.secret, res.Header.Get(wire.SignatureHeader), time.Now(), tolerance, wire.AnswerContext(request, res.StatusCode), raw) {
		return fail(fmt.Errorf("status %d, %d bytes of %q, not signed by the gateway for this request", res.StatusCode, len(raw), res.Header.Get("Content-Type")))
	}
	var a wire.Answer
	if err := codec.ReadKnown(raw, &a); err != nil {
		return fail(err)
	}
	if a.Object != "answer" {
		return fail(errors.New("the answer is none"))
	}
	return a, nil
}
