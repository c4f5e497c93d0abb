package intake_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/intake"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// world is an intake between an outbox of events and a booking service that is told how
// to answer.
type world struct {
	*testing.T
	db     *sqldb.DB
	outbox *bus.Table
	users  *bus.Table
	bus    *bus.Bus
	answer map[string]error // by event and version, such as "a 2"
	took   []string         // what it was offered and has not failed
}

// SetSales implements intake.Sales.
func (w *world) SetSales(_ context.Context, sales map[string]bookingapi.Sale) error {
	for eventID, s := range sales {
		name := fmt.Sprint(eventID, " ", s.EventVersion)
		if err := w.answer[name]; err != nil {
			return err
		}
		w.took = append(w.took, name)
	}
	return nil
}

// GiveUp implements intake.Purchases.
func (w *world) GiveUp(_ context.Context, userID string, since int64, spared []string) error {
	if err := w.answer[userID]; err != nil {
		return err
	}
	w.took = append(w.took, fmt.Sprint(userID, " ", since, " ", spared))
	return nil
}

var (
	errAway    = errors.New("away")
	errRefused = errs.New(errs.Conflict, "plan-in-use", "People have seats.")
)

func newWorld(t *testing.T) *world {
	w := &world{T: t, db: sqldbtest.Open(t), answer: map[string]error{}}
	t.Cleanup(func() { _ = w.db.Close() })
	if err := booking.Migrate(t.Context(), w.db); err != nil {
		t.Fatal(err)
	}
	w.exec(`CREATE TABLE event_messages (key TEXT, id TEXT, type TEXT, at BIGINT, body TEXT, PRIMARY KEY (key, id))`)
	w.outbox = bus.NewTable(w.db, eventapi.Topic, "event_messages")
	w.exec(`CREATE TABLE user_messages (key TEXT, id TEXT, type TEXT, at BIGINT, body TEXT, PRIMARY KEY (key, id))`)
	w.users = bus.NewTable(w.db, userapi.Topic, "user_messages")
	in := intake.New(w.db, w, w, time.Now)
	others := bus.Consumer{Name: "event", Topics: []string{bookingapi.SalesTopic}, Taken: bus.NewTaken(w.db, "event_taken"), Consume: func(context.Context, []bus.Message) (func(context.Context, *sql.Tx) error, error) {
		return nil, bus.NotNow(errAway) // so that the answers stay
	}}
	w.exec(`CREATE TABLE event_taken (topic TEXT, key TEXT, id TEXT, at BIGINT, dead BOOLEAN, PRIMARY KEY (topic, key, id))`)
	var err error
	w.bus, err = bus.New(t.Context(), bus.Config{
		DB: w.db, Outboxes: []bus.Outbox{w.outbox, in.Outbox(), w.users}, Consumers: []bus.Consumer{in.Consumer(), others}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		First: time.Nanosecond, Longest: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) exec(statement string) {
	w.Helper()
	if err := w.db.Write(w.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
		w.Fatal(err)
	}
}

// send offers a state.
func (w *world) send(eventID string, version int64, status eventapi.Status) {
	w.Helper()
	sale, err := codec.Marshal(bookingapi.Sale{EventVersion: version, Status: status})
	if err != nil {
		w.Fatal(err)
	}
	body, err := codec.Marshal(eventapi.ChangedMessage{Version: version, Sale: sale})
	if err != nil {
		w.Fatal(err)
	}
	w.add(eventID, eventapi.TypeChanged, body)
}

func (w *world) add(eventID, kind string, body []byte) {
	w.Helper()
	if err := w.db.Write(w.Context(), func(tx *sql.Tx) error {
		return w.outbox.Add(w.Context(), tx, bus.Draft{Key: eventID, Type: kind, Body: body})
	}); err != nil {
		w.Fatal(err)
	}
}

// answers lists what was answered about an event.
func (w *world) answers(eventID string) []string {
	w.Helper()
	list, err := sqldb.Texts(w.Context(), w.db.Reader(), `SELECT type || ' ' || body FROM sale_answers WHERE key = $1 ORDER BY id`, eventID)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

func (w *world) want(eventID string, want ...string) {
	w.Helper()
	if got := w.answers(eventID); !slices.Equal(got, want) {
		w.Errorf("the answers about %s are %q, want %q", eventID, got, want)
	}
}

// Each state gets one answer, in order. An event that fails keeps no others from theirs,
// and is never given up.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	w.answer["a 2"], w.answer["b 1"] = errRefused, errAway
	w.send("a", 1, eventapi.OnSale)
	w.send("a", 2, eventapi.OnSale)
	w.send("b", 1, eventapi.OnSale)
	w.send("b", 2, eventapi.OnSale)
	w.send("c", 1, eventapi.Draft)
	w.add("c", eventapi.TypeSettled, []byte(`{"version":1}`)) // not for the booking side
	for range bus.MaxTries + 5 {
		_ = w.bus.Round(t.Context())
	}
	w.want("a", `accepted {"version":1}`, `refused {"version":2,"type":"plan-in-use","detail":"People have seats."}`)
	w.want("b")
	w.want("c", `accepted {"version":1}`)
	delete(w.answer, "b 1")
	_ = w.bus.Round(t.Context())
	w.want("b", `accepted {"version":1}`, `accepted {"version":2}`)
	if left, err := w.outbox.Pending(t.Context(), bus.Ref{}, 10); err != nil || len(left) > 0 {
		t.Errorf("%d messages are left: %v", len(left), err)
	}
}

// A cancellation overtakes a state that fails, and any state does after a while; one
// answer then settles both. A cancellation is never refused.
func TestOvertaking(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a 1", "b 1", "c 1"} {
		w.answer[name] = errAway
	}
	w.answer["d 1"] = errRefused
	for _, eventID := range []string{"a", "b", "c"} {
		w.send(eventID, 1, eventapi.OnSale)
	}
	w.exec(`UPDATE event_messages SET at = 0 WHERE key = 'c'`)
	w.send("a", 2, eventapi.Cancelled)
	w.send("b", 2, eventapi.OnSale)
	w.send("c", 2, eventapi.OnSale)
	w.send("d", 1, eventapi.Cancelled)
	for _, eventID := range []string{"a", "b", "c", "d"} {
		_ = w.bus.ConsumeNow(t.Context(), eventID, intake.Name)
	}
	w.want("a", `accepted {"version":2}`)
	w.want("b")
	w.want("c", `accepted {"version":2}`)
	w.want("d")
	if want := []string{"a 2", "c 2"}; !slices.Equal(w.took, want) {
		t.Errorf("it took %q, want %q", w.took, want)
	}
}

// A message that cannot be read becomes a dead letter, and the next state makes up for it.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"version":"x"}`, `{"version":1}`, `{"version":1,"sale":[]}`} {
		w.add("a", eventapi.TypeChanged, []byte(body))
	}
	w.send("a", 2, eventapi.OnSale)
	for range 5 {
		_ = w.bus.Round(t.Context())
	}
	w.want("a", `accepted {"version":2}`)
	dead, err := w.bus.Dead().List(t.Context(), bus.Filter{Consumer: intake.Name}, bus.DeadRef{}, 10)
	if err != nil || len(dead) != 3 {
		t.Errorf("%d dead letters: %v", len(dead), err)
	}
}

// What deleted accounts have bought is given up, as often as it is said. While that fails
// for one of them, the others are not held up; nonsense becomes a dead letter.
func TestDeletedAccounts(t *testing.T) {
	w := newWorld(t)
	say := func(userID, kind, body string) {
		t.Helper()
		err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			return w.users.Add(t.Context(), tx, bus.Draft{Key: userID, Type: kind, Body: []byte(body)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.answer["ann"] = errs.New(errs.Unavailable, "busy", "Later.")
	say("ann", userapi.TypeDeleted, `{"user_id":"ann","since":7,"spared":["e1","e2"],"more":true}`)
	say("bob", userapi.TypeDeleted, `{"user_id":"bob","since":8}`)
	say("bob", userapi.TypeDeleted, `{"user_id":"bob","since":8}`)
	say("cleo", "of a later version", `{}`)
	say("dora", userapi.TypeDeleted, `{"user_id":"dora"}`)
	for range 3 {
		if err := w.bus.Round(t.Context()); err == nil {
			t.Error("nobody waits")
		}
	}
	delete(w.answer, "ann")
	if err := w.bus.Round(t.Context()); err != nil {
		t.Error(err)
	}
	if want := []string{"bob 8 []", "bob 8 []", "ann 7 [e1 e2]"}; !slices.Equal(w.took, want) {
		t.Errorf("given up: %q, not %q", w.took, want)
	}
	dead, err := w.bus.Dead().List(t.Context(), bus.Filter{}, bus.DeadRef{}, 10)
	if err != nil || len(dead) != 1 || dead[0].Message.Key != "dora" {
		t.Errorf("%v: %+v", err, dead)
	}
}
