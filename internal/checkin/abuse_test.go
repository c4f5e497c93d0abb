package checkin

import (
	"testing"

	"boxoffice/internal/checkinapi"
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
