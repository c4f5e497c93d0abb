package checkin

import (
	"log/slog"
	"slices"
	"testing"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/patience"
)

// While a device watches, its node hears what other nodes have taken, and of new lists.
func TestOtherNodesAreHeard(t *testing.T) {
	w := newWorld(t)
	one, other := w.node(t), w.node(t)
	other.cfg.Log = slog.New(slog.DiscardHandler)
	g, h := w.gate(t, one), w.gate(t, other)
	v := other.view(gala)
	leave, err := other.watch(v)
	if err != nil {
		t.Fatal(err)
	}
	ann := w.sell("ann", 1)
	token := w.token(t, ann, 1)
	g.in(token)
	patience.Until(t, "the scan is heard", func() bool {
		page, err := other.heard(t.Context(), v, h.device, 0)
		return err == nil && len(page.Items) == 1 && page.Items[0].Device == g.device && *page.Items[0].Ordinal == 1 && page.Cursor == "1"
	})
	patience.Until(t, "the list is heard of", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.told == version{seq: 1}
	})
	if page, err := one.heard(t.Context(), one.view(gala), g.device, 0); err != nil || len(page.Items) != 0 || page.Cursor != "1" {
		t.Errorf("a device hears its own scans: %+v %v", page, err)
	}
	if _, err := one.Revoke(t.Context(), hall, gala, h.device); err != nil {
		t.Fatal(err)
	}
	patience.Until(t, "the revocation is heard", func() bool { return v.known().devices[h.device].RevokedAt != 0 })
	leave()
	other.feeds.Wait()
	other.EndLive()
	if _, err := other.watch(v); err == nil {
		t.Error("a node that drains takes a new feed")
	}
}

// A page of scans ends where the next one begins; a scan that was joined later comes again.
func TestPages(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1, 2, 3)
	g := w.gate(t, s)
	var scans []checkinapi.Scan
	for seat := range int32(3) {
		scans = append(scans, g.scan(checkinapi.In, w.token(t, ann, seat+1)))
	}
	g.send(scans...)
	v := s.view(gala)
	list, upto := v.since(0, 2)
	if len(list) != 2 || upto != 2 {
		t.Errorf("%d scans up to %d", len(list), upto)
	}
	g.send(alone(scans[0], checkinapi.OK))
	list, upto = v.since(0, 9)
	if seqs := []int64{list[0].seq, list[1].seq, list[2].seq}; len(list) != 3 || upto != 4 || !slices.Equal(seqs, []int64{2, 3, 4}) || list[2].Counter != 1 {
		t.Errorf("%v up to %d", seqs, upto)
	}
	if list, upto = v.since(4, 9); len(list) != 0 || upto != 4 {
		t.Errorf("%d scans up to %d", len(list), upto)
	}
}

// A device that is told of a list asks for it at once, and gets that one, even if the node
// has made another a moment ago.
func TestListAsTold(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	v := s.view(gala)
	ann := w.sell("ann", 1)
	if _, err := s.salesOf(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	w.refund(ann)
	now, err := s.listVersion(t.Context(), gala)
	if err != nil {
		t.Fatal(err)
	}
	v.tell(now)
	l, err := s.salesOf(t.Context(), v)
	if err != nil || l.version() != now || l.tickets.Bookings[1] != "" {
		t.Errorf("%+v, told of %+v: %v", l.version(), now, err)
	}
}
