package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
)

// told are the messages that a program of an organizer has verified.
type told struct {
	mu   sync.Mutex
	hook *standardwebhooks.Webhook
	list []string // type and a field
	bad  []string
}

func (p *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.hook.Verify(raw, r.Header); err != nil {
		p.bad = append(p.bad, err.Error())
	}
	var m struct {
		Type string
		Data map[string]any
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
		p.bad = append(p.bad, err.Error())
	}
	p.list = append(p.list, fmt.Sprint(m.Type, " ", m.Data["event_id"]))
	w.WriteHeader(http.StatusNoContent)
}

// An organizer's program is told of a purchase, of giving it back, of the money, and of
// the event's changes, and of nobody else's.
func TestWebhooksOfAPurchase(t *testing.T) {
	h := newHouseWith(t, Config{Demo: true})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Webhooks.Run(ctx) })
	running.Go(func() { _ = h.Payments.Run(ctx) })
	defer running.Wait()
	defer cancel()
	program := &told{}
	receiver := httptest.NewServer(program)
	defer receiver.Close()
	organizer, rival, fan := h.account(t, caller.Organizer), h.account(t, caller.Organizer), h.account(t, caller.Customer)

	secret := h.must(t, organizer, "POST", "/webhooks", `{"url":"`+receiver.URL+`/hooks"}`, "secret")
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	program.hook = hook
	others := h.must(t, rival, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	for _, e := range []string{others, event} {
		booking := h.must(t, fan, "POST", "/bookings", `{"event_id":"`+e+`","quantity":2}`, "id")
		h.must(t, fan, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
		h.must(t, fan, "DELETE", "/bookings/"+booking, "", "id")
	}
	h.must(t, organizer, "DELETE", "/events/"+event, "", "id")
	want := []string{"booking.booked", "booking.cancelled", "event.cancelled", "event.changed", "payment.captured", "payment.refunded"}
	for i := range want {
		want[i] += " " + event
	}
	var got []string
	for end := time.Now().Add(patience.Long); time.Now().Before(end) && len(got) < len(want); time.Sleep(10 * time.Millisecond) {
		program.mu.Lock()
		got = slices.Clone(program.list)
		program.mu.Unlock()
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || len(program.bad) > 0 {
		t.Errorf("%q, want %q; %q", got, want, program.bad)
	}
}

// The document describes the messages, and versions of OpenAPI that cannot are still valid.
func TestWebhooksInTheDocument(t *testing.T) {
	h := newHouse(t)
	hooks := h.door.API().OpenAPI().Webhooks
	for _, kind := range []string{"booking.booked", "booking.cancelled", "booking.moved", "payment.captured", "payment.refunded", "payment.refund_failed", "event.changed", "event.cancelled", "webhook.test"} {
		if item := hooks[kind]; item == nil || item.Post == nil || len(item.Post.Description) < 20 || item.Post.RequestBody == nil || len(item.Post.Parameters) != 3 {
			t.Errorf("%s is not described: %+v", kind, item)
		}
	}
	if w := h.ask(t, h.account(t, caller.Customer), "GET", "/openapi.json", ""); !strings.Contains(w.Body.String(), `"webhooks":{`) {
		t.Error("the document has no webhooks")
	}
}

// The pages of an organizer's webhooks: add one, send a test, see what became of it, rotate
// the secret, switch it off and on, delete it.
func TestWebhookPages(t *testing.T) {
	h := newHouseWith(t, Config{Demo: true})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Webhooks.Run(ctx) })
	defer running.Wait()
	defer cancel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "<script>alert(1)</script>")
	}))
	defer receiver.Close()
	o := h.account(t, caller.Organizer)
	wants(t, h.page(t, o, "GET", "/organizer", nil, 200), "Webhooks")
	wants(t, h.page(t, o, "POST", "/organizer/webhooks", map[string][]string{"url": {"ftp://x"}}, 422), "must begin with https")
	at := h.page(t, o, "POST", "/organizer/webhooks", map[string][]string{"url": {receiver.URL}, "description": {"CRM & co"}, "types": {"booking.booked", "nonsense"}}, 303)
	wants(t, h.page(t, o, "POST", "/organizer/webhooks", map[string][]string{"url": {receiver.URL}}, 409), "You have a webhook with this URL already.")
	wants(t, h.page(t, o, "GET", "/organizer/webhooks", nil, 200), receiver.URL, "CRM & co", "booking.booked", "On")
	page := h.page(t, o, "GET", at, nil, 200)
	wants(t, page, "Current secret", "Nothing has been sent yet")
	if strings.Count(page, "whsec_") != 1 || strings.Count(page, " checked") != 1 {
		t.Error("not one secret, and one type")
	}
	message := h.page(t, o, "POST", at, map[string][]string{"do": {"test"}}, 303)
	patience.Until(t, "the message is not accepted", func() bool {
		page = h.page(t, o, "GET", message, nil, 200)
		return strings.Contains(page, "(418)") // alone, 418 may be part of an id or a port
	})
	wants(t, page, "webhook.test", "Not accepted (418)", "waiting", "<script>alert(1)</script>", `"webhook_id"`)
	if strings.Contains(page, "<script>alert") {
		t.Error("the answer of a receiver runs")
	}
	wants(t, h.page(t, o, "GET", at, nil, 200), "Failing", "The last message was not accepted.")
	_, id, _ := strings.Cut(strings.TrimPrefix(message, "/organizer/webhooks/"), "/")
	if to := h.page(t, o, "POST", at, map[string][]string{"do": {"again"}, "message": {id}}, 303); to != message {
		t.Error(to)
	}
	h.page(t, o, "POST", at, map[string][]string{"do": {"rotate"}}, 303)
	h.page(t, o, "POST", at, map[string][]string{"do": {"rotate"}}, 303)
	wants(t, h.page(t, o, "POST", at, map[string][]string{"do": {"rotate"}}, 409), "Three secrets sign already.", "Earlier secret, signs until")
	h.page(t, o, "POST", at, map[string][]string{"do": {"off"}}, 303)
	wants(t, h.page(t, o, "GET", at, nil, 200), "Off", "This webhook is switched off.")
	wants(t, h.page(t, o, "POST", at, map[string][]string{"do": {"test"}}, 409), "Switch it on first.")
	h.page(t, o, "POST", at, map[string][]string{"do": {"on"}}, 303)
	wants(t, h.page(t, o, "POST", at, map[string][]string{"do": {"save"}, "url": {"x"}, "description": {"kept"}}, 422), "Enter a URL")
	h.page(t, o, "POST", at, map[string][]string{"do": {"save"}, "url": {receiver.URL + "/new"}}, 303)
	wants(t, h.page(t, o, "GET", "/organizer/webhooks?lang=de", nil, 200), "/new", "Alle Nachrichten")
	h.page(t, o, "POST", at, map[string][]string{"do": {"nonsense"}}, 404)
	if to := h.page(t, o, "POST", at, map[string][]string{"do": {"delete"}}, 303); to != "/organizer/webhooks" {
		t.Error(to)
	}
	h.page(t, o, "GET", at, nil, 404)
}
