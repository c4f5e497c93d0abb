package app

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// An organizer moves an order in the console and by the API: the tickets are for the new
// seats, the buyer is mailed them with the reason, the guest of complimentary seats too, the
// money stays, and the books agree.
func TestOrganizersMoveBookings(t *testing.T) {
	h, box := newPostHouse(t)
	organizer, ann, bob := h.account(t, caller.Organizer), h.visitor(t, "ann"), h.visitor(t, "bob")
	event := h.event(t, organizer)
	booking := h.buys(t, ann, event, 1, paymentapi.SandboxOK)
	held := h.must(t, bob, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
	label := func(booking string) string {
		return h.must(t, organizer, "GET", "/bookings/"+booking, "", "seat_number")
	}
	first, taken := label(booking), label(held)
	free := h.freeSeats(t, event)
	type ticket struct{ Seat, Token string }
	tickets := func() []ticket {
		var list struct{ Items []ticket }
		if err := json.Unmarshal(h.ask(t, ann, "GET", "/bookings/"+booking+"/tickets", "").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		return list.Items
	}
	before := tickets()

	at := "/organizer/events/" + event + "/orders/" + booking
	if text := visible(h.page(t, organizer, "GET", at, nil, 200)); !strings.Contains(text, "Move to other seats") || strings.Count(text, first) < 2 { // beside the seats, and to cancel them
		t.Errorf("the console cannot move it: %s", text)
	}
	form := url.Values{"seats": {taken}, "reason": {"The row is closed."}}
	if text := visible(h.page(t, organizer, "POST", at+"/seats", form, 409)); !strings.Contains(text, "Somebody else has "+taken) {
		t.Errorf("held by somebody: %s", text)
	}
	form.Set("seats", free[0]+", "+free[1])
	if text := visible(h.page(t, organizer, "POST", at+"/seats", form, 422)); !strings.Contains(text, "as many seats as the booking has: 1") {
		t.Errorf("too many: %s", text)
	}
	form.Set("seats", free[0])
	form.Set("seen", "1")
	if text := visible(h.page(t, organizer, "POST", at+"/seats", form, 409)); !strings.Contains(text, "has changed in the meantime") {
		t.Errorf("changed: %s", text)
	}
	form.Del("seen")
	h.page(t, organizer, "POST", at+"/seats", form, 303)
	if now := label(booking); now != free[0] {
		t.Errorf("it has %s, not %s", now, free[0])
	}
	if after := tickets(); len(after) != 1 || len(before) != 1 || after[0].Seat != free[0] || after[0].Token == before[0].Token {
		t.Errorf("the tickets are %+v, and were %+v", after, before)
	}
	if !slices.Contains(h.freeSeats(t, event), first) {
		t.Errorf("%s is not free", first)
	}
	moved := func(to string) (found string) {
		for _, m := range box.about(to, "New seats for") {
			if strings.Contains(m.Text, "has moved your booking") {
				found = m.Text
			}
		}
		return found
	}
	until(t, "the move is mailed", func() bool { return moved("ann@example.org") != "" })
	if text := moved("ann@example.org"); !strings.Contains(text, "Reason given by the organizer: The row is closed.") || !strings.Contains(text, "no longer valid") {
		t.Errorf("the mail says %s", text)
	}
	if text := visible(h.page(t, organizer, "GET", at, nil, 200)); !strings.Contains(text, "Moved by you Seats before: ") || !strings.Contains(text, " The row is closed.") {
		t.Errorf("the console does not say it: %s", text)
	}
	summary := unpacked(t, h.ask(t, organizer, "GET", at+"/evidence.zip", "").Body.Bytes())["summary.txt"]
	if !strings.Contains(summary, ", from "+first+": The row is closed.") || !strings.Contains(summary, free[0]+",") {
		t.Errorf("the evidence does not say it: %s", summary)
	}

	// By the API, with the version that was read.
	tag := h.ask(t, organizer, "GET", "/bookings/"+booking, "").Header().Get("ETag")
	body := fmt.Sprintf(`{"seats":[%q],"reason":"Back again."}`, first)
	if w := h.ask(t, organizer, "PUT", "/bookings/"+booking+"/seats", body, "If-Match", `"1"`); w.Code != 412 {
		t.Errorf("another version: %d %s", w.Code, w.Body)
	}
	if w := h.ask(t, organizer, "PUT", "/bookings/"+booking+"/seats", body, "If-Match", tag); w.Code != 200 || !strings.Contains(w.Body.String(), `"seat_number":"`+first+`"`) || !strings.Contains(w.Body.String(), `"paid_left":5000`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, organizer, "PUT", "/bookings/"+booking+"/seats", fmt.Sprintf(`{"seats":[%q],"reason":"Mine."}`, taken)); w.Code != 409 || !strings.Contains(w.Body.String(), `"seats":["`+taken+`"]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}

	gift := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", fmt.Sprintf(`{"seats":[%q],"name":"Guest","email":"guest@example.org"}`, free[1]), "id")
	if w := h.ask(t, organizer, "PUT", "/bookings/"+gift+"/seats", fmt.Sprintf(`{"seats":[%q],"reason":"Closed, too."}`, free[2])); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	until(t, "the guest is mailed", func() bool { return strings.Contains(moved("guest@example.org"), "Closed, too.") })
	if _, err := Verify(t.Context(), h.DB, ""); err != nil {
		t.Error(err)
	}
}

// freeSeats lists seats of an event that are free.
func (h *house) freeSeats(t *testing.T, event string) (labels []string) {
	t.Helper()
	sections, err := h.Bookings.Sections(t.Context(), caller.System, event)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		rows, err := h.Bookings.Rows(t.Context(), caller.System, event, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			for _, seat := range r.Seats {
				if seat.Free {
					labels = append(labels, seat.Label)
				}
			}
		}
	}
	return labels
}

// Moves, refunds, a part of the money and the end of the event meet: whatever the order, each
// buyer gets back what was paid, once, and seats, payments, journal and invoices agree.
func TestMovesMeetRefunds(t *testing.T) {
	h, _ := newPostHouse(t)
	organizer := h.account(t, caller.Organizer)
	h.must(t, organizer, "PUT", "/sellers/"+organizer.UserID, aSeller, "name")
	event := h.event(t, organizer)
	var buyers []userapi.Fan
	var bookings []string
	for _, name := range []string{"ann", "bob", "cem"} {
		fan := h.visitor(t, name)
		buyers, bookings = append(buyers, fan), append(bookings, h.buys(t, fan, event, 2, paymentapi.SandboxOK))
	}
	free := h.freeSeats(t, event)
	type seat struct{ Label string }
	seats := func(booking string) (list []string) {
		var b struct{ Seats []seat }
		if err := json.Unmarshal(h.ask(t, organizer, "GET", "/bookings/"+booking, "").Body.Bytes(), &b); err != nil {
			t.Error(err)
		}
		for _, s := range b.Seats {
			list = append(list, s.Label)
		}
		return list
	}
	move := func(booking string, to ...string) *httptest.ResponseRecorder {
		raw, err := json.Marshal(map[string]any{"seats": to, "reason": "The row is closed."})
		if err != nil {
			t.Error(err)
		}
		return h.ask(t, organizer, "PUT", "/bookings/"+booking+"/seats", string(raw))
	}
	var all sync.WaitGroup
	for i, booking := range bookings {
		fan, first := buyers[i], seats(booking)
		for _, ask := range []func() *httptest.ResponseRecorder{
			func() *httptest.ResponseRecorder { return move(booking, free[2*i], first[1]) },
			func() *httptest.ResponseRecorder { return move(booking, free[2*i], free[(2*i+1)%6]) },
			func() *httptest.ResponseRecorder { return move(booking, free[(2*i+2)%6]) },
			func() *httptest.ResponseRecorder {
				return h.ask(t, fan, "DELETE", "/bookings/"+booking+"?seats="+url.QueryEscape(first[1]), "")
			},
			func() *httptest.ResponseRecorder {
				return h.ask(t, organizer, "POST", "/bookings/"+booking+"/refunds", `{"amount":700,"paid_left":10000,"reason":"Noise."}`)
			},
		} {
			all.Go(func() {
				if w := ask(); w.Code != 200 && w.Code != 409 && w.Code != 422 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
	}
	all.Wait()
	has := map[string]string{}
	for _, booking := range bookings {
		for _, label := range seats(booking) {
			if other := has[label]; other != "" {
				t.Errorf("%s belongs to %s and to %s", label, other, booking)
			}
			has[label] = booking
		}
	}
	if _, err := Verify(t.Context(), h.DB, ""); err != nil {
		t.Error(err)
	}
	all.Go(func() {
		if w := h.ask(t, organizer, "PUT", "/events/"+event, `{"status":"cancelled"}`); w.Code != 200 && w.Code != 202 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	for i, booking := range bookings {
		all.Go(func() {
			to := free[6+2*i : 8+2*i]
			if w := move(booking, to[:len(seats(booking))]...); w.Code != 200 && w.Code != 409 && w.Code != 422 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	until(t, "all is refunded", func() bool {
		list, err := h.Payments.Latest(t.Context(), bookings)
		for _, p := range list {
			if p.Status != paymentapi.Refunded || p.Refunded != p.Amount {
				return false
			}
		}
		return err == nil && len(list) == len(bookings)
	})
	for i, booking := range bookings {
		if w := move(booking, free[:2]...); w.Code != 409 {
			t.Errorf("a booking that was cancelled: %d %s", w.Code, w.Body)
		}
		var papers struct {
			Items []struct {
				Kind   string
				Amount int64
			}
		}
		until(t, "the papers say so", func() bool {
			var sum int64
			err := json.Unmarshal(h.ask(t, buyers[i], "GET", "/bookings/"+booking+"/invoices", "").Body.Bytes(), &papers)
			for _, d := range papers.Items {
				sum += map[string]int64{"invoice": 1, "credit_note": -1}[d.Kind] * d.Amount
			}
			return err == nil && len(papers.Items) > 1 && sum == 0
		})
	}
	if _, err := Verify(t.Context(), h.DB, ""); err != nil {
		t.Error(err)
	}
}
