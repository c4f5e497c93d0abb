package stripe

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/stripe/stripetest"
)

// Every request of ours has the shape that Stripe publishes, and the double's answers have
// no member that Stripe's do not have.
func TestShapes(t *testing.T) {
	mock := startMock(t)
	ids := regexp.MustCompile(`(pi|cs_test|ch|re|txn|evt)_[0-9A-Za-z_]+`)
	seen := map[string]bool{}
	for _, r := range allRequests(t) {
		shape := r.Method + " " + ids.ReplaceAllString(r.Path, "$1") + " " + ids.ReplaceAllString(r.Body, "$1")
		if seen[shape] || r.Status != http.StatusOK {
			continue
		}
		seen[shape] = true
		status, body := ask(t, mock, r)
		if status != http.StatusOK {
			t.Errorf("%s %s with %s: Stripe's stub answers %d: %s", r.Method, r.Path, r.Body, status, body)
			continue
		}
		var theirs, ours map[string]any
		if err := codec.ReadKnown(body, &theirs); err != nil {
			t.Fatal(err)
		}
		if err := codec.ReadKnown(r.Answer, &ours); err != nil {
			t.Fatal(err)
		}
		for name := range ours {
			if _, ok := theirs[name]; !ok {
				t.Errorf("%s %s: the double answers with %q, which Stripe does not have", r.Method, r.Path, name)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d shapes of requests were checked", len(seen))
	}
	status, body := ask(t, mock, stripetest.Request{Method: "POST", Path: "/v1/payment_intents", Body: "amount=5000&currency=eur&captured=manual"})
	if status != http.StatusBadRequest {
		t.Fatalf("the stub accepts a parameter that does not exist: %d: %s", status, body)
	}
}

// allRequests carries out every step in every way, and returns the requests for them.
func allRequests(t *testing.T) []stripetest.Request {
	g, double := start(t)
	ctx := t.Context()
	charge := func(id, method string) provider.Charge {
		return provider.Charge{ID: id, Method: method, Amount: 5000, Currency: "EUR", Says: "Order ABC", ReturnTo: "https://tickets.example/checkout/x/wait"}
	}
	split := charge("split-1.1", stripetest.Visa)
	split.Account, split.Fee = "acct_1", 300
	page := charge("page-1.1", Checkout)
	page.Account, page.Fee = "acct_1", 300
	for i, c := range []provider.Charge{
		charge("card-1.1", stripetest.Visa), charge("token-1.1", stripetest.Token), charge("secure-1.1", stripetest.ThreeDSecure),
		charge("page-2.1", Checkout), split, page,
	} {
		o, err := g.Authorize(ctx, c.ID+".authorize", c)
		if err != nil {
			t.Fatal(err)
		}
		if o.Verdict == provider.Undecided {
			double.Visit(o.Approve, stripetest.Visa)
		}
		if _, _, err := g.Find(ctx, c); err != nil { // without its reference
			t.Fatal(err)
		}
		c.Reference = o.Reference
		if o, err = g.Capture(ctx, c.ID+".capture", c); err != nil || o.Verdict != provider.Approved {
			t.Fatalf("%s: %+v, %v", c.ID, o, err)
		}
		if o, err = g.Refund(ctx, "event:"+strconv.Itoa(i), c, 1000); err != nil || o.Verdict != provider.Approved {
			t.Fatalf("%s: %+v, %v", c.ID, o, err)
		}
		double.Dispute(c.Reference, 4000)
		if _, _, err := g.Find(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []provider.Charge{charge("void-1.1", stripetest.Visa), charge("void-2.1", Checkout), charge("void-3.1", "")} {
		if o, err := g.Void(ctx, c.ID+".void", c); err != nil || o.Verdict != provider.Approved {
			t.Fatalf("%s: %+v, %v", c.ID, o, err)
		}
	}
	c := charge("void-4.1", stripetest.Visa)
	if _, err := g.Authorize(ctx, c.ID+".authorize", c); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Void(ctx, c.ID+".void", c); err != nil {
		t.Fatal(err)
	}
	double.Payout("eur")
	for _, err := range g.Lines(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return double.Requests()
}

func ask(t *testing.T, mock string, r stripetest.Request) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.Method, mock+r.Path, strings.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test_123")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// startMock starts Stripe's stub server and returns its address.
func startMock(t *testing.T) string {
	t.Helper()
	program, err := brokertest.ProgramOf("stripemock", "stripe-mock")
	if err != nil {
		t.Fatal(err) // never skipped
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var said bytes.Buffer
	cmd := exec.Command(program, "-http-addr", address)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	patience := time.After(2 * time.Minute)
	for {
		if res, err := http.Get("http://" + address + "/"); err == nil {
			_ = res.Body.Close()
			return "http://" + address
		}
		select {
		case err := <-ended:
			t.Fatalf("stripe-mock ended: %v: %s", err, said.String())
		case <-patience:
			t.Fatal("stripe-mock does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
