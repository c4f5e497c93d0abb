package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/settings"
)

// Without a payment gateway only what is free is sold, and pages say so.
func TestWithoutGateway(t *testing.T) {
	f := newFairWith(t, Config{Payments: "none"})
	organizer := f.account(t, caller.Organizer)
	free := f.must(t, organizer, "POST", "/events", strings.Replace(strings.Replace(eventJSON, "5000", "0", 1), "%q", `"on_sale"`, 1), "id")
	fan := f.account(t, caller.Customer)
	priced := f.must(t, fan, "POST", "/bookings", `{"event_id":"`+f.event+`","quantity":1}`, "id")
	w := f.ask(t, fan, "POST", "/payments", `{"booking_id":"`+priced+`","method":"tok_ok"}`)
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "no-payments") {
		t.Errorf("pay: %d %s", w.Code, w.Body)
	}
	if text := f.page(t, fan, "GET", "/checkout/"+priced, nil, 200); !strings.Contains(text, "takes no payments") || strings.Contains(text, `href="/pay/`) {
		t.Error("the checkout lets one pay")
	}
	if w := f.ask(t, fan, "POST", "/payments", `{"booking_id":"`+priced+`"}`); w.Code != http.StatusConflict {
		t.Errorf("pay without a method: %d %s", w.Code, w.Body)
	}
	for event, hold := range map[string]bool{f.event: false, free: true} {
		text := newBrowser(t, f.base).get(t, "/e/"+event).at(t, 200, "", "Gala").text
		if strings.Contains(text, "takes no payments") == hold || strings.Contains(text, `action="/e/`+event+`/hold`) != hold {
			t.Errorf("the page of %s lets one hold seats: %v", event, !hold)
		}
		if strings.Contains(text, "No real money") {
			t.Error("it says TEST")
		}
	}
	nothing := f.must(t, fan, "POST", "/bookings", `{"event_id":"`+free+`","quantity":1}`, "id")
	if w := f.ask(t, fan, "POST", "/payments", `{"booking_id":"`+nothing+`"}`); w.Code != http.StatusCreated {
		t.Errorf("a free ticket: %d %s", w.Code, w.Body)
	}
}

// A server says in the log and at /readyz that it takes no payments.
func TestWithoutGatewaySaysSo(t *testing.T) {
	var log bytes.Buffer
	s := settings.Server{Storage: settings.Storage{Data: t.TempDir()}}
	for _, payments := range []string{"", "none", "sandbox"} {
		s.Payments = payments
		got := strings.Join(s.Missing(), "\n")
		if strings.Contains(got, "--payments is none") != (payments != "sandbox") {
			t.Errorf("%q: %s", payments, got)
		}
	}
	s.Payments, s.Addr, s.OpsAddr, s.Loopback = "bank", "127.0.0.1:0", "127.0.0.1:0", 1
	if err := Serve(t.Context(), s, &log, slog.New(slog.DiscardHandler)); settings.FlagOf(err) != "--payments" {
		t.Errorf("a gateway that there is not: %v", err)
	}
}

// With a gateway that moves no money every page, mail and ticket says so.
func TestMarksOfATest(t *testing.T) {
	f := newFair(t)
	fan := f.account(t, caller.Customer)
	booking, _ := f.bought(t, fan, 1, "tok_ok")
	for _, path := range []string{"/", "/e/" + f.event + "/gala", "/orders/" + booking, "/orders/" + booking + "/tickets", "/no-such-page"} {
		status := 200
		if path == "/no-such-page" {
			status = 404
		}
		if text := f.page(t, fan, "GET", path, url.Values(nil), status); !strings.Contains(text, "<strong>TEST</strong> No real money moves") {
			t.Errorf("%s does not say TEST", path)
		}
	}
	if text := f.page(t, fan, "GET", "/orders/"+booking+"/tickets", nil, 200); !strings.Contains(text, "not paid with real money") {
		t.Error("the ticket does not say TEST")
	}
}
