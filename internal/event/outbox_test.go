package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
)

var errAway = errors.New("the writer is gone")

func (w *world) sync(t testing.TB) {
	t.Helper()
	w.clock = w.clock.Add(2 * lastBackOff)
	if err := w.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) waiting(t testing.TB) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM event_outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What the booking side could not be told is stored, said to be pending, and
// handed over by the worker, each state in its turn.
func TestHandOverIsMadeUpFor(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.broken = errAway
	e = w.update(t, e, eventapi.Update{Title: ptr("New")})
	if !e.Pending() {
		t.Fatal("the hand-over failed, and nobody was told")
	}
	if e, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil || !e.Pending() || e.Status != eventapi.Cancelled {
		t.Fatalf("%+v, %v", e, err)
	}
	w.booth.broken = nil
	if e, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil || e.Pending() {
		t.Fatalf("asked again: %+v, %v", e, err)
	}
	if s := w.booth.all()[e.ID]; s.Status != eventapi.Cancelled || s.EventVersion != 3 {
		t.Fatalf("sale is %+v", s)
	}

	e = w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, e, eventapi.Update{LimitPerCustomer: ptr(int32(2))})
	w.booth.broken = nil
	calls := w.booth.calls
	for range 2 {
		w.sync(t)
	}
	if s := w.booth.all()[e.ID]; s.LimitPerCustomer != 2 || w.booth.calls != calls+1 {
		t.Fatalf("sale is %+v after %d hand-overs, want one", s, w.booth.calls-calls)
	}
	if e, err := w.read(t.Context(), e.ID); err != nil || e.Pending() || w.waiting(t) != 0 {
		t.Fatalf("%+v, %v, %d rows wait", e, err, w.waiting(t))
	}
}

// A client that goes away takes nothing with it once the change is stored.
func TestHandOverOutlivesTheRequest(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	w.booth.before = leave
	if e, err := w.cancel(ctx, organizer, e.ID, 0); err != nil || e.Pending() {
		t.Fatalf("%+v, %v", e, err)
	}
	if s := w.booth.all()[e.ID]; s.Status != eventapi.Cancelled {
		t.Fatalf("sale is %+v", s)
	}
}

// An event that cannot be handed over, or that panics, keeps nobody waiting, and
// the pause before its next attempt grows.
func TestHandOverFailuresAreIsolated(t *testing.T) {
	w := newWorld(t)
	bad, good := w.create(t, nil), w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, bad, eventapi.Update{LimitPerCustomer: ptr(int32(2))})
	w.update(t, good, eventapi.Update{LimitPerCustomer: ptr(int32(2))})
	w.booth.broken = nil
	w.booth.deaf = map[string]bool{bad.ID: true}
	w.clock = w.clock.Add(time.Minute)
	if err := w.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), bad.ID) || strings.Contains(err.Error(), good.ID) {
		t.Fatalf("error is %v", err)
	}
	if s := w.booth.all()[good.ID]; s.LimitPerCustomer != 2 {
		t.Fatalf("sale is %+v", s)
	}
	for range 12 {
		calls := w.booth.calls
		_ = w.Sync(t.Context())
		if w.booth.calls != calls {
			t.Fatal("tried again at once")
		}
		w.clock = w.clock.Add(lastBackOff)
		_ = w.Sync(t.Context())
		if w.booth.calls != calls+1 {
			t.Fatalf("%d attempts a minute later", w.booth.calls-calls)
		}
	}
	w.booth.deaf = nil
	w.sync(t)
	if s := w.booth.all()[bad.ID]; s.LimitPerCustomer != 2 || w.waiting(t) != 0 {
		t.Fatalf("sale is %+v", s)
	}
}

// A plan change that nobody handed over and that is refused later: the event
// goes back, its organizer can see it, and it can be paused and cancelled.
func TestRefusedLater(t *testing.T) {
	bigger := eventapi.Update{Plan: &eventapi.PlanChoice{Template: "arena", Seats: 500}, Price: ptr(int64(1)), Title: ptr("Other"), EventTime: ptr("2027-05-05T20:00")}
	setUp := func(t *testing.T) (*world, stored) {
		w := newWorld(t)
		e := w.create(t, nil)
		w.booth.broken = errAway
		if got := w.update(t, e, bigger); !got.Pending() || got.Seats != 500 {
			t.Fatalf("%+v", got)
		}
		w.booth.plans = true // somebody holds a seat
		return w, e
	}
	back := func(t *testing.T, w *world, was stored, title string, status eventapi.Status) {
		t.Helper()
		now, err := w.read(t.Context(), was.ID)
		if err != nil || now.PlanID != was.PlanID || now.Seats != was.Seats || now.PriceVersion != 1 || now.Title != title || now.Status != status || now.Pending() {
			t.Fatalf("%+v %v", now, err)
		}
		if s := w.booth.all()[was.ID]; s.PlanID != was.PlanID || s.Status != status || s.EventVersion != now.Version || w.waiting(t) != 0 {
			t.Fatalf("sale is %+v, version %d", s, now.Version)
		}
		if list, err := w.history(t.Context(), was.ID); err != nil || len(list) != 0 {
			t.Fatalf("buyers are told of %+v, %v", list, err)
		}
		if r := now.Refusal(); r == nil || r.Type != "plan-in-use" {
			t.Fatalf("the refusal is %+v", r)
		}
	}
	t.Run("by the worker", func(t *testing.T) {
		w, e := setUp(t)
		w.booth.broken = nil
		w.sync(t)
		back(t, w, e, "Gala", eventapi.OnSale)
		w.update(t, e, eventapi.Update{Status: ptr(eventapi.Published)})
		if e, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil || e.Pending() {
			t.Fatalf("%+v %v", e, err)
		}
	})
	t.Run("after a second change", func(t *testing.T) {
		w, e := setUp(t)
		w.update(t, e, eventapi.Update{Title: ptr("Third")})
		w.booth.broken = nil
		w.sync(t)
		back(t, w, e, "Gala", eventapi.OnSale) // the second change stood on the first
	})
	t.Run("after it was cancelled", func(t *testing.T) {
		w, e := setUp(t)
		if _, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil {
			t.Fatal(err)
		}
		w.booth.broken = nil
		w.sync(t)
		back(t, w, e, "Gala", eventapi.Cancelled)
	})
	t.Run("by a change that waits", func(t *testing.T) {
		w, e := setUp(t)
		w.booth.broken = nil
		_, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{LimitPerCustomer: ptr(int32(3))})
		if !errs.Is(err, "plan-in-use") {
			t.Fatalf("%v", err)
		}
		back(t, w, e, "Gala", eventapi.OnSale)
	})
}

// A version of this program without an outbox has left changes behind. Those that
// no booking side will ever take go back to what seats are sold by, and the event
// can be changed as any other.
func TestChangesOfAnOlderVersion(t *testing.T) {
	w := newWorld(t)
	lost, stuck, settled := w.create(t, nil), w.create(t, nil), w.create(t, nil)
	other := w.create(t, func(e *eventapi.NewEvent) { e.Plan.Seats = 60 }).PlanID
	for _, q := range []string{
		`UPDATE events SET version = 2, limit_per_customer = 3, synced_version = 1 WHERE id = '` + lost.ID + `'`,
		`UPDATE events SET version = 2, plan_id = '` + other + `', synced_version = 1 WHERE id = '` + stuck.ID + `'`,
		`UPDATE events SET version = 2, plan_id = '` + other + `', synced_version = 2 WHERE id = '` + settled.ID + `'`, // refused, and left so
	} {
		w.exec(t, q)
	}
	w.booth.plans = true
	w.sync(t)
	if s := w.booth.all()[lost.ID]; s.LimitPerCustomer != 3 {
		t.Fatalf("sale is %+v", s)
	}
	if _, err := w.change(t.Context(), organizer, settled.ID, 0, eventapi.Update{Title: ptr("Once more")}); !errs.Is(err, "plan-in-use") {
		t.Fatalf("%v", err)
	}
	for _, was := range []stored{stuck, settled} {
		e, err := w.read(t.Context(), was.ID)
		if err != nil || e.Pending() || e.Refusal() == nil || e.PlanID != was.PlanID || e.PriceFrom != was.PriceFrom || w.waiting(t) != 0 {
			t.Fatalf("%+v %v", e, err)
		}
		e = w.update(t, e, eventapi.Update{Status: ptr(eventapi.Published), Title: ptr("Mended")})
		if s := w.booth.all()[e.ID]; e.Pending() || e.Refusal() != nil || s.Status != eventapi.Published || s.EventVersion != e.Version {
			t.Fatalf("%+v, sale %+v", e, s)
		}
		if e, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil || e.Pending() {
			t.Fatalf("%+v %v", e, err)
		}
	}
}

func TestPendingIsSaid(t *testing.T) {
	s := newSite(t)
	e := s.create(t, nil)
	s.booth.broken = errAway
	if got := s.ask(t, organizer, http.StatusAccepted, http.MethodDelete, "/events/"+e.ID, ""); !strings.Contains(got.Body.String(), `"sale_pending":true`) {
		t.Fatal(got.Body)
	}
	s.booth.broken = nil
	s.sync(t)
	for _, method := range []string{http.MethodDelete, http.MethodGet} {
		if got := s.ask(t, organizer, http.StatusOK, method, "/events/"+e.ID, ""); strings.Contains(got.Body.String(), "sale_pending") {
			t.Fatal(got.Body)
		}
	}
}

// Until the sale follows a change, everybody who may buy is shown what seats are
// sold by: nobody sees one price and is asked for another.
func TestPendingShowsTheSale(t *testing.T) {
	s := newSite(t)
	e := s.create(t, nil)
	shows := func(when, price, plan string) {
		t.Helper()
		for _, path := range []string{"/events/" + e.ID, "/events", "/events/search"} {
			if got := s.ask(t, fan, http.StatusOK, http.MethodGet, path, "").Body.String(); !strings.Contains(got, `"price_per_seat":`+price) {
				t.Errorf("%s: %s shows %s, want the price %s", when, path, got, price)
			}
		}
		if tag := s.ask(t, fan, http.StatusOK, http.MethodGet, "/events/"+e.ID+"/plan", "").Header().Get("ETag"); tag != `"`+plan+`"` {
			t.Errorf("%s: the plan is %s, want %s", when, tag, plan)
		}
	}
	plan := func() string {
		sale := s.booth.all()[e.ID]
		return fmt.Sprintf("%s-%d", sale.PlanID, sale.PlanVersion)
	}
	before := plan()
	shows("at first", "5000", before)
	s.booth.broken = errAway
	if got := s.ask(t, organizer, http.StatusAccepted, http.MethodPut, "/events/"+e.ID, `{"price":9000,"plan":{"template":"arena","seats":500}}`); !strings.Contains(got.Body.String(), `"price_per_seat":9000`) {
		t.Errorf("the organizer is answered %s", got.Body)
	}
	shows("while the sale does not follow", "5000", before)
	s.booth.broken = nil
	s.sync(t)
	if plan() == before {
		t.Fatal("the plan is the same")
	}
	shows("after it does", "9000", plan())
}

// What the requests of a node that has died have left behind is handed over as
// soon as a node starts, not when they would have given up.
func TestWorkerBeginsWithWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	before := e
	e.LimitPerCustomer, e.Version = 3, e.Version+1
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		return errors.Join(updateEvent(t.Context(), tx, &e, before.Version), w.enqueue(t.Context(), tx, &e, &before))
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	handed := make(chan struct{})
	w.booth.before = sync.OnceFunc(func() { close(handed) })
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	<-handed
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), query, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// A state that fails again and again keeps neither a cancellation waiting nor, for
// long, a later change.
func TestStuckStateIsOvertaken(t *testing.T) {
	w := newWorld(t)
	cancelled, changed := w.create(t, nil), w.create(t, nil)
	w.booth.broken = errAway
	for _, e := range []stored{cancelled, changed} {
		w.update(t, e, eventapi.Update{Title: ptr("Stuck")})
	}
	w.booth.broken, w.booth.rotten = nil, 2
	if e, err := w.cancel(t.Context(), organizer, cancelled.ID, 0); err != nil || e.Pending() || w.booth.all()[e.ID].Status != eventapi.Cancelled {
		t.Fatalf("%+v %v", e, err)
	}
	w.exec(t, `UPDATE event_outbox SET attempts = $1 WHERE event_id = $2`, longAttempts, changed.ID)
	w.booth.plans = true
	if _, err := w.change(t.Context(), organizer, changed.ID, 0, eventapi.Update{Plan: &eventapi.PlanChoice{Template: "theatre", Seats: 60}}); !errs.Is(err, "plan-in-use") {
		t.Fatalf("the refusal of a later change is %v", err)
	}
	now, err := w.read(t.Context(), changed.ID)
	if err != nil || now.PlanID != changed.PlanID || now.Title != "Stuck" {
		t.Fatalf("%+v %v", now, err)
	}
	if e := w.update(t, now, eventapi.Update{LimitPerCustomer: ptr(int32(2))}); e.Pending() || w.waiting(t) != 0 {
		t.Fatalf("%+v, %d wait", e, w.waiting(t))
	}

	// So does a row that cannot be read.
	broken := w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, broken, eventapi.Update{Title: ptr("Broken")})
	w.booth.broken = nil
	w.exec(t, `UPDATE event_outbox SET sale = '{' WHERE event_id = $1`, broken.ID)
	if e, err := w.cancel(t.Context(), organizer, broken.ID, 0); err != nil || e.Pending() || w.booth.all()[e.ID].Status != eventapi.Cancelled {
		t.Fatalf("%+v %v", e, err)
	}
}

// A state that is refused while a later one waits, and an older one still fails,
// leaves its way back to the later one: the older one has its own.
func TestRefusedBetweenOthers(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.broken = errAway
	for _, title := range []string{"Second", "Third", "Fourth"} {
		w.update(t, e, eventapi.Update{Title: ptr(title)})
	}
	undo := func(version int64) (text string) {
		t.Helper()
		if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT undo FROM event_outbox WHERE event_id = $1 AND version = $2`, e.ID, version).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	second, third := undo(2), undo(3)
	p := &pending{eventID: e.ID, version: 3, undo: third}
	if err := w.refuse(t.Context(), p, errs.Of(errs.New(errs.Conflict, "plan-in-use", "People have seats."))); err != nil {
		t.Fatal(err)
	}
	if undo(2) != second || undo(4) != third {
		t.Errorf("the older state goes back to %s, the later one to %s", undo(2), undo(4))
	}
}

// The state of a sale says in which version the event's time or place changed last.
func TestChangesAreNumbered(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	for i, c := range []struct {
		change eventapi.Update
		want   int64
	}{
		{eventapi.Update{Title: ptr("A")}, 0},
		{eventapi.Update{EventTime: ptr("2027-05-05T20:00")}, 3},
		{eventapi.Update{Title: ptr("B")}, 3},
		{eventapi.Update{EventTime: ptr("2027-06-05T20:00")}, 5}, // at the same moment as the one before
	} {
		e = w.update(t, e, c.change)
		if s := w.booth.all()[e.ID]; s.ChangedVersion != c.want {
			t.Errorf("change %d: it changed in version %d, want %d", i, s.ChangedVersion, c.want)
		}
	}
}

// A panic of the hand-over itself is an error of the worker, not the end of it.
func TestWorkerSurvivesPanics(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, e, eventapi.Update{Title: ptr("New")})
	w.booth.broken, w.booth.refuse = nil, errs.New(errs.Conflict, "plan-in-use", "People have seats.")
	w.booth.panics = true
	w.exec(t, `UPDATE event_outbox SET undo = ''`)
	w.clock = w.clock.Add(time.Hour)
	var p *jobs.Panic
	if err := w.Sync(t.Context()); !errors.As(err, &p) {
		t.Fatalf("error is %v", err)
	}
	w.booth.panics = false
	w.sync(t)
}
