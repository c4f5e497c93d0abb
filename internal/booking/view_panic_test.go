package booking

import (
	"boxoffice/internal/ledger"
	"testing"
)

// A view that panicked while it applied an entry is filled anew.
func TestPanicInAView(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b := w.hold(ev, "u1", "A-A-1")
	v, err := w.s.views.after(t.Context(), ev, b.Seq)
	if err != nil {
		t.Fatal(err)
	}
	v.owner = v.owner[:2] // a fault
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		w.s.views.apply(v, []ledger.Entry{{EventID: ev, Seq: b.Seq + 1, Kind: ledger.Held, BookingID: "x", Seats: []int32{1, 2}}})
	}()
	fresh, err := w.s.views.get(t.Context(), ev)
	if err != nil || fresh == v || string(fresh.status) != "h...................." {
		t.Errorf("%v, the same: %v", err, fresh == v)
	}
}
