package booking

import (
	"testing"

	"boxoffice/internal/bookingapi"
)

// Pages follow each other in the order of ids, over events; after a cursor that is no id
// comes what would come after such an id.
func TestListPages(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		event := w.event()
		for _, seat := range w.plan.Seats[:2] {
			w.hold(event, "u", seat.Label)
		}
	}
	var all []bookingapi.Booking
	for after := ""; ; after = all[len(all)-1].ID {
		page, err := w.s.List(t.Context(), bookingapi.Filter{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			if len(all) > 0 && b.ID <= all[len(all)-1].ID {
				t.Fatalf("%s comes after %s", b.ID, all[len(all)-1].ID)
			}
			all = append(all, b)
		}
	}
	if len(all) != 6 {
		t.Errorf("%d bookings", len(all))
	}
	if page, err := w.s.List(t.Context(), bookingapi.Filter{After: "zzz", Limit: 2}); err != nil || len(page) != 0 {
		t.Errorf("%d bookings after zzz, %v", len(page), err)
	}
}
