package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/provider/providertest"
	"boxoffice/internal/payment/sandbox/server"
	"boxoffice/internal/payment/sandbox/wire"
)

// bench is a gateway at work, with a receiver of its webhooks.
type bench struct {
	t    *testing.T
	dir  string
	srv  *httptest.Server
	gate *server.Server
	stop func()

	mu   sync.Mutex
	sent []providertest.Message
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		b.sent = append(b.sent, providertest.Message{Header: r.Header, Body: body})
		b.mu.Unlock()
	}))
	t.Cleanup(receiver.Close)
	b.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.gate.ServeHTTP(w, r) }))
	b.start("http://"+b.srv.Listener.Addr().String(), receiver.URL)
	b.srv.Start()
	t.Cleanup(func() {
		b.srv.CloseClientConnections()
		b.srv.Close()
		b.stop()
	})
	return b
}

// start starts the gateway over its folder.
func (b *bench) start(base, webhook string) {
	b.t.Helper()
	gate, err := server.New(server.Config{
		Data: b.dir, URL: base, Webhook: webhook, Secret: wire.Secret, Slow: 3 * time.Second, Expires: 7 * 24 * time.Hour,
		Switches: server.Switches{Webhooks: 0.5}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- gate.Run(ctx) }()
	b.gate, b.stop = gate, func() {
		cancel()
		if err := <-ran; err != nil {
			b.t.Error(err)
		}
		if err := gate.Close(); err != nil {
			b.t.Error(err)
		}
	}
}

// order sends an order to the gateway.
func (b *bench) order(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, raw, err)
	}
	return string(raw)
}

func (b *bench) now() time.Time {
	now, err := b.gate.Now(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return now
}

// visit is what a buyer does on the gateway's page.
func (b *bench) visit(t *testing.T, approve string, yes bool) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(approve)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(page, []byte("TEST")) || bytes.Contains(page, []byte("<tags>")) {
		t.Fatalf("%d %s %v", res.StatusCode, page, err)
	}
	decision := "refuse"
	if yes {
		decision = "approve"
	}
	res, err = browser.PostForm(approve, url.Values{"decision": {decision}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "http://127.0.0.1:1/checkout/wait" {
		t.Errorf("the buyer is sent to %q (%d)", to, res.StatusCode)
	}
}

func (b *bench) setup(t *testing.T) providertest.Setup {
	g := New(b.srv.URL, wire.Secret)
	t.Cleanup(g.Close)
	advance := func(t *testing.T, by string) { b.order(t, "POST", "/control/clock", `{"advance":"`+by+`"}`) }
	faults := map[string]func(*testing.T) func(){}
	for _, f := range server.Faults {
		faults[string(f)] = func(t *testing.T) func() {
			b.order(t, "PUT", "/control/switches", fmt.Sprintf(`{"latency_min_ns":0,"latency_max_ns":0,"webhooks":0,"shares":{%q:1}}`, f))
			return func() {
				b.order(t, "PUT", "/control/switches", `{"latency_min_ns":0,"latency_max_ns":0,"webhooks":0,"shares":{}}`)
			}
		}
	}
	return providertest.Setup{
		Gateway: g, Now: b.now, Signature: wire.SignatureHeader, Faults: faults,
		Approves: wire.OK, Declines: wire.Decline, Slow: wire.Slow, Elsewhere: wire.Elsewhere,
		Visit:  b.visit,
		Settle: func(t *testing.T, _ provider.Charge) { advance(t, "3s") },
		Expire: func(t *testing.T, _ provider.Charge) { advance(t, "169h") },
		Dispute: func(t *testing.T, c provider.Charge, s provider.DisputeState) {
			state := map[provider.DisputeState]string{provider.DisputeOpen: "open", provider.DisputeWon: "won", provider.DisputeLost: "lost"}[s]
			b.order(t, "POST", "/control/charges/"+c.ID+"/dispute", `{"state":"`+state+`","reason":"fraudulent"}`)
		},
		Sent: func(t *testing.T) []providertest.Message {
			patience.Until(t, "all webhooks are taken", b.gate.AllTold)
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.sent
		},
	}
}

func TestContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Setup { return newBench(t).setup(t) })
}

// A refund that fails after it was made is a failure from then on, and what was given back
// on the gateway's own pages has no key.
func TestRefundsOfACharge(t *testing.T) {
	b := newBench(t)
	g := New(b.srv.URL, wire.Secret)
	t.Cleanup(g.Close)
	c := provider.Charge{ID: "booking-1.1", Method: "tok_ok", Amount: 5000, Currency: "EUR"}
	approved := func(o provider.Outcome, err error) {
		t.Helper()
		if err != nil || o.Verdict != provider.Approved {
			t.Fatalf("%+v %v", o, err)
		}
	}
	o, err := g.Authorize(t.Context(), "a", c)
	approved(o, err)
	c.Reference = o.Reference
	approved(g.Capture(t.Context(), "c", c))
	approved(g.Refund(t.Context(), "event:7", c, 2000))
	b.order(t, "POST", "/control/charges/"+c.ID+"/refund-fails", "")
	b.order(t, "POST", "/control/charges/"+c.ID+"/refund", `{"amount":500}`)
	if o, err := g.Refund(t.Context(), "event:7", c, 2000); err != nil || o.Verdict != provider.Declined || o.Reason != wire.CodeRefundFailed || !o.Spent {
		t.Errorf("the same refund again: %+v %v", o, err)
	}
	approved(g.Refund(t.Context(), "event:7.2", c, 2000))
	list, err := g.Refunds(t.Context(), c)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	for i, want := range []provider.Refund{
		{Key: "event:7", Amount: 2000, Failed: true, Reason: wire.CodeRefundFailed}, {Amount: 500}, {Key: "event:7.2", Amount: 2000},
	} {
		if want.ID = list[i].ID; want.ID == "" || list[i] != want {
			t.Errorf("%+v, want %+v", list[i], want)
		}
	}
}
