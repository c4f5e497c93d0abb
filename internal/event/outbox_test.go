package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/booking/intake"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
)

var errAway = errors.New("the writer is gone")

// long is after every pause of the bus.
const long = 3 * time.Minute

// sync has what waits handed over. An event that goes back needs another round.
func (w *world) sync(t testing.TB) {
	t.Helper()
	w.clock = w.clock.Add(long)
	if err := errors.Join(w.enlist(t.Context(), w.clock), w.round(t), w.round(t), w.round(t)); err != nil {
		t.Fatal(err)
	}
}

func (w *world) round(t testing.TB) error { return w.bus.Round(t.Context()) }

func (w *world) waiting(t testing.TB) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM event_outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Changes that could not be handed over are stored and shown as pending, and the worker
// hands them over, one state after the other.
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
	if s := w.booth.All()[e.ID]; s.Status != eventapi.Cancelled || s.EventVersion != 3 {
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
	if s := w.booth.All()[e.ID]; s.LimitPerCustomer != 2 || w.booth.calls != calls+1 {
		t.Fatalf("sale is %+v after %d hand-overs, want one", s, w.booth.calls-calls)
	}
	if e, err := w.read(t.Context(), e.ID); err != nil || e.Pending() || w.waiting(t) != 0 {
		t.Fatalf("%+v, %v, %d rows wait", e, err, w.waiting(t))
	}
}

// If the client disconnects after the change is stored, it is handed over nevertheless.
func TestHandOverOutlivesTheRequest(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	w.booth.before = leave
	if e, err := w.cancel(ctx, organizer, e.ID, 0); err != nil || e.Pending() {
		t.Fatalf("%+v, %v", e, err)
	}
	if s := w.booth.All()[e.ID]; s.Status != eventapi.Cancelled {
		t.Fatalf("sale is %+v", s)
	}
}

// An event that cannot be handed over, or whose hand-over panics, does not block others,
// and the pauses between its attempts grow.
func TestHandOverFailuresAreIsolated(t *testing.T) {
	w := newWorld(t)
	bad, good := w.create(t, nil), w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, bad, eventapi.Update{LimitPerCustomer: ptr(int32(2))})
	w.update(t, good, eventapi.Update{LimitPerCustomer: ptr(int32(2))})
	w.booth.broken = nil
	w.booth.deaf = map[string]bool{bad.ID: true}
	w.clock = w.clock.Add(time.Minute)
	if err := w.round(t); err == nil || !strings.Contains(err.Error(), bad.ID) || strings.Contains(err.Error(), good.ID) {
		t.Fatalf("error is %v", err)
	}
	if s := w.booth.All()[good.ID]; s.LimitPerCustomer != 2 {
		t.Fatalf("sale is %+v", s)
	}
	for range 12 {
		calls := w.booth.calls
		_ = w.round(t)
		if w.booth.calls != calls {
			t.Fatal("tried again at once")
		}
		w.clock = w.clock.Add(long)
		_ = w.round(t)
		if w.booth.calls != calls+1 {
			t.Fatalf("%d attempts after a pause", w.booth.calls-calls)
		}
	}
	w.booth.deaf = nil
	w.sync(t)
	if s := w.booth.All()[bad.ID]; s.LimitPerCustomer != 2 || w.waiting(t) != 0 {
		t.Fatalf("sale is %+v", s)
	}
}

// If a plan change is handed over late and refused, the event goes back, its organizer can
// see that, and it can be paused and cancelled.
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
		if s := w.booth.All()[was.ID]; s.PlanID != was.PlanID || s.Status != status || s.EventVersion != now.Version || w.waiting(t) != 0 {
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

// A version of this program without an outbox may have left changes behind. Those that the
// booking side refuses go back to the state by which seats are sold, and the event can be
// changed like any other.
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
	if s := w.booth.All()[lost.ID]; s.LimitPerCustomer != 3 {
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
		if s := w.booth.All()[e.ID]; e.Pending() || e.Refusal() != nil || s.Status != eventapi.Published || s.EventVersion != e.Version {
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

// Until the sale has followed a change, buyers see the state by which seats are sold, so
// that nobody sees one price and is charged another.
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
		sale := s.booth.All()[e.ID]
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

// A change whose process was killed after the commit is handed over by the bus, and so is
// one that is killed between any two steps of the hand-over, once.
func TestKilledBetweenSteps(t *testing.T) {
	for name, steps := range map[string]func(w *world) error{
		"after the commit": func(*world) error { return nil },
		"after the sale took it": func(w *world) error {
			w.booth.after = func() { panic("killed") }
			defer func() { w.booth.after = nil }()
			if err := w.bus.ConsumeNow(t.Context(), "event", intake.Name); err == nil {
				return errors.New("it was not killed")
			}
			return nil
		},
		"before the answer was read": func(w *world) error { return w.bus.ConsumeNow(t.Context(), "event", intake.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.create(t, nil)
			w.exec(t, `UPDATE events SET id = 'event' WHERE id = $1`, e.ID)
			e.ID = "event"
			before := e
			e.LimitPerCustomer, e.Title, e.Version = 3, "Killed", e.Version+1
			if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
				return errors.Join(updateEvent(t.Context(), tx, &e, before.Version), w.enqueue(t.Context(), tx, &e, &before))
			}); err != nil {
				t.Fatal(err)
			}
			if err := steps(w); err != nil {
				t.Fatal(err)
			}
			w.sync(t)
			if s := w.booth.All()[e.ID]; s.LimitPerCustomer != 3 || w.waiting(t) != 0 {
				t.Errorf("sale is %+v, %d wait", s, w.waiting(t))
			}
			if now, err := w.read(t.Context(), e.ID); err != nil || now.Pending() {
				t.Errorf("%+v %v", now, err)
			}
			if list := w.told(t, e.ID); len(list) != 1 || list[0].Before.Title != "Gala" || list[0].After.Title != "Killed" {
				t.Errorf("it was told %+v", list)
			}
		})
	}
}

// told lists what others were told of an event.
func (w *world) told(t testing.TB, eventID string) (list []eventapi.SettledMessage) {
	t.Helper()
	for _, m := range w.heard[eventID] {
		var body eventapi.SettledMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		list = append(list, body)
	}
	return list
}

// What is left by a version of this program without messages is handed over as soon as
// a node starts; later only what its nodes had time for.
func TestRowsOfTheVersionBefore(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	before := e
	e.LimitPerCustomer, e.Version = 3, e.Version+1
	write := func() {
		t.Helper()
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			return errors.Join(updateEvent(t.Context(), tx, &e, before.Version), w.enqueue(t.Context(), tx, &e, &before))
		}); err != nil {
			t.Fatal(err)
		}
		w.exec(t, `DELETE FROM event_messages`)
		w.exec(t, `UPDATE event_outbox SET sent = FALSE`)
	}
	write()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for w.counted(t, `SELECT count(*) FROM event_messages`) == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.round(t); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.booth.All()[e.ID]; s.LimitPerCustomer != 3 || w.waiting(t) != 0 {
		t.Fatalf("sale is %+v, %d wait", s, w.waiting(t))
	}

	before = e
	e.LimitPerCustomer, e.Version = 4, e.Version+1
	write()
	if err := w.enlist(t.Context(), w.clock); err != nil || w.counted(t, `SELECT count(*) FROM event_messages`) != 0 {
		t.Fatalf("taken from a node that is at it: %v", err)
	}
	w.sync(t)
	if s := w.booth.All()[e.ID]; s.LimitPerCustomer != 4 || w.waiting(t) != 0 {
		t.Fatalf("sale is %+v, %d wait", s, w.waiting(t))
	}
}

// Others are told what has changed once the booking side has accepted it, and nothing of
// what it refused.
func TestTold(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.update(t, e, eventapi.Update{LimitPerCustomer: ptr(int32(3))}) // nobody must know
	w.sync(t)
	if list := w.told(t, e.ID); len(list) != 0 {
		t.Fatalf("at first: %+v", list)
	}
	w.booth.plans = true
	if _, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Plan: &eventapi.PlanChoice{Template: "theatre", Seats: 60}, Title: ptr("Never")}); !errs.Is(err, "plan-in-use") {
		t.Fatal(err)
	}
	w.booth.broken = errAway
	w.update(t, e, eventapi.Update{EventTime: ptr("2027-05-05T20:00")})
	w.update(t, e, eventapi.Update{Title: ptr("Renamed")})
	if _, err := w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{Plan: &eventapi.PlanChoice{Template: "theatre", Seats: 60}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cancel(t.Context(), organizer, e.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(long)
	if err := w.round(t); err == nil {
		t.Fatal("the booking side is away, and nobody says so")
	}
	if list := w.told(t, e.ID); len(list) != 0 {
		t.Fatalf("before it is sold: %+v", list)
	}
	w.booth.broken = nil
	w.sync(t)
	list := w.told(t, e.ID)
	if len(list) == 0 {
		t.Fatal("nothing")
	}
	first, last := list[0], list[len(list)-1]
	if f := first.Before; f == nil || f.Title != "Gala" || f.Status != eventapi.OnSale || f.Date != "2027-03-01" || f.Venue != "Old Hall" || f.City != "Ulm" || f.Country != "DE" || f.TimeZone != "Europe/Berlin" {
		t.Errorf("before: %+v", f)
	}
	if f := last.After; f.Title != "Renamed" || f.Status != eventapi.Cancelled || f.Date != "2027-05-05" {
		t.Errorf("after: %+v", f)
	}
	for i := range list[1:] {
		if *list[i+1].Before != list[i].After {
			t.Errorf("%+v does not follow %+v", list[i+1].Before, list[i].After)
		}
	}
	for _, m := range list {
		if m.After.Title == "Never" {
			t.Error("a refused change was told")
		}
	}
}

func (w *world) counted(t testing.TB, query string) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), query, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// A state that fails repeatedly does not block a cancellation, and does not block later
// changes for long.
func TestStuckStateIsOvertaken(t *testing.T) {
	w := newWorld(t)
	cancelled, changed := w.create(t, nil), w.create(t, nil)
	w.booth.broken = errAway
	for _, e := range []stored{cancelled, changed} {
		w.update(t, e, eventapi.Update{Title: ptr("Stuck")})
	}
	w.booth.broken, w.booth.rotten = nil, 2
	if e, err := w.cancel(t.Context(), organizer, cancelled.ID, 0); err != nil || e.Pending() || w.booth.All()[e.ID].Status != eventapi.Cancelled {
		t.Fatalf("%+v %v", e, err)
	}
	w.exec(t, `UPDATE event_messages SET at = 0 WHERE key = $1`, changed.ID) // for long
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
	w.exec(t, `UPDATE event_messages SET body = '{"version":2,"sale":7}' WHERE key = $1 AND body LIKE '{"version":2,%'`, broken.ID)
	if e, err := w.cancel(t.Context(), organizer, broken.ID, 0); err != nil || e.Pending() || w.booth.All()[e.ID].Status != eventapi.Cancelled {
		t.Fatalf("%+v %v", e, err)
	}
}

// If a state is refused while a later one waits and an older one still fails, the later
// one inherits the state to go back to; the older one has its own.
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
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		return w.refuse(t.Context(), tx, e.ID, &Refusal{Version: 3, Type: "plan-in-use", Detail: "People have seats."}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if undo(2) != second || undo(4) != third {
		t.Errorf("the older state goes back to %s, the later one to %s", undo(2), undo(4))
	}
}

// The state of a sale contains the version in which the event's time or venue changed last.
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
		if s := w.booth.All()[e.ID]; s.ChangedVersion != c.want {
			t.Errorf("change %d: it changed in version %d, want %d", i, s.ChangedVersion, c.want)
		}
	}
}

// A panic while an answer is consumed is an error of the bus and does not end it.
func TestPanicsAreSurvived(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, nil)
	w.booth.broken = errAway
	w.update(t, e, eventapi.Update{Title: ptr("New")})
	w.booth.broken, w.booth.refuse = nil, errs.New(errs.Conflict, "plan-in-use", "People have seats.")
	w.booth.panics = true
	w.exec(t, `UPDATE event_outbox SET undo = ''`)
	w.clock = w.clock.Add(time.Hour)
	var p *jobs.Panic
	if err := w.round(t); !errors.As(err, &p) {
		t.Fatalf("error is %v", err)
	}
	w.booth.panics = false
	w.sync(t)
	if w.waiting(t) != 0 {
		t.Error("it waits")
	}
}
