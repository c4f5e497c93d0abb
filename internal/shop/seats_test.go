package shop

import (
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// A price whose last seat is taken is shown as sold out, and cannot be chosen;
// nor can a section without a free seat.
func TestSoldOutPricesCannotBeChosen(t *testing.T) {
	e := onSale("a", 3, 50)
	e.LimitPerCustomer = 8
	e.Prices.Tiers = []seating.Tier{{ID: "t1", Name: "Stalls", Price: 9000}, {ID: "t2", Name: "Circle", Price: 5000}, {ID: "t3", Name: "Balcony", Price: 3000}}
	tier := func(n int) *seating.Tier { return &e.Prices.Tiers[n] }
	s := &shelf{coming: []eventapi.Event{e}, sections: []bookingapi.SectionSeats{
		{ID: "A", Name: "Left", Total: 60, Free: 30, Tiers: []*seating.Tier{tier(1), tier(0)}, FreeAt: []int32{30, 0}},
		{ID: "B", Name: "Right", Total: 40, Free: 20, Tiers: []*seating.Tier{tier(1), tier(0)}, FreeAt: []int32{20, 0}},
		{ID: "C", Name: "Top", Total: 40, Tiers: []*seating.Tier{tier(2)}, FreeAt: []int32{0}},
	}}
	body := get(t, shopOf(t, s), "GET /e/{id}/{slug}", "/e/a/gala-a").Body.String()
	for _, want := range []string{`<option value="t1" disabled>Stalls, €90.00 – sold out</option>`, `<option value="t2">Circle, €50.00</option>`,
		`<option value="t3" disabled>`, `<option value="A">Left</option>`, `<option value="C" disabled>Top – sold out</option>`, `Stalls <span class="chip bad">Sold out</span>`} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %s", want)
		}
	}
}
