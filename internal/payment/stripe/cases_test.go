package stripe

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/stripe/stripetest"
)

// clock is one that tests turn.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// startAt makes a gateway and a double with a clock of the test's.
func startAt(t *testing.T) (*Gateway, *stripetest.Server, *clock) {
	t.Helper()
	at := &clock{time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	double := stripetest.Start(t, at.Now)
	g, err := New(Settings{SecretKey: stripetest.SecretKey, WebhookSecrets: []string{stripetest.WebhookSecret}, URL: double.URL})
	if err != nil {
		t.Fatal(err)
	}
	g.now = at.Now
	return g, double, at
}

func newCharge(method string) provider.Charge {
	return provider.Charge{ID: "booking-1.1", Method: method, Amount: 5000, Currency: "EUR", Says: "Order ABC", ReturnTo: "https://tickets.example/wait"}
}

func must(t *testing.T, what string, o provider.Outcome, err error, want provider.Verdict) provider.Outcome {
	t.Helper()
	if err != nil || o.Verdict != want {
		t.Fatalf("%s: %+v, %v", what, o, err)
	}
	return o
}

// A charge whose reference was lost is found after Stripe has forgotten its idempotency
// keys, and after the text that describes it has changed.
func TestLostReference(t *testing.T) {
	for name, change := range map[string]func(*provider.Charge, *clock){
		"keys are forgotten": func(_ *provider.Charge, at *clock) { at.now = at.now.Add(25 * time.Hour) },
		"other parameters":   func(c *provider.Charge, at *clock) { c.Says, at.now = "Order XYZ", at.now.Add(2*time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			g, _, at := startAt(t)
			c := newCharge(stripetest.Visa)
			first, err := g.Authorize(t.Context(), "a", c)
			must(t, "authorize", first, err, provider.Approved)
			change(&c, at)
			standing, o, err := g.Find(t.Context(), c)
			if err != nil || standing != provider.Reserved || o.Reference != first.Reference {
				t.Fatalf("find: %d, %+v, %v", standing, o, err)
			}
			o, err = g.Void(t.Context(), "v", c)
			must(t, "void", o, err, provider.Approved)
			if standing, _, err := g.Find(t.Context(), with(c, first)); err != nil || standing != provider.Released {
				t.Errorf("find: %d, %v", standing, err)
			}
		})
	}
}

// Before Stripe's index knows it, a charge with other parameters is unclear, and nothing
// is reserved twice.
func TestOtherParameters(t *testing.T) {
	g, _, _ := startAt(t)
	c := newCharge(stripetest.Visa)
	o, err := g.Authorize(t.Context(), "a", c)
	must(t, "authorize", o, err, provider.Approved)
	c.Says = "Order XYZ"
	if o, err := g.Void(t.Context(), "v", c); err == nil {
		t.Errorf("void: %+v", o)
	}
	if o, err := g.Authorize(t.Context(), "a", c); err == nil {
		t.Errorf("authorize: %+v", o)
	}
}

// A charge of a method that is not known any more is voided whatever it was.
func TestVoidWithoutMethod(t *testing.T) {
	for _, method := range []string{stripetest.Visa, stripetest.ThreeDSecure, Checkout} {
		g, double, _ := startAt(t)
		c := newCharge(method)
		o, err := g.Authorize(t.Context(), "a", c)
		if err != nil {
			t.Fatal(err)
		}
		forgotten := c
		forgotten.Method = ""
		v, err := g.Void(t.Context(), "v", forgotten)
		must(t, "void", v, err, provider.Approved)
		if o.Approve != "" {
			double.Visit(o.Approve, stripetest.Visa)
		}
		if standing, _, err := g.Find(t.Context(), with(c, o)); err != nil || standing != provider.Released {
			t.Errorf("%s: %d, %v", method, standing, err)
		}
	}
}

// A refund is made once, also when it is repeated after Stripe has forgotten its key; and
// one that the bank sends back later is no success any more: another key makes another one.
func TestRefundRepeated(t *testing.T) {
	g, double, at := startAt(t)
	c := newCharge(stripetest.RefundsFail)
	o, err := g.Authorize(t.Context(), "a", c)
	c.Reference = must(t, "authorize", o, err, provider.Approved).Reference
	o, err = g.Capture(t.Context(), "c", c)
	must(t, "capture", o, err, provider.Approved)
	for range 3 {
		o, err = g.Refund(t.Context(), "event:7", c, 2000)
		must(t, "refund", o, err, provider.Approved)
		at.now = at.now.Add(25 * time.Hour)
	}
	double.FailRefunds()
	o, err = g.Refund(t.Context(), "event:7", c, 2000)
	if must(t, "failed refund", o, err, provider.Declined); o.Reason != "lost_or_stolen_card" || !o.Spent {
		t.Errorf("%+v", o)
	}
	refundElsewhere(t, double, c.Reference, 500)
	list, err := g.Refunds(t.Context(), c)
	if err != nil || len(list) != 2 || list[0].Key != "event:7" || !list[0].Failed || list[0].Amount != 2000 || list[0].Reason != "lost_or_stolen_card" ||
		list[1].Key != "" || list[1].Failed || list[1].Amount != 500 {
		t.Errorf("%+v %v", list, err)
	}
	events := double.Events()
	last := events[len(events)-1]
	if n, err := g.Notice(t.Context(), stripetest.Sign(last.Body, stripetest.WebhookSecret, at.now), last.Body, at.now); err != nil || len(n.Charges) != 1 || n.Charges[0] != c.ID {
		t.Errorf("%s is about %+v, %v", last.Body, n, err)
	}
	o, err = g.Refund(t.Context(), "event:7.2", c, 2000)
	must(t, "refund with another key", o, err, provider.Approved)
	o, err = g.Refund(t.Context(), "event:8", c, 4000)
	if must(t, "refund of more than is left", o, err, provider.Declined); o.Spent {
		t.Errorf("%+v", o)
	}
	made := map[string]int64{}
	failed := 0
	for l, err := range g.Lines(t.Context(), at.now.Add(-100*time.Hour), at.now.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Kind == provider.RefundFailed && l.Key == "event:7" && l.Amount == 2000:
			failed++
		case l.Kind == provider.Refunded:
			made[l.Key] += l.Amount
			if l.Charge != c.ID || l.Reference != c.Reference {
				t.Errorf("%+v", l)
			}
		}
	}
	if want := map[string]int64{"event:7": 2000, "event:7.2": 2000, "": 500}; !maps.Equal(made, want) || failed != 1 {
		t.Errorf("made %v, %d failed", made, failed)
	}
}

// refundElsewhere gives money back as the gateway's own pages do.
func refundElsewhere(t *testing.T, double *stripetest.Server, intent string, amount int) {
	t.Helper()
	form := url.Values{"payment_intent": {intent}, "amount": {strconv.Itoa(amount)}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, double.URL+"/v1/refunds", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+stripetest.SecretKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Idempotency-Key", "by hand")
	r.Header.Set("Stripe-Version", stripetest.Version)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", res.Status, raw, err)
	}
}

// An error of Stripe's that stays the answer to a key does not stop a step: another key is
// tried at once, and after an outage that has used up all keys, some minutes later.
func TestStoredErrors(t *testing.T) {
	t.Run("a moment", func(t *testing.T) { storedErrors(t, 3, 0) })
	t.Run("an outage", func(t *testing.T) { storedErrors(t, 2*maxKeys, spareCreate) })
}

func storedErrors(t *testing.T, failures int, after time.Duration) {
	t.Helper()
	g, double, at := startAt(t)
	c := newCharge(stripetest.Visa)
	steps := []func() (provider.Outcome, error){
		func() (provider.Outcome, error) { return g.Authorize(t.Context(), "a", c) },
		func() (provider.Outcome, error) { return g.Capture(t.Context(), "c", c) },
		func() (provider.Outcome, error) { return g.Refund(t.Context(), "r", c, 500) },
	}
	for i, step := range steps {
		for range failures {
			double.Weather(func(*http.Request) stripetest.Trouble { return stripetest.ErrorBefore })
			if o, err := step(); err == nil {
				t.Fatalf("step %d: %+v", i, o)
			}
		}
		double.Weather(nil)
		at.now = at.now.Add(after)
		o, err := step()
		must(t, "step", o, err, provider.Approved)
	}
}

// However many errors of Stripe's have used up keys, and whenever a request arrives whose
// answer was lost, no second refund is made.
func TestRefundThatArrivesLate(t *testing.T) {
	for name, answer := range map[string]stripetest.Trouble{"done": stripetest.Fine, "done, and its answer is an error": stripetest.ErrorAfter} {
		for _, failures := range []int{0, 1, maxKeys, 2 * maxKeys} {
			t.Run(name+" after "+strconv.Itoa(failures), func(t *testing.T) {
				g, double, at := startAt(t)
				c := newCharge(stripetest.Visa)
				o, err := g.Authorize(t.Context(), "a", c)
				c = with(c, must(t, "authorize", o, err, provider.Approved))
				o, err = g.Capture(t.Context(), "c", c)
				must(t, "capture", o, err, provider.Approved)
				refund := func(create func() stripetest.Trouble) (provider.Outcome, error) {
					double.Weather(func(r *http.Request) stripetest.Trouble {
						if r.Method != http.MethodPost {
							return stripetest.Fine
						}
						return create()
					})
					return g.Refund(t.Context(), "event:7", c, 500)
				}
				for range failures {
					if o, err := refund(func() stripetest.Trouble { return stripetest.ErrorBefore }); err == nil {
						t.Fatalf("%+v", o)
					}
				}
				if o, err := refund(func() stripetest.Trouble { return stripetest.Late }); err == nil {
					t.Fatalf("%+v", o)
				}
				at.now = at.now.Add(time.Minute)
				for range 2 {
					o, err = refund(func() stripetest.Trouble { // it was looked for by now
						double.Arrive(answer)
						return stripetest.Fine
					})
				}
				must(t, "refund", o, err, provider.Approved)
				if list, err := g.Refunds(t.Context(), c); err != nil || len(list) != 1 || list[0].Amount != 500 {
					t.Errorf("%+v %v", list, err)
				}
			})
		}
	}
}

// Reasons are Stripe's codes, the bank's if it has said why.
func TestReasons(t *testing.T) {
	for method, want := range map[string]string{
		stripetest.Declining: "card_declined", stripetest.Poor: "insufficient_funds", "pm_unknown": "resource_missing", "tok_ok": "unknown_token", "": "unknown_token",
	} {
		g, _, _ := startAt(t)
		o, err := g.Authorize(t.Context(), "a", newCharge(method))
		if must(t, method, o, err, provider.Declined); o.Reason != want {
			t.Errorf("%s is declined for %q, want %q", method, o.Reason, want)
		}
	}
	g, _, _ := startAt(t)
	c := newCharge(stripetest.Visa)
	c.Amount = 10
	o, err := g.Authorize(t.Context(), "a", c)
	if must(t, "too little", o, err, provider.Declined); o.Reason != "amount_too_small" {
		t.Errorf("reason %q", o.Reason)
	}
	o, err = g.Void(t.Context(), "v", c)
	must(t, "void of what Stripe never took", o, err, provider.Approved)
}

// Stripe's units differ from those of ISO 4217 for some currencies.
func TestUnits(t *testing.T) {
	for _, test := range []struct {
		currency        string
		amount, stripes int64
	}{
		{"EUR", 5050, 5050}, {"JPY", 5000, 5000}, {"KWD", 5050, 5050}, {"ISK", 5000, 500000}, {"UGX", 5000, 500000}, {"HUF", 5055, 5055},
	} {
		got, err := toStripe(test.amount, test.currency)
		if err != nil || got != test.stripes || fromStripe(got, test.currency) != test.amount {
			t.Errorf("%d %s: %d, %v", test.amount, test.currency, got, err)
		}
	}
	g, _, _ := startAt(t)
	c := newCharge(stripetest.Visa)
	c.Currency, c.Amount = "KWD", 5055
	o, err := g.Authorize(t.Context(), "a", c)
	must(t, "a third place that Stripe does not have", o, err, provider.Declined)
}

// The signature is over the raw body, by any of the secrets, in version 1.
func TestSignature(t *testing.T) {
	g, _ := start(t)
	body := []byte(`{"id":"evt_1","object":"event","created":1764417600,"livemode":false,"data":{"object":{"object":"payment_intent","metadata":{"boxoffice_charge":"b-1.1"}}}}`)
	now := time.Now()
	good := stripetest.Sign(body, stripetest.WebhookSecret, now).Get(SignatureHeader)
	stamp, v1, _ := strings.Cut(good, ",")
	for header, want := range map[string]bool{
		good: true, good + ",v0=00": true, stamp + ",v1=00ff," + v1: true,
		stripetest.Sign(body, "whsec_older", now).Get(SignatureHeader):   true,
		stripetest.Sign(body, "whsec_unknown", now).Get(SignatureHeader): false,
		"": false, stamp: false, v1: false, stamp + "," + strings.Replace(v1, "v1", "v0", 1): false, stamp + "," + good: false,
	} {
		n, err := g.Notice(t.Context(), http.Header{SignatureHeader: {header}}, body, now)
		if want && (err != nil || n.ID != "evt_1" || len(n.Charges) != 1 || n.Charges[0] != "b-1.1") {
			t.Errorf("%s: %+v, %v", header, n, err)
		}
		if !want && !errors.Is(err, provider.ErrForged) {
			t.Errorf("%s is accepted: %+v, %v", header, n, err)
		}
	}
	for text, want := range map[string]string{`{"id":`: "", `{"id":"x","object":"charge"}`: "", `{"object":"event","id":"evt_2","livemode":true,"created":1,"data":{"object":{"object":"charge","metadata":{"boxoffice_charge":"b-1.1"}}}}`: "evt_2"} {
		n, err := g.Notice(t.Context(), stripetest.Sign([]byte(text), stripetest.WebhookSecret, now), []byte(text), now)
		if (err == nil) != (want != "") || n.ID != want || len(n.Charges) != 0 || errors.Is(err, provider.ErrForged) {
			t.Errorf("%s: %+v, %v", text, n, err)
		}
	}
}

// A dispute is told with our charge, which Stripe's message does not name.
func TestDisputeNotice(t *testing.T) {
	g, double, at := startAt(t)
	c := newCharge(stripetest.Disputing)
	o, err := g.Authorize(t.Context(), "a", c)
	c.Reference = must(t, "authorize", o, err, provider.Approved).Reference
	o, err = g.Capture(t.Context(), "c", c)
	must(t, "capture", o, err, provider.Approved)
	told := 0
	for _, e := range double.Events() {
		if !strings.HasPrefix(e.Type, "charge.dispute.") {
			continue
		}
		told++
		h := stripetest.Sign(e.Body, stripetest.WebhookSecret, at.now)
		double.Weather(func(*http.Request) stripetest.Trouble { return stripetest.BadGateway })
		if n, err := g.Notice(t.Context(), h, e.Body, at.now); err == nil || errors.Is(err, provider.ErrForged) {
			t.Errorf("without Stripe: %+v, %v", n, err)
		}
		double.Weather(nil)
		if n, err := g.Notice(t.Context(), h, e.Body, at.now); err != nil || len(n.Charges) != 1 || n.Charges[0] != c.ID {
			t.Errorf("%+v, %v", n, err)
		}
	}
	if told == 0 {
		t.Error("no dispute was told")
	}
}

// Keys that cannot work are refused, and never repeated.
func TestSettings(t *testing.T) {
	for _, test := range []struct {
		s    Settings
		want string
	}{
		{Settings{SecretKey: "sk_live_a", PublishableKey: "pk_live_a", WebhookSecrets: []string{"whsec_a"}}, ""},
		{Settings{SecretKey: "rk_test_a"}, ""},
		{Settings{}, "missing"},
		{Settings{SecretKey: "pk_live_secret"}, "publishable"},
		{Settings{SecretKey: "secret"}, "begin with"},
		{Settings{SecretKey: "sk_live_secret", PublishableKey: "pk_test_secret"}, "mode"},
		{Settings{SecretKey: "sk_live_secret", PublishableKey: "sk_live_secret"}, "begin with pk_"},
		{Settings{SecretKey: "sk_live_secret", WebhookSecrets: []string{"secret"}}, "whsec_"},
		{Settings{SecretKey: "sk_live_secret", URL: "http://127.0.0.1:1"}, "live keys"},
		{Settings{SecretKey: "sk_test_secret", URL: "127.0.0.1"}, "not a URL"},
	} {
		_, err := New(test.s)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret_") || strings.Contains(err.Error(), "_secret")) {
			t.Errorf("%+v: %v, want %q", test.s, err, test.want)
		}
	}
}

// with is a charge with the reference that an answer has.
func with(c provider.Charge, o provider.Outcome) provider.Charge {
	c.Reference = o.Reference
	return c
}

// A refund has keys of its own, whichever of them errors of Stripe's have used up: the keys
// of the first attempt's requests are not those of the second attempt.
func TestKeysOfRefunds(t *testing.T) {
	g, double, _ := startAt(t)
	c := newCharge(stripetest.RefundsFail)
	o, err := g.Authorize(t.Context(), "a", c)
	c = with(c, must(t, "authorize", o, err, provider.Approved))
	o, err = g.Capture(t.Context(), "c", c)
	must(t, "capture", o, err, provider.Approved)
	double.Weather(func(*http.Request) stripetest.Trouble { return stripetest.ErrorBefore })
	if o, err := g.Refund(t.Context(), "event:7", c, 2000); err == nil {
		t.Fatalf("%+v", o)
	}
	double.Weather(nil)
	o, err = g.Refund(t.Context(), "event:7", c, 2000) // by the second key
	must(t, "refund", o, err, provider.Approved)
	double.FailRefunds()
	o, err = g.Refund(t.Context(), "event:7.2", c, 1500)
	must(t, "the second attempt", o, err, provider.Approved)
}

// What Stripe's units cannot express is declined at once: a fee, and a part that goes back.
func TestUnitsOfParts(t *testing.T) {
	g, _, _ := startAt(t)
	c := newCharge(stripetest.Visa)
	c.Currency, c.Amount, c.Account, c.Fee = "KWD", 5050, "acct_hall", 305
	o, err := g.Authorize(t.Context(), "a", c)
	if must(t, "fee with a third place", o, err, provider.Declined); o.Reason != "amount_not_payable" {
		t.Errorf("%+v", o)
	}
	c.Fee = 300
	o, err = g.Authorize(t.Context(), "a", c)
	c = with(c, must(t, "authorize", o, err, provider.Approved))
	o, err = g.Capture(t.Context(), "c", c)
	must(t, "capture", o, err, provider.Approved)
	o, err = g.Refund(t.Context(), "event:7", c, 4545)
	if must(t, "refund with a third place", o, err, provider.Declined); o.Reason != "amount_not_payable" || o.Spent {
		t.Errorf("%+v", o)
	}
}

// What only repeats what was asked for is told apart from what is news.
func TestEchoes(t *testing.T) {
	g, _, at := startAt(t)
	for text, want := range map[string]bool{
		`"type":"payment_intent.succeeded","data":{"object":{"object":"payment_intent","status":"succeeded","metadata":{"boxoffice_charge":"b-1.1"}}}`:                              true,
		`"type":"payment_intent.amount_capturable_updated","data":{"object":{"object":"payment_intent","status":"requires_capture","metadata":{"boxoffice_charge":"b-1.1"}}}`:       false,
		`"type":"refund.created","data":{"object":{"object":"refund","status":"succeeded","metadata":{"boxoffice_charge":"b-1.1","boxoffice_key":"e:7"}}}`:                          true,
		`"type":"refund.updated","data":{"object":{"object":"refund","status":"failed","metadata":{"boxoffice_charge":"b-1.1","boxoffice_key":"e:7"}}}`:                             false,
		`"type":"refund.created","data":{"object":{"object":"refund","status":"succeeded","metadata":{"boxoffice_charge":"b-1.1"}}}`:                                                false,
		`"type":"checkout.session.completed","data":{"object":{"object":"checkout.session","status":"complete","payment_status":"unpaid","metadata":{"boxoffice_charge":"b-1.1"}}}`: false,
	} {
		body := []byte(`{"object":"event","id":"evt_1","created":1,"livemode":false,` + text + `}`)
		n, err := g.Notice(t.Context(), stripetest.Sign(body, stripetest.WebhookSecret, at.now), body, at.now)
		if err != nil || len(n.Charges) != 1 || n.Echo != want {
			t.Errorf("%s: %+v %v", text, n, err)
		}
	}
}

// That Stripe takes no more requests is told apart from other errors.
func TestBusy(t *testing.T) {
	g, double, _ := startAt(t)
	c := newCharge(stripetest.Visa)
	for trouble, want := range map[stripetest.Trouble]bool{stripetest.TooMany: true, stripetest.Locked: false, stripetest.BadGateway: false} {
		double.Weather(func(*http.Request) stripetest.Trouble { return trouble })
		o, err := g.Authorize(t.Context(), "a", c)
		var busy *provider.Busy
		if err == nil || errors.As(err, &busy) != want {
			t.Errorf("%v: %+v, %v", trouble, o, err)
		}
	}
	e := &stripe.Error{APIResource: stripe.APIResource{LastResponse: &stripe.APIResponse{Header: http.Header{"Retry-After": {"7"}}}}}
	if d := retryAfter(e); d != 7*time.Second {
		t.Errorf("it is left alone for %v", d)
	}
}

// Cards that are declined on the page of a session are counted, although the session waits
// for another one.
func TestRefusedOnThePage(t *testing.T) {
	g, double, _ := startAt(t)
	c := newCharge(Checkout)
	o, err := g.Authorize(t.Context(), "a", c)
	c = with(c, must(t, "authorize", o, err, provider.Undecided))
	for n := range int64(4) {
		standing, is, err := g.Find(t.Context(), c)
		if err != nil || standing != provider.Waiting || is.Refused != n || is.Approve == "" {
			t.Fatalf("after %d: %d %+v, %v", n, standing, is, err)
		}
		double.Visit(o.Approve, stripetest.Declining)
	}
	double.Visit(o.Approve, stripetest.Visa)
	if standing, _, err := g.Find(t.Context(), c); err != nil || standing != provider.Reserved {
		t.Errorf("%d, %v", standing, err)
	}
}
