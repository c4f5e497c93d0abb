package checkin

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// A booking id that has the form of one, but stands for none, must not keep other devices from
// hearing of scans.
func TestNoSuchBooking(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g, h := w.gate(t, s), w.gate(t, s)
	ann := w.sell("ann", 1)
	sc := g.scan(checkinapi.In, "")
	sc.BookingID, sc.How = gala+"0000000000000000000z", checkinapi.Search
	g.send(sc)
	h.in(w.token(t, ann, 1))
	if _, err := s.heard(t.Context(), s.view(gala), h.device, 0); err != nil {
		t.Fatal(err)
	}
}

// The seating plan may be changed as long as nothing is sold, also after somebody has looked
// at the door.
func TestPlanChanged(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	if _, err := s.Attendance(t.Context(), hall, gala); err != nil {
		t.Fatal(err)
	}
	plan, err := seating.Generate("arena/2", 600)
	if err != nil {
		t.Fatal(err)
	}
	plan.ID, plan.Version = "plan", 4
	w.mu.Lock()
	w.plan, w.event.PlanVersion = plan, 4
	w.mu.Unlock()
	w.sell("ann", int32(len(plan.Seats)-1))
	v := s.view(gala)
	v.mu.Lock()
	v.planAt = v.planAt.Add(-planFor)
	if v.sales != nil {
		v.sales.at = v.sales.at.Add(-listFor)
	}
	v.mu.Unlock()
	if a, err := s.Attendance(t.Context(), hall, gala); err != nil || len(a.Sections) != len(plan.Sections) || a.Tickets != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

// A feed ends with the time that its device was paired for.
func TestFeedOutOfTime(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	d, _ := pair(t, s, checkinapi.PairingRequest{ValidUntil: w.clock().Add(time.Hour).UnixMicro()})
	v := s.view(gala)
	answer := httptest.NewRecorder()
	f := &feed{s: s, v: v, device: &d, w: answer, out: http.NewResponseController(answer)}
	if !f.news(t.Context()) {
		t.Fatal("a device that may is not told")
	}
	w.pass(time.Hour)
	w.gate(t, s).in(w.token(t, w.sell("ann", 1), 1))
	answer.Body.Reset()
	if f.news(t.Context()) || answer.Body.Len() > 0 {
		t.Errorf("it is still told: %s", answer.Body)
	}
}

// Whoever has stolen a device cannot take back what it has scanned.
func TestRevokedUndo(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	in := g.scan(checkinapi.In, w.token(t, w.sell("ann", 1), 1))
	g.send(in)
	undo := alone(g.scan(checkinapi.Undo, ""), checkinapi.OK)
	undo.Of = checkinapi.Ref{Device: g.device, Counter: in.Counter}
	w.pass(time.Hour)
	if _, err := s.Revoke(t.Context(), hall, gala, g.device); err != nil {
		t.Fatal(err)
	}
	if got := g.send(undo)[0]; got.Reason != checkinapi.DeviceRevoked {
		t.Errorf("%+v", got)
	}
	if a, err := s.attendance(t.Context(), gala, false); err != nil || a.Inside != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

// A cursor of before the database was restored is ahead of it: the device hears all again.
func TestCursorAhead(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g, h := w.gate(t, s), w.gate(t, s)
	g.in(w.token(t, w.sell("ann", 1), 1))
	if page, err := s.heard(t.Context(), s.view(gala), h.device, 1000); err != nil || len(page.Items) != 1 || page.Cursor != "1" {
		t.Errorf("%+v %v", page, err)
	}
}

// An undo that comes before its scan, in the same request, counts for the scans after it.
func TestUndoFirst(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	token := w.token(t, w.sell("ann", 1), 1)
	in, undo, again := alone(g.scan(checkinapi.In, token), checkinapi.OK), alone(g.scan(checkinapi.Undo, ""), checkinapi.OK), g.scan(checkinapi.In, token)
	undo.Of = checkinapi.Ref{Device: g.device, Counter: in.Counter}
	if got := g.send(undo, in, again)[2]; got.Reason != checkinapi.OK {
		t.Errorf("%+v", got)
	}
	if a, err := s.attendance(t.Context(), gala, false); err != nil || a.Inside != 1 || len(a.Doubles) != 0 {
		t.Errorf("%+v %v", a, err)
	}
}

// One device must not fill the memory of a node.
func TestTooManyScans(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	first := g.scan(checkinapi.In, "x")
	g.send(first)
	v := s.view(gala)
	v.mu.Lock()
	v.counts[g.device] = scansMost - 1
	v.mu.Unlock()
	if _, err := s.Take(t.Context(), gala, g.device, []checkinapi.Scan{g.scan(checkinapi.In, "y"), g.scan(checkinapi.In, "z")}); !errs.Is(err, "too-many-scans") {
		t.Error(err)
	}
	if len(v.scans) != 1 {
		t.Errorf("%d scans are stored", len(v.scans))
	}
	g.send(first, g.scan(checkinapi.In, "y"))
	g.send(first)
	w.gate(t, s).in("z")
}

// A device that opens one feed after another has the latest ones.
func TestTooManyFeeds(t *testing.T) {
	v := newView(gala)
	var ended []int
	leave := make([]func(), feedsMost+2)
	for i := range leave {
		leave[i] = v.open("left", func() { ended = append(ended, i) })
	}
	v.open("right", func() { ended = append(ended, -1) })
	if !slices.Equal(ended, []int{0, 1}) {
		t.Errorf("%v have ended", ended)
	}
	for _, one := range leave {
		one()
	}
	if len(v.feeds) != 1 {
		t.Errorf("%d devices have feeds", len(v.feeds))
	}
}

// Who shows a copy a thousand times makes no decision slow, and is still in the history.
func TestCopiesAreNotFolded(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	ann := w.sell("ann", 1)
	scans := []checkinapi.Scan{}
	for range 300 {
		scans = append(scans, g.scan(checkinapi.In, w.token(t, ann, 1)))
	}
	g.send(scans...)
	late := g.send(alone(scans[7], checkinapi.OK))[0] // this one went in all the same
	if late.Reason != checkinapi.AlreadyInside {
		t.Errorf("%+v", late)
	}
	v := s.view(gala)
	if n := len(v.places[place{ann, 1}]); n != 2 {
		t.Errorf("%d scans are folded", n)
	}
	a, err := s.attendance(t.Context(), gala, false)
	if err != nil || a.Inside != 1 || a.Refused != 298 || len(a.Doubles) != 1 {
		t.Errorf("%+v %v", a, err)
	}
	if list, err := s.History(t.Context(), hall, ann); err != nil || len(list) != 300 {
		t.Errorf("%d in the history: %v", len(list), err)
	}
}

// Who has one ticket and a device does not make them come and go without end.
func TestComeAndGo(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	token := w.token(t, w.sell("ann", 1), 1)
	in, again, out := g.scan(checkinapi.In, token), g.scan(checkinapi.In, token), g.scan(checkinapi.Out, token)
	g.send(in, again, out)
	for range 5 {
		var scans []checkinapi.Scan
		for range 125 {
			scans = append(scans, g.scan(checkinapi.In, token), g.scan(checkinapi.Out, token))
		}
		last := g.send(scans...)[249]
		if g.counter <= countedMost && last.Reason != checkinapi.OK || g.counter > countedMost && last.Reason != checkinapi.NotAllowed {
			t.Errorf("%d: %+v", g.counter, last)
		}
	}
	g.send(alone(again, checkinapi.OK)) // nor by deciding alone
	v := s.view(gala)
	for p, list := range v.places {
		if len(list) > countedMost {
			t.Errorf("%d scans of %v count", len(list), p)
		}
	}
}

// Codes that were made before pair no more devices than an event can have.
func TestTooManyDevices(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	p, err := s.Pair(t.Context(), hall, checkinapi.PairingRequest{EventID: gala, Name: "Late"})
	if err != nil {
		t.Fatal(err)
	}
	until := w.clock().Add(time.Hour).UnixMicro()
	if err := s.store.change(t.Context(), gala, func(tx *sql.Tx) error {
		for i := range devicesMost {
			name := fmt.Sprint("d", i)
			if _, err := tx.Exec(sqlAddDevice, gala, name, "", name, "", false, 1, until, 1, "hall", 1, 0, name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Enter(t.Context(), checkinapi.Scanner, p.Code, ""); !errs.Is(err, "too-many-devices") {
		t.Error(err)
	}
	w.pass(10 * time.Minute)
	if _, err := s.Revoke(t.Context(), hall, gala, "d7"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Enter(t.Context(), checkinapi.Scanner, p.Code, ""); err != nil {
		t.Errorf("the code is spent: %v", err)
	}
}
