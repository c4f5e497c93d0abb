package booking

import (
	"context"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Early refusals do not apply to a repeated request on the node that made the hold:
// whatever has become of its seats, the key leads to the same booking.
func TestEarlyRefusalsLetReplaysThrough(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	request := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}}
	first, err := w.s.Hold(t.Context(), fan("ann"), "k", request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Swap(t.Context(), fan("ann"), first.ID, 0, bookingapi.Selection{Seats: []string{"A-A-2"}}); err != nil {
		t.Fatal(err)
	}
	gone, err := w.s.Hold(t.Context(), fan("cid"), "k", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-3"}}})
	if err != nil {
		t.Fatal(err)
	}
	w.cancel(gone)
	for _, label := range []string{"A-A-1", "A-A-3"} {
		if _, err := w.s.Hold(t.Context(), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{label}}}); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := w.s.Hold(t.Context(), fan("ann"), "k", request); err != nil || b.ID != first.ID {
		t.Errorf("swapped away: %v %v", b.ID, err)
	}
	if b, err := w.s.Hold(t.Context(), fan("cid"), "k", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-3"}}}); err != nil || b.ID != gone.ID {
		t.Errorf("released: %v %v", b.ID, err)
	}
	_, err = w.s.Hold(t.Context(), fan("ann"), "k", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-3"}}})
	wantType(t, err, "idempotency-key-reused")
	_, err = w.s.Hold(t.Context(), fan("ann"), "new", request)
	wantType(t, err, "seats-taken")
}

// The same holds on other nodes, whether they saw the seats being given up or were started
// afterwards. First requests cost no command there.
func TestReplaysOnOtherNodes(t *testing.T) {
	ctx := t.Context()
	list := nodes(t, 0, 0, 0)
	a, heard, late := list[0], list[1], list[2]
	ev := a.event()
	if _, err := bookingapi.One(ctx, heard.s.Counts, "event", ev); err != nil {
		t.Fatal(err)
	}
	hold := func(w *world, who, key, label string) (bookingapi.Booking, error) {
		return w.s.Hold(ctx, fan(who), key, bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{label}}})
	}
	must := func(b bookingapi.Booking, err error) bookingapi.Booking {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	swapped, released := must(hold(a, "ann", "k", "A-A-1")), must(hold(a, "cid", "k", "A-A-3"))
	must(a.s.Swap(ctx, fan("ann"), swapped.ID, 0, bookingapi.Selection{Seats: []string{"A-A-2"}}))
	a.cancel(released)
	must(hold(a, "bob", "", "A-A-1"))
	must(a.pay(must(hold(a, "bob", "", "A-A-3"))))
	heard.s.views.peek(ev).checked.Store(0) // so that it looks
	for _, w := range []*world{heard, late} {
		if b, err := hold(w, "ann", "k", "A-A-1"); err != nil || b.ID != swapped.ID {
			t.Errorf("swapped away: %v %v", b.ID, err)
		}
		_, err := hold(w, "ann", "k", "A-A-3")
		wantType(t, err, "idempotency-key-reused")
	}
	if b, err := hold(heard, "cid", "k", "A-A-3"); err != nil || b.ID != released.ID {
		t.Errorf("released: %v %v", b.ID, err)
	}
	for _, w := range list[1:] {
		before := w.decided()
		for _, key := range []string{"", "new"} {
			_, err := hold(w, "ann", key, "A-A-1")
			wantType(t, err, "seats-taken")
		}
		if n := w.decided() - before; n != 0 {
			t.Errorf("%v commands for refusals", n)
		}
	}
}

// decided counts the commands that a node has decided.
func (w *world) decided() (n float64) {
	w.t.Helper()
	all := make(chan prometheus.Metric, 1000)
	w.s.metrics.commands.Collect(all)
	close(all)
	for one := range all {
		var m dto.Metric
		if err := one.Write(&m); err != nil {
			w.t.Fatal(err)
		}
		n += m.GetCounter().GetValue()
	}
	return n
}

// While a hold has its seats, every node that sees them recognizes its key before any
// early refusal, be it for the limit of unverified people or because the request names
// something that the event no longer has.
func TestReplaysOfLiveHoldsOnOtherNodes(t *testing.T) {
	ctx := from(t.Context(), "2001:db8::1")
	list := nodes(t, 0, 0, 0)
	a, heard, late := list[0], list[1], list[2]
	ev := a.event()
	if _, err := bookingapi.One(ctx, heard.s.Counts, "event", ev); err != nil {
		t.Fatal(err)
	}
	request := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1}}
	first, err := a.s.Hold(ctx, fan("ann"), "k", request)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil; i++ {
		_, err = heard.s.Hold(ctx, fan(fmt.Sprint("guest", i)), "", request)
	}
	wantType(t, err, "many-held-unverified")
	for name, w := range map[string]*world{"heard": heard, "late": late} {
		gone := request
		gone.Tier = "gone"
		_, err = w.s.Hold(ctx, fan("ann"), "k", gone)
		if !errs.Is(err, "idempotency-key-reused") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := w.s.Hold(ctx, fan("ann"), "k", request); err != nil || b.ID != first.ID {
			t.Errorf("%s: %v %v", name, b.ID, err)
		}
		before := w.decided()
		if _, err := w.s.Hold(ctx, fan("ann"), "new", gone); errs.KindOf(err) != errs.Invalid || w.decided() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A repeated grant returns the same booking, even if the event no longer has what it
// names.
func TestReplayOfAGrant(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	owner := caller.Caller{UserID: organizer, Role: caller.Organizer}
	there := true
	w.s.accounts = func(context.Context, string) (bool, error) { return there, nil }
	request := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1}}
	first, err := w.s.Grant(t.Context(), owner, "k", grantOf(bookingapi.Complimentary, "kay", request))
	if err != nil {
		t.Fatal(err)
	}
	there = false
	if b, err := w.s.Grant(t.Context(), owner, "k", grantOf(bookingapi.Complimentary, "kay", request)); err != nil || b.ID != first.ID {
		t.Errorf("%v %v", b.ID, err)
	}
	if _, err := w.s.Grant(t.Context(), owner, "new", grantOf(bookingapi.Complimentary, "kay", request)); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	_, err = w.s.Grant(t.Context(), owner, "k", grantOf(bookingapi.Complimentary, "bob", request))
	wantType(t, err, "idempotency-key-reused")
}
