package app

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/payment/stripe/stripetest"
)

// Once an operator has gone live, orders that were paid with test money keep their marks,
// and are apart from the sales; and orders that were paid with real money never get marks.
func TestMarksGoByThePayment(t *testing.T) {
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprintf("live %t", live), func(t *testing.T) {
			var h *house
			method, money, other := "tok_ok", notifyapi.RealMoney, "real money"
			if live {
				h, _ = stripeHouse(t, "")
				method, money, other = stripetest.Visa, notifyapi.TestMoney, "test money"
			} else {
				h = newHouse(t)
			}
			org, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
			event := h.must(t, org, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
			var ids []string
			for range 2 {
				b := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
				h.must(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, b, method), "id")
				ids = append(ids, b)
			}
			h.write(t, `UPDATE payments SET test = $1 WHERE booking_id = $2`, live, ids[1])
			for i, b := range ids {
				tests := (i == 1) == live
				order := h.page(t, ann, "GET", "/orders/"+b, nil, 200)
				if strings.Contains(order, "TEST: This order was not paid") != (live && tests) || strings.Contains(order, "This order was paid with real money") != (!live && !tests) {
					t.Errorf("the page of order %d: %s", i, order)
				}
				if strings.Contains(h.page(t, ann, "GET", "/orders/"+b+"/tickets", nil, 200), "TEST: not paid with real money") != tests {
					t.Errorf("ticket %d says TEST: %t", i, !tests)
				}
				booking, err := h.Bookings.Booking(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				n, err := h.letters(nil, "").Again(t.Context(), &booking)
				if want := map[bool]string{false: notifyapi.RealMoney, true: notifyapi.TestMoney}[tests]; err != nil || n.Data.Order.Money != want {
					t.Errorf("the mail about order %d: %q %v", i, n.Data.Order.Money, err)
				}
				files := unpacked(t, h.ask(t, org, "GET", "/organizer/events/"+event+"/orders/"+b+"/evidence.zip", "").Body.Bytes())
				if strings.Contains(files["summary.txt"], "not paid with real money") != tests {
					t.Errorf("the evidence of order %d says TEST: %t", i, !tests)
				}
			}
			if list := h.page(t, ann, "GET", "/orders", nil, 200); strings.Count(list, `<span class="chip wait">TEST</span>`) != map[bool]int{true: 1}[live] {
				t.Errorf("the list: %s", list)
			}
			at := h.page(t, org, "GET", "/organizer/events/"+event, nil, 200)
			has(t, at, `<p class="big num">€50.00</p><p class="fine num">1 paid booking</p><p class="fine num">Plus €50.00 in `+other, "including "+other)
			if strings.Count(at, `<span class="chip wait">`+strings.ToUpper(money[:1])+money[1:]+" money</span>") != 1 {
				t.Errorf("the bookings on the live page: %s", at)
			}
			lines := strings.Split(h.page(t, org, "GET", "/organizer/events/"+event+"/attendees.csv", nil, 200), "\r\n")
			for _, line := range lines[1:3] {
				booking := ids[0]
				if strings.Contains(line, id.Reference(ids[1])) {
					booking = ids[1]
				}
				if tests := (booking == ids[1]) == live; strings.HasSuffix(line, ",sale,yes") != tests {
					t.Errorf("of test money: %t: %s", tests, line)
				}
			}
		})
	}
}
