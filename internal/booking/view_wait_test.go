package booking

import (
	"sync/atomic"
	"testing"

	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
)

// dropping is a consumer whose view is dropped as the ledger is asked for the first time.
type dropping struct {
	*views
	dropped atomic.Bool
}

func (d *dropping) Cursor(eventID string) (seq int64, follows bool) {
	if d.dropped.CompareAndSwap(false, true) {
		d.forget(eventID)
	}
	return d.views.Cursor(eventID)
}

// When a view is dropped, waiting for a version goes on with the new view, and reads the
// ledger again.
func TestWaitOutlivesAView(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b := w.hold(ev, "ann", "A-A-1")
	if _, err := w.s.views.after(t.Context(), ev, b.Seq); err != nil {
		t.Fatal(err)
	}
	d := &dropping{views: w.s.views}
	w.s.views.ledger = ledger.NewFollower(source{w.db}, d)
	_, err := w.s.views.after(patience.Context(t), ev, b.Seq+5)
	wantType(t, err, "invalid-field") // the ledger ends before
	if !d.dropped.Load() {
		t.Error("the view was not dropped")
	}
}

// Waiters for a change of a view are woken when another view replaces it.
func TestReplacedViewWakes(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	old, err := w.s.views.get(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	changed := old.Read(func(int64, int64, []byte) {})
	fresh, err := w.s.views.fill(t.Context(), ev)
	if err != nil || fresh == old || w.s.views.peek(ev) != fresh {
		t.Fatalf("not filled anew: %v", err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is woken")
	}
	if w.s.views.seats != len(fresh.status) {
		t.Errorf("%d seats are counted of %d", w.s.views.seats, len(fresh.status))
	}
}
