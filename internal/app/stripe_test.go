package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/stripe"
	"boxoffice/internal/payment/stripe/stripetest"
	"boxoffice/internal/userapi"
)

// stripeHouse is a node that takes payments by Stripe, which is a double.
func stripeHouse(t *testing.T, publishable string) (*house, *stripetest.Server) {
	t.Helper()
	return splittingHouse(t, publishable, nil)
}

// splittingHouse is one where organizers may have accounts at Stripe.
func splittingHouse(t *testing.T, publishable string, accounts map[string]string) (*house, *stripetest.Server) {
	t.Helper()
	double := stripetest.Start(t, time.Now)
	bank, err := stripe.New(stripe.Settings{
		SecretKey: stripetest.SecretKey, PublishableKey: publishable, WebhookSecrets: []string{stripetest.WebhookSecret}, Accounts: accounts, URL: double.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return newHouseWith(t, Config{Outside: Outside{Gateway: bank}, PublicURL: "https://tickets.example"}), double
}

// Stripe's fields are on the pay page, and only that page may load what is Stripe's.
func TestStripesFieldsOnThePayPage(t *testing.T) {
	h, _ := stripeHouse(t, stripetest.PublishableKey)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	for path, want := range map[string]bool{"/pay/" + booking: true, "/checkout/" + booking: false, "/": false} {
		r := h.ask(t, ann, "GET", path, "", "Accept", "text/html")
		policy, wallets := r.Header().Get("Content-Security-Policy"), r.Header().Get("Permissions-Policy")
		for _, from := range []string{"script-src 'self' https://js.stripe.com", "frame-src https://js.stripe.com", "connect-src 'self' https://api.stripe.com"} {
			if strings.Contains(policy, from) != want {
				t.Errorf("%s: %q is in its policy: %t: %s", path, from, !want, policy)
			}
		}
		if strings.Contains(wallets, "https://js.stripe.com") != want || strings.Contains(wallets, "payment=()") == want {
			t.Errorf("%s may ask for payments: %s", path, wallets)
		}
		for _, bad := range []string{"unsafe", "default-src 'self'"} {
			if strings.Contains(policy, bad) {
				t.Errorf("%s: %s", path, policy)
			}
		}
	}
	body := h.page(t, ann, "GET", "/pay/"+booking, nil, 200)
	for _, part := range []string{`src="https://js.stripe.com/basil/stripe.js"`, `data-key="pk_test_double"`, `data-amount="5000"`, `data-currency="EUR"`, `value="checkout"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not on the pay page: %s", part, body)
		}
	}
	_, script, _ := strings.Cut(body, `src="/pay-form.`)
	script, _, _ = strings.Cut(script, `"`)
	if r := h.ask(t, userapi.Fan{}, "GET", "/pay-form."+script, ""); r.Code != 200 || !strings.Contains(r.Body.String(), "createConfirmationToken") {
		t.Errorf("the form's script: %d %s", r.Code, r.Body)
	}
	form := url.Values{"attempt": {"0"}, "amount": {"5000"}, "token": {stripetest.Token}}
	if to := h.page(t, ann, "POST", "/pay/"+booking, form, 303); to != "/orders/"+booking {
		t.Errorf("to %s", to)
	}
}

// Without a publishable key there is only the button that leads to Stripe's page; tokens
// of the sandbox are declined, and cards of API clients are charged.
func TestStripeWithoutFields(t *testing.T) {
	h, double := stripeHouse(t, "")
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	r := h.ask(t, ann, "GET", "/pay/"+booking, "", "Accept", "text/html")
	if policy := r.Header().Get("Content-Security-Policy"); strings.Contains(policy+r.Body.String(), "stripe.com") || !strings.Contains(r.Body.String(), `value="checkout"`) {
		t.Errorf("%s %s", policy, r.Body)
	}
	if to := h.page(t, ann, "POST", "/pay/"+booking, url.Values{"attempt": {"0"}, "amount": {"5000"}, "token": {"tok_ok"}}, 303); to != "/checkout/"+booking {
		t.Errorf("to %s", to)
	}
	pay := func(method string) string { return fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method) }
	for method, reason := range map[string]string{"tok_ok": "unknown_token", stripetest.Poor: "insufficient_funds"} {
		if r := h.ask(t, ann, "POST", "/payments", pay(method)); r.Code != 402 || !strings.Contains(r.Body.String(), reason) {
			t.Errorf("%s: %d %s", method, r.Code, r.Body)
		}
	}
	if r := h.ask(t, ann, "POST", "/payments", pay(stripetest.Visa)); r.Code != 201 || !strings.Contains(r.Body.String(), `"status":"captured"`) {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	captured := 0
	for _, e := range double.Events() {
		if e.Type == "charge.captured" {
			captured++
		}
	}
	if captured != 1 {
		t.Errorf("%d charges were captured", captured)
	}
}

// Buyers are sent to their bank or to Stripe's page, by a page of ours that works without
// scripts, and what they do there decides.
func TestBuyersApproveElsewhere(t *testing.T) {
	for _, test := range []struct {
		token string
		yes   bool
		to    string
	}{
		{stripetest.ThreeDSecure, true, "/orders/"}, {stripe.Checkout, true, "/orders/"}, {stripetest.ThreeDSecure, false, "/checkout/"},
	} {
		t.Run(fmt.Sprintf("%s %t", test.token, test.yes), func(t *testing.T) {
			h, double := stripeHouse(t, stripetest.PublishableKey)
			ann := h.visitor(t, "ann")
			booking, _ := h.bought(t, ann, 1, "")
			form := url.Values{"attempt": {"0"}, "amount": {"5000"}, "token": {test.token}}
			wait := h.page(t, ann, "POST", "/pay/"+booking, form, 303)
			if wait != "/checkout/"+booking+"/wait?approve" {
				t.Fatalf("to %s", wait)
			}
			var at string
			patience.Until(t, "the bank's address", func() bool {
				at = jsonField(t, h.ask(t, ann, "GET", wait, "", "Accept", "application/json").Body.Bytes(), "next")
				return at != ""
			})
			for path, sends := range map[string]bool{wait: true, "/checkout/" + booking + "/wait": false} {
				body := h.page(t, ann, "GET", path, nil, 200)
				if !strings.Contains(body, `<a class="button" href="`+at+`"`) || strings.Contains(body, `content="0; url=`+at+`"`) != sends {
					t.Errorf("%s sends the buyer on: %t: %s", path, !sends, body)
				}
			}
			if r := h.ask(t, ann, "GET", "/bookings/"+booking+"/payment", ""); !strings.Contains(r.Body.String(), `"approve_at":"`+at+`"`) {
				t.Errorf("%d %s", r.Code, r.Body)
			}
			method := stripetest.Visa
			if !test.yes {
				method = stripetest.Declining
			}
			back := double.Visit(at, method)
			if !strings.Contains(back, "/checkout/"+booking+"/wait") {
				t.Errorf("back to %s", back)
			}
			patience.Until(t, "the end", func() bool {
				to := jsonField(t, h.ask(t, ann, "GET", "/checkout/"+booking+"/wait", "", "Accept", "application/json").Body.Bytes(), "next")
				return strings.HasPrefix(to, test.to)
			})
			if r := h.ask(t, ann, "GET", "/bookings/"+booking+"/payment", ""); strings.Contains(r.Body.String(), "approve_at") || strings.Contains(r.Body.String(), `"captured"`) != test.yes {
				t.Errorf("%d %s", r.Code, r.Body)
			}
		})
	}
}

// The money for an organizer with an account at Stripe goes there, less the fees, and
// comes back from there.
func TestOrganizersWithAccountsOfTheirOwn(t *testing.T) {
	accounts := map[string]string{"somebody else": "acct_other"}
	h, double := splittingHouse(t, "", accounts)
	ctx, cancel := context.WithCancel(t.Context())
	var jobs sync.WaitGroup
	jobs.Go(func() { _ = h.Payments.Run(ctx) })
	defer jobs.Wait()
	defer cancel()
	paying, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	var event string
	sell := func(method string) (booking string) {
		event = h.must(t, organizer, "POST", "/events", `{"title":"Gala","event_time":"2099-03-01T20:00:00Z","venue":{"name":"Hall","time_zone":"Europe/Berlin"},
			"plan":{"template":"theatre","seats":100},"currency":"EUR","tiers":[{"name":"A","price":5000,"fees":400}],"status":"on_sale"}`, "id")
		booking = h.must(t, paying, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":2}`, event), "id")
		if r := h.ask(t, paying, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method)); r.Code != 201 {
			t.Fatal(r.Code, r.Body)
		}
		return booking
	}
	created := func() (split int) {
		for _, r := range double.Requests() {
			q, err := url.ParseQuery(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if q.Has("transfer_data[destination]") {
				if split++; q.Get("transfer_data[destination]") != "acct_theatre" || q.Get("application_fee_amount") != "800" || q.Get("amount") != "10000" {
					t.Errorf("%v", q)
				}
			}
		}
		return split
	}
	sell(stripetest.Visa)
	if n := created(); n != 0 {
		t.Fatalf("%d charges went to an account", n)
	}
	accounts[organizer.UserID] = "acct_theatre"
	booking := sell(stripetest.Visa)
	if n := created(); n != 1 {
		t.Fatalf("%d charges went to the organizer's account", n)
	}
	account := `"gateway":"bank","gateway_account":"acct_theatre"`
	for who, told := range map[*userapi.Fan]bool{&organizer: true, &paying: false} {
		if body := h.ask(t, *who, "GET", "/bookings/"+booking+"/payment", "").Body.String(); strings.Contains(body, account) != told || strings.Contains(body, "acct_") != told {
			t.Errorf("told of the account: %s", body)
		}
	}
	if body := h.page(t, organizer, "GET", "/organizer/events/"+event+"/orders/"+booking, nil, 200); !strings.Contains(body, "Gateway: bank") || !strings.Contains(body, "acct_theatre") {
		t.Errorf("the order's page: %s", body)
	}
	if body := h.page(t, organizer, "GET", "/organizer/events/"+event+"/settlement", nil, 200); !strings.Contains(body, "Passed on to the organizer") || strings.Contains(body, "is held back in full") {
		t.Errorf("the settlement: %s", body)
	}
	if body := h.page(t, organizer, "GET", "/organizer/events/"+event+"/settlement.csv", nil, 200); !strings.Contains(body, ",92.00,0.00,bank,acct_theatre,") {
		t.Errorf("the movements: %s", body)
	}
	settled := func() string { return h.ask(t, organizer, "GET", "/events/"+event+"/settlement", "").Body.String() }
	if body := settled(); !strings.Contains(body, `"due":9200,"reserve":0,"paid_out":0,"payout":0,"at_gateway":800,"difference":0,"transferred":9200,`) {
		t.Error(body)
	}
	if r := h.ask(t, paying, "DELETE", "/bookings/"+booking, ""); r.Code != 200 {
		t.Fatal(r.Code, r.Body)
	}
	patience.Until(t, "the refund", func() bool {
		return strings.Contains(h.ask(t, paying, "GET", "/bookings/"+booking+"/payment", "").Body.String(), `"status":"refunded"`)
	})
	if body := settled(); !strings.Contains(body, `"due":0,"reserve":0,"paid_out":0,"payout":0,"at_gateway":0,"difference":0,"transferred":0,`) {
		t.Error(body)
	}
}

// jsonField is a text in an object.
func jsonField(t *testing.T, raw []byte, name string) string {
	t.Helper()
	var doc map[string]string
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return doc[name]
}
