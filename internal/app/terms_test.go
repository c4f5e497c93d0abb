package app

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// An organizer's cancellation terms are shown before somebody pays and before they
// cancel, decide what goes back, and are explained in the mail.
func TestCancellationTerms(t *testing.T) {
	h, box := newPostHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.must(t, organizer, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price"`,
		`"cancellation_fees":[{"fee_rate":2500},{"from":"2099-02-01T00:00:00+01:00","fee_rate":5000,"fee_fixed":250}],"price"`, 1), "id")
	text := visible(h.read(t, ann, "/e/"+event+"/gala"))
	for _, part := range []string{"If you cancel your seats, the organizer keeps 25% of the price.", "the organizer keeps 50% of the price and €2.50 per seat.", "seats can no longer be cancelled."} {
		if !strings.Contains(text, part) {
			t.Errorf("the event's page has no %q: %s", part, text)
		}
	}
	held := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
	if text := visible(h.page(t, ann, "GET", "/checkout/"+held, nil, 200)); !strings.Contains(text, "How much you get back depends on when you cancel:") || !strings.Contains(text, "€37.50") || !strings.Contains(text, "€22.50") {
		t.Errorf("the checkout does not say what comes back: %s", text)
	}
	h.ask(t, ann, "DELETE", "/bookings/"+held, "")

	booking := h.buys(t, ann, event, 2, paymentapi.SandboxOK)
	var b struct {
		Seats   []struct{ Label string }
		Refunds []struct {
			Until  string
			Amount int64
		}
	}
	if err := json.Unmarshal(h.ask(t, ann, "GET", "/bookings/"+booking, "").Body.Bytes(), &b); err != nil || len(b.Refunds) != 2 || b.Refunds[0].Amount != 7500 || b.Refunds[0].Until != "2099-01-31T23:00:00Z" || b.Refunds[1].Amount != 4500 {
		t.Errorf("the booking says %+v, %v", b, err)
	}
	if text := visible(h.page(t, ann, "GET", "/orders/"+booking+"/cancel?seats="+b.Seats[0].Label, nil, 200)); !strings.Contains(text, "Kept by the organizer €12.50") || !strings.Contains(text, "Cancel and get €37.50 back") {
		t.Errorf("the page says %s", text)
	}
	at := "/bookings/" + booking + "?seats=" + b.Seats[0].Label + "&refund="
	for refund, code := range map[string]int{"5000": 409, "-1": 422, "x": 422} {
		if w := h.ask(t, ann, "DELETE", at+refund, ""); w.Code != code || code == 409 && !strings.Contains(w.Body.String(), `"refund":3750`) {
			t.Errorf("refund=%s: %d %s", refund, w.Code, w.Body)
		}
	}
	if w := h.ask(t, ann, "DELETE", at+"3750", ""); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	until(t, "the refund is mailed", func() bool { return len(box.about("ann@example.org", "Refund")) == 1 })
	if m := box.about("ann@example.org", "Refund")[0]; !strings.Contains(m.Text, "€37.50 of the €100.00") || !strings.Contains(m.Text, "the organizer keeps €12.50 of the price") {
		t.Errorf("the mail says %s", m.Text)
	}
	h.page(t, ann, "POST", "/orders/"+booking+"/cancel", url.Values{"seats": {b.Seats[1].Label}, "refund": {"3750"}}, 303)
	until(t, "all is refunded", func() bool {
		list, err := h.Payments.Latest(t.Context(), []string{booking})
		p := list[booking]
		return err == nil && p.Refunded == 7500 && p.Status == paymentapi.Captured
	})
	if text := visible(h.page(t, ann, "GET", "/orders/"+booking, nil, 200)); strings.Contains(text, "is on its way") || !strings.Contains(text, "€75.00") {
		t.Errorf("the order says %s", text)
	}
	if _, err := Verify(t.Context(), h.DB, ""); err != nil {
		t.Error(err)
	}
	h.saved(t, func() {
		h.write(t, "UPDATE refunds SET amount = amount - 1")
		h.write(t, "UPDATE payments SET refunded = refunded - 2")
		if _, err := Verify(t.Context(), h.DB, ""); err == nil {
			t.Error("nobody sees that less went back")
		}
	})
}

// Terms that make no sense are refused by field; the console's form has them, too.
func TestCancellationTermsAreChecked(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	for fees, field := range map[string]string{
		`[{"fee_rate":10001}]`: "fee_rate", `[{"fee_fixed":-1}]`: "fee_fixed",
		`[{"fee_rate":1},{"fee_rate":2}]`: "cancellation_fees[1].from",
		`[{"from":"2099-02-01T00:00:00Z","fee_rate":1},{"from":"2099-02-01T00:00:00Z","fee_rate":2}]`: "cancellation_fees[1].from",
		`[{"from":"2099-03-01T20:00:00Z","fee_rate":1}]`:                                              "cancellation_fees[0].from",
		`[{},{},{},{},{},{},{},{},{},{},{}]`:                                                          "cancellation_fees",
	} {
		w := h.ask(t, organizer, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price"`, `"cancellation_fees":`+fees+`,"price"`, 1))
		if w.Code != 422 || !strings.Contains(w.Body.String(), field) {
			t.Errorf("%s: %d %s", fees, w.Code, w.Body)
		}
	}
	form := newEventForm()
	for name, value := range map[string]string{"cancellation_fees[0].from": "2099-05-01T00:00", "cancellation_fees[0].fee_rate": "12,5",
		"cancellation_fees[2].from": "2099-06-01T00:00", "cancellation_fees[2].fee_fixed": "3.50"} {
		form.Set(name, value)
	}
	at := h.page(t, organizer, "POST", "/organizer/events/new", form, 303)
	event := strings.TrimPrefix(at, "/organizer/events/")
	got, err := h.Events.Event(t.Context(), caller.System, event)
	if err != nil || len(got.CancelFees) != 2 || got.CancelFees[0].FeeRate != 1250 || got.CancelFees[1].FeeFixed != 350 {
		t.Errorf("%+v %v", got.CancelFees, err)
	}
	page := h.page(t, organizer, "GET", at+"/edit", nil, 200)
	for _, part := range []string{`value="2099-05-01T00:00"`, `value="12.5"`, `value="3.50"`, `name="cancellation_fees[2].from"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the form has no %s", part)
		}
	}
	form.Set("cancellation_fees[0].fee_rate", "200")
	if page := h.page(t, organizer, "POST", "/organizer/events/new", form, 422); !strings.Contains(page, `id="f-cancellation_fees[0].fee_rate-fault"`) {
		t.Error("the fault is not beside its field")
	}
	if w := h.ask(t, organizer, "PUT", "/events/"+event, `{"cancellation_fees":[]}`); w.Code != 200 || strings.Contains(w.Body.String(), "cancellation_fees") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
