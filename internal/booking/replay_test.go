package booking

import "testing"

// The early "no" does not refuse a hold that is sent again to the node that made it:
// whatever has become of its seats, the key comes to the same booking.
func TestEarlyRefusalsLetReplaysThrough(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	wish := Wish{EventID: ev, Seats: []string{"A-A-1"}}
	first, err := w.s.Hold(t.Context(), fan("ann"), "k", wish)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Swap(t.Context(), fan("ann"), first.ID, 0, Wish{Seats: []string{"A-A-2"}}); err != nil {
		t.Fatal(err)
	}
	gone, err := w.s.Hold(t.Context(), fan("cid"), "k", Wish{EventID: ev, Seats: []string{"A-A-3"}})
	if err != nil {
		t.Fatal(err)
	}
	w.cancel(gone)
	for _, label := range []string{"A-A-1", "A-A-3"} {
		if _, err := w.s.Hold(t.Context(), fan("bob"), "", Wish{EventID: ev, Seats: []string{label}}); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := w.s.Hold(t.Context(), fan("ann"), "k", wish); err != nil || b.ID != first.ID {
		t.Errorf("swapped away: %v %v", b.ID, err)
	}
	if b, err := w.s.Hold(t.Context(), fan("cid"), "k", Wish{EventID: ev, Seats: []string{"A-A-3"}}); err != nil || b.ID != gone.ID {
		t.Errorf("released: %v %v", b.ID, err)
	}
	_, err = w.s.Hold(t.Context(), fan("ann"), "k", Wish{EventID: ev, Seats: []string{"A-A-3"}})
	wantType(t, err, "idempotency-key-reused")
	_, err = w.s.Hold(t.Context(), fan("ann"), "new", wish)
	wantType(t, err, "seats-taken")
}
