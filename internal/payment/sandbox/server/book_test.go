package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/codec"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/sandbox/wire"
)

const week = 7 * 24 * time.Hour

// anOp draws an operation at a time.
func anOp(t *rapid.T, at int64) op {
	o := op{At: at, Op: rapid.SampledFrom([]kind{opAuthorize, opAuthorize, opCapture, opCapture, opVoid, opRefund, opApprove, opRefuse, opDispute, opExpire, opTick, opAdvance, opLook}).Draw(t, "op")}
	n := rapid.IntRange(1, 6).Draw(t, "charge")
	o.Request = wire.Request{Charge: fmt.Sprintf("c%d", n), Amount: int64(1000 * n), Currency: []string{"EUR", "JPY"}[n%2],
		Method: rapid.SampledFrom([]string{wire.OK, wire.OK, wire.Decline, wire.Slow, wire.Elsewhere, "tok_x"}).Draw(t, "method"), Account: []string{"", "", "acct_1"}[n%3], Fee: int64(50 * (n % 3))}
	switch o.Op {
	case opRefund:
		o.Refund = rapid.Int64Range(-1, 4000).Draw(t, "refund")
		o.Key = rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(t, "key") + o.Charge
	case opDispute:
		o.State = rapid.SampledFrom([]string{"open", "won", "lost"}).Draw(t, "state")
	case opAdvance:
		o.By = time.Hour
	case opAuthorize, opCapture, opVoid:
		o.Key = o.Charge + string(o.Op)
	}
	return o
}

// Whatever happens, the books balance, no charge gives back more than it took, and the
// log makes the same book again.
func TestBooksBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, again := newBook(), newBook()
		at := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC).UnixMicro()
		first := op{At: at, Op: opRules, Rules: &rules{3 * time.Second, week}}
		b.apply(first)
		log := []op{first}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at += rapid.SampledFrom([]int64{0, 1, 2e6, 4e6, microsOfDay, 8 * microsOfDay}).Draw(t, "pause")
			o := anOp(t, at)
			if _, changed := b.apply(o); changed {
				log = append(log, o)
			}
		}
		for currency, s := range b.report().Currencies {
			if left := s.Captured - s.Refunded - s.Disputed + s.WonBack - s.Fees - s.PaidOut; left != s.Payable {
				t.Fatalf("%s: %+v comes to %d", currency, s, left)
			}
		}
		var last int64
		for _, l := range b.lines {
			if l.At < last || l.Amount <= 0 {
				t.Fatalf("line %+v after %d", l, last)
			}
			last = l.At
		}
		for name, c := range b.charges {
			var refunds int64
			for _, r := range c.Refunds {
				refunds += r.Amount
			}
			if refunds != c.Refunded || c.Refunded > c.Captured || c.Captured > c.Amount || c.left() < 0 {
				t.Fatalf("%s: %+v", name, c.Charge)
			}
		}
		for _, o := range log {
			again.apply(o)
		}
		if !reflect.DeepEqual(b.report(), again.report()) || !reflect.DeepEqual(b.lines, again.lines) || !reflect.DeepEqual(b.untold, again.untold) || b.offset != again.offset {
			t.Fatalf("the log makes\n%+v\nof\n%+v", again.report(), b.report())
		}
	})
}

// Balances are paid out at midnight, each to its account.
func TestPayouts(t *testing.T) {
	b := newBook()
	at := time.Date(2031, 5, 6, 23, 0, 0, 0, time.UTC).UnixMicro()
	b.apply(op{At: at, Op: opRules, Rules: &rules{time.Second, week}})
	pay := func(charge, account string, amount, fee int64) {
		r := wire.Request{Charge: charge, Amount: amount, Currency: "EUR", Method: wire.OK, Account: account, Fee: fee}
		b.apply(op{At: at, Op: opAuthorize, Request: r, Key: charge + "a"})
		b.apply(op{At: at, Op: opCapture, Request: r, Key: charge + "c"})
	}
	pay("one", "", 10_000, 0)
	pay("two", "acct_1", 10_000, 1000)
	at += 2 * int64(time.Hour/time.Microsecond)
	if _, changed := b.apply(op{At: at, Op: opTick}); !changed {
		t.Fatal("nothing was paid out")
	}
	var got []string
	for _, l := range b.lines {
		if l.Kind == "payout" {
			got = append(got, fmt.Sprint(l.Account, l.Amount, time.UnixMicro(l.At).UTC().Format("15:04:05")))
		}
	}
	if want := []string{"10650" + "00:00:00", "acct_19000" + "00:00:00"}; !reflect.DeepEqual(got, want) { // 10,000 − 175 + 1,000 − 175; 10,000 − 1,000
		t.Errorf("paid out %v, want %v", got, want)
	}
	if _, changed := b.apply(op{At: at, Op: opTick}); changed {
		t.Error("something was paid out twice")
	}
}

func open(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Secret, cfg.Slow, cfg.Expires, cfg.Log = "s", 3*time.Second, week, slog.New(slog.DiscardHandler)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(t *testing.T, s *Server, method, path, key, body string) (int, wire.Answer) {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8070"+path, strings.NewReader(body))
	r.Header.Set(wire.KeyHeader, key)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var a wire.Answer
	if err := codec.ReadKnown(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, w.Code, w.Body, err)
	}
	return w.Code, a
}

const aCharge = `{"charge":"c1","amount":5000,"currency":"EUR","method":"tok_ok"}`

// A crash loses nothing that was answered, wherever it cuts the last line.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Data: dir})
	ask(t, s, "POST", "/v1/charges", "k1", aCharge)
	ask(t, s, "POST", "/v1/charges/c1/capture", "k2", `{"charge":"c1","amount":5000,"currency":"EUR"}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := ReadBooks(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, LogName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []string{"", `{"at":1,"op":"ref`, `{`} {
		if err := os.WriteFile(name, append(bytes.Clone(whole), cut...), 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, Config{Data: dir})
		if status, a := ask(t, s, "GET", "/v1/charges?key=k2", "", ""); status != 200 || a.Charge.Status != wire.Succeeded {
			t.Errorf("after a crash at %q: %d %+v", cut, status, a)
		}
		if status, a := ask(t, s, "GET", "/v1/charges?key=k9", "", ""); status != 404 || a.Error.Code != wire.CodeUnknown {
			t.Errorf("an unknown key: %d %+v", status, a)
		}
		ask(t, s, "POST", "/v1/charges/c1/refund", "k3", `{"charge":"c1","amount":5000,"currency":"EUR","refund":100}`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := ReadBooks(dir)
		if err != nil || after.Currencies["EUR"].Captured != before.Currencies["EUR"].Captured || after.Currencies["EUR"].Refunded != 100 {
			t.Errorf("after a crash at %q: %+v, %v", cut, after, err)
		}
	}
	if err := os.WriteFile(name, append([]byte("nonsense\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Data: dir, Secret: "s", Now: time.Now}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a damaged record: %v", err)
	}
}

// Requests that make no sense name what is wrong, and decline nothing.
func TestBadRequests(t *testing.T) {
	s := open(t, Config{Data: t.TempDir()})
	defer s.Close()
	for _, c := range []struct{ method, path, key, body, wrong string }{
		{"POST", "/v1/charges", "k", `{}`, "charge:"},
		{"POST", "/v1/charges", "", aCharge, "Idempotency-Key:"},
		{"POST", "/v1/charges", "k", strings.Replace(aCharge, "EUR", "euro", 1), "currency:"},
		{"POST", "/v1/charges", "k", strings.Replace(aCharge, "5000", "-1", 1), "amount:"},
		{"POST", "/v1/charges", "k", strings.Replace(aCharge, "amount", "amnt", 1), "amnt"},
		{"POST", "/v1/charges", "k", "<html>", "JSON"},
		{"POST", "/v1/charges/c2/capture", "k", aCharge, "charge:"},
		{"GET", "/v1/charges", "", "", "key:"},
		{"GET", "/v1/lines?from=1", "", "", "to:"},
		{"GET", "/v1/lines?from=x&to=1", "", "", "from:"},
		{"GET", "/v1/lines?from=1&to=2&after=-1", "", "", "after:"},
	} {
		status, a := ask(t, s, c.method, c.path, c.key, c.body)
		if status != 400 || a.Error == nil || a.Error.Declined || !strings.Contains(a.Error.Text, c.wrong) {
			t.Errorf("%s %s %s: %d %+v, want %q", c.method, c.path, c.body, status, a.Error, c.wrong)
		}
	}
	ask(t, s, "POST", "/v1/charges", "k1", aCharge)
	if _, a := ask(t, s, "POST", "/v1/charges", "k1", strings.Replace(aCharge, "c1", "c2", 1)); a.Error == nil || a.Error.Code != "key_reused" {
		t.Errorf("one key for two charges: %+v", a)
	}
	if _, a := ask(t, s, "POST", "/v1/charges", "k2", strings.Replace(aCharge, "5000", "5001", 1)); a.Error == nil || a.Error.Code != "amount_differs" {
		t.Errorf("another amount: %+v", a)
	}
}

// A list of movements has pages, each movement once.
func TestPagesOfLines(t *testing.T) {
	now := time.Date(2031, 5, 6, 0, 0, 0, 0, time.UTC)
	s := open(t, Config{Data: t.TempDir(), Now: func() time.Time { return now }})
	defer s.Close()
	const n = 2*pageOfLines + 7
	if err := s.look(t.Context(), func(b *book) {
		for i := range n {
			b.now = now.UnixMicro() + int64(i)
			b.line("captured", &charge{Charge: wire.Charge{Charge: fmt.Sprint("c", i), Currency: "EUR"}}, "", 1, 0)
		}
	}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	after := ""
	for {
		_, a := ask(t, s, "GET", fmt.Sprintf("/v1/lines?from=%d&to=%d&after=%s", now.UnixMicro()+3, now.UnixMicro()+n-2, after), "", "")
		for _, l := range a.Lines.Items {
			seen[l.ID] = true
		}
		if after = a.Lines.Next; after == "" {
			break
		}
	}
	if len(seen) != n-5 || seen["ln_3"] || !seen["ln_4"] || seen[fmt.Sprint("ln_", n-1)] {
		t.Errorf("%d of %d lines", len(seen), n-5)
	}
}

// Webhooks are sent until they are taken, also by the next process.
func TestWebhooks(t *testing.T) {
	var mu sync.Mutex
	refuse := true
	taken := map[string]bool{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil || !wire.Signed("s", r.Header.Get(wire.SignatureHeader), time.Now(), time.Minute, "", body) {
			t.Errorf("%s: %v", body, err)
		}
		var e wire.Event
		if err := codec.Read(body, &e); err != nil {
			t.Error(err)
		}
		if refuse {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken[e.Type] = true
	}))
	defer receiver.Close()
	dir := t.TempDir()
	for _, process := range []int{1, 2} {
		s := open(t, Config{Data: dir, Webhook: receiver.URL, Switches: Switches{Webhooks: 1}})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		if process == 1 {
			ask(t, s, "POST", "/v1/charges", "k1", aCharge)
			ask(t, s, "POST", "/v1/charges/c1/void", "k2", `{"charge":"c1","amount":5000,"currency":"EUR"}`)
		} else {
			mu.Lock()
			refuse = false
			mu.Unlock()
			patience.Until(t, "the webhooks are taken", s.AllTold)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !taken["charge.authorized"] || !taken["charge.voided"] {
		t.Errorf("taken: %v", taken)
	}
}

// The home page shows what there is, and its forms work.
func TestHome(t *testing.T) {
	s := open(t, Config{Data: t.TempDir(), URL: "http://127.0.0.1:8070"})
	defer s.Close()
	do := func(form string) (int, string) {
		r := httptest.NewRequest("POST", "http://127.0.0.1:8070/do", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	home := func() string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1:8070/", nil))
		return w.Body.String()
	}
	if text := home(); !strings.Contains(text, "Nobody has paid") {
		t.Error(text)
	}
	ask(t, s, "POST", "/v1/charges", "k1", strings.Replace(aCharge, `"tok_ok"`, `"tok_ok","description":"<b>Gala</b>"`, 1))
	ask(t, s, "POST", "/v1/charges/c1/capture", "k2", `{"charge":"c1","amount":5000,"currency":"EUR"}`)
	if code, _ := do("charge=c1&do=open"); code != http.StatusSeeOther {
		t.Errorf("dispute: %d", code)
	}
	if code, _ := do("do=switches&min=5&max=10&fault-html=2.5&webhooks=1"); code != http.StatusSeeOther || s.trouble.get().Shares[HTML] != 0.025 || s.trouble.get().LatencyMax != 10*time.Millisecond {
		t.Errorf("switches: %d %+v", code, s.trouble.get())
	}
	if code, text := do("do=switches&min=x"); code != http.StatusBadRequest || !strings.Contains(text, "min: &#34;x&#34; is not a number") {
		t.Errorf("bad switches: %d %s", code, text)
	}
	if code, _ := do("do=good"); code != http.StatusSeeOther || len(s.trouble.get().Shares) != 0 {
		t.Error("it goes on behaving badly")
	}
	if text := home(); !strings.Contains(text, "&lt;b&gt;Gala") || !strings.Contains(text, "dispute open") || !strings.Contains(text, "€50.00") {
		t.Error(text)
	}
	r := httptest.NewRequest("POST", "http://127.0.0.1:8070/do", strings.NewReader("advance=1h"))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("another site's form: %d", w.Code)
	}
}

func TestSwitches(t *testing.T) {
	for _, c := range []struct {
		s     Switches
		wrong string
	}{
		{Switches{}, ""},
		{Switches{Shares: map[Fault]float64{HTML: 0.5, Lost: 0.5}}, ""},
		{Switches{Shares: map[Fault]float64{HTML: 0.6, Lost: 0.5}}, "more than 1"},
		{Switches{Shares: map[Fault]float64{"rain": 0.5}}, `"rain"`},
		{Switches{Shares: map[Fault]float64{HTML: -0.5}}, "share of html"},
		{Switches{LatencyMin: 2, LatencyMax: 1}, "latency"},
		{Switches{Webhooks: 2}, "webhooks"},
	} {
		if err := c.s.Check(); (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%+v: %v, want %q", c.s, err, c.wrong)
		}
	}
	tr := newTrouble(Switches{Shares: map[Fault]float64{ErrorBefore: 0.05, TimeoutAfter: 0.01}, LatencyMin: 50, LatencyMax: 2000}, 1)
	count := map[Fault]int{}
	for range 100_000 {
		f, wait := tr.draw()
		count[f]++
		if wait < 50 || wait >= 2000 {
			t.Fatal(wait)
		}
	}
	if count[ErrorBefore] < 4500 || count[ErrorBefore] > 5500 || count[TimeoutAfter] < 800 || count[TimeoutAfter] > 1200 {
		t.Error(count)
	}
}
