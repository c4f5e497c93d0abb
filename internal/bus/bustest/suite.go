// Package bustest is the suite that the bus passes without a transport and with each.
//
//	world.go  a database with an outbox, its nodes and consumers
//	suite.go  what holds for every transport
package bustest

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bus"
)

// Run runs the suite. open is nil where there is no transport.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*World){
		"everything once and in order":      inOrder,
		"rows stay until all have them":     untilAll,
		"failures hold up their key only":   failures,
		"dead letters":                      deadLetters,
		"waiting for something else":        patient,
		"several nodes":                     nodes,
		"another node takes some meanwhile": overtaken,
		"another node's messages":           carried,
		"what was taken long ago is pruned": pruned,
		"requests that do not wait":         atOnce,
	} {
		t.Run(name, func(t *testing.T) { test(Start(t, open)) })
	}
}

func inOrder(w *World) {
	w.Send("x", 3) // before anybody consumes
	w.Node(bus.Config{}, w.Consumer("a", nil), w.Consumer("b", nil))
	for range 40 {
		w.Send("x", 2)
		w.Send("y", 1)
		w.Send("z", 1)
	}
	w.Empty()
	w.Complete("a")
	w.Complete("b")
}

// Requests on two nodes consume their messages at once, beside each other and the loops,
// each message once and in order; what fails is left to the loops, and the other
// consumer's messages stay.
func atOnce(w *World) {
	var mu sync.Mutex
	broken := true
	refuse := func(*bus.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return errors.New("not yet")
		}
		return nil
	}
	one, err := bus.New(w.Context(), bus.Config{ // a node without loops
		DB: w.DB, Outboxes: []bus.Outbox{w.Another()}, Consumers: []bus.Consumer{w.Consumer("a", refuse), w.Consumer("b", nil)},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Send("x", 2)
	w.Send("y", 1)
	if err := one.ConsumeNow(w.Context(), "x", "a"); err == nil {
		w.Error("nobody says that it failed")
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	if err := one.ConsumeNow(w.Context(), "x", "a"); err != nil {
		w.Fatal(err)
	}
	if got, other := w.Got("a", "x"), w.Got("a", "y"); len(got) != 2 || len(other) != 0 {
		w.Errorf("it got %v, and of another key %v", got, other)
	}
	if n := w.Pending(); n != 3 {
		w.Errorf("%d messages are left for the other consumer, want 3", n)
	}
	if err := one.ConsumeNow(w.Context(), "x", "c"); err == nil {
		w.Error("there is no consumer c")
	}
	two, _ := w.Node(bus.Config{}, w.Consumer("a", nil), w.Consumer("b", nil))
	var requests sync.WaitGroup
	for range 20 {
		w.Send("x", 2)
		for _, node := range []*bus.Bus{one, two, two} {
			requests.Go(func() {
				if err := node.ConsumeNow(w.Context(), "x", "a", "b"); err != nil {
					w.Error(err)
				}
			})
		}
	}
	requests.Wait()
	w.Empty()
	w.Complete("a")
	w.Complete("b")
}

func untilAll(w *World) {
	var open sync.Mutex
	ready := false
	w.Node(bus.Config{}, w.Consumer("a", nil), w.Consumer("b", func(*bus.Message) error {
		open.Lock()
		defer open.Unlock()
		if !ready {
			return errors.New("not yet")
		}
		return nil
	}))
	w.Send("x", 5)
	w.Until("one consumer has them", func() bool { return len(w.Got("a", "x")) == 5 })
	if n := w.Pending(); n != 5 {
		w.Errorf("%d messages are left, although the other consumer has none", n)
	}
	open.Lock()
	ready = true
	open.Unlock()
	w.Empty()
	w.Complete("a")
	w.Complete("b")
}

// A message that fails is tried again, and holds up those of its own key only.
func failures(w *World) {
	var mu sync.Mutex
	tries := 0
	w.Node(bus.Config{First: 20 * time.Millisecond, Longest: 200 * time.Millisecond}, w.Consumer("a", func(m *bus.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if m.Key != "bad" || string(m.Body) != `{"n":2}` {
			return nil
		}
		switch tries++; {
		case tries == 2:
			panic("a bug")
		case tries < 6 || len(w.Got("a", "good")) < 20:
			tries = min(tries, 6)
			return errors.New("not yet")
		}
		return nil
	}))
	w.Send("bad", 4)
	w.Send("good", 20)
	w.Empty()
	w.Complete("a")
}

// What waits for something else never becomes a dead letter.
func patient(w *World) {
	tries := 0
	b, _ := w.Node(bus.Config{}, w.Consumer("a", func(*bus.Message) error {
		if tries++; tries <= 2*bus.MaxTries {
			return bus.NotNow(errors.New("the server is away"))
		}
		return nil
	}))
	w.Send("x", 2)
	w.Empty()
	w.Complete("a")
	if list, err := b.Dead().List(w.Context(), bus.Filter{}, bus.DeadRef{}, 1); err != nil || len(list) != 0 {
		w.Error(err, list)
	}
}

func deadLetters(w *World) {
	var mu sync.Mutex
	refuses := true
	b, _ := w.Node(bus.Config{}, w.Consumer("a", func(m *bus.Message) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case refuses && string(m.Body) == `{"n":2}`:
			return errors.New("it fails again and again")
		case refuses && string(m.Body) == `{"n":3}`:
			return bus.Impossible(errors.New("nonsense"))
		}
		return nil
	}))
	w.Send("x", 4)
	list := func() []bus.DeadLetter {
		list, err := b.Dead().List(w.Context(), bus.Filter{}, bus.DeadRef{}, 10)
		if err != nil {
			w.Fatal(err)
		}
		return list
	}
	w.Empty()
	dead := list()
	if len(dead) != 2 || dead[0].Tries != bus.MaxTries || dead[1].Tries != 1 || string(dead[0].Message.Body) != `{"n":2}` || dead[0].Consumer != "a" || dead[1].Failure == "" {
		w.Fatalf("dead letters: %+v", dead)
	}
	if got := w.Got("a", "x"); !slices.Equal(got, []string{`{"n":1}`, `{"n":4}`}) {
		w.Errorf("the others: %v", got)
	}
	// It fails again.
	first := bus.Filter{Consumer: "a", Topic: "things", Key: "x", ID: dead[0].Message.ID}
	if n, err := b.Dead().Replay(w.Context(), first); n != 1 || err != nil {
		w.Fatal(n, err)
	}
	w.Until("the replay has failed", func() bool { l := list(); return l[0].Tries == bus.MaxTries+1 && !l[0].Replay })
	mu.Lock()
	refuses = false
	mu.Unlock()
	if _, err := b.Dead().Replay(w.Context(), first); err != nil {
		w.Fatal(err)
	}
	w.Until("it is consumed", func() bool { return len(list()) == 1 })
	if got := w.Got("a", "x"); !slices.Equal(got, []string{`{"n":1}`, `{"n":4}`, `{"n":2}`}) {
		w.Errorf("after the replay: %v", got)
	}
	if n, err := b.Dead().Drop(w.Context(), bus.Filter{Topic: "things"}); n != 1 || err != nil || len(list()) != 0 {
		w.Error(n, err, list())
	}
}

// Several nodes at once consume each message once.
func nodes(w *World) {
	for range 3 {
		w.Node(bus.Config{}, w.Consumer("a", nil), w.Consumer("b", nil))
	}
	for range 30 {
		w.Send("x", 1)
		w.Send("y", 1)
	}
	w.Empty()
	w.Complete("a")
	w.Complete("b")
}

// Another node takes one of the messages that this one is about to take, and a new
// message comes: those of other keys are still consumed in order.
func overtaken(w *World) {
	other, err := bus.New(w.Context(), bus.Config{DB: w.DB, Outboxes: []bus.Outbox{w.Another()}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Consumers: []bus.Consumer{w.Consumer("a", func(m *bus.Message) error {
			if m.Key == "y" {
				return bus.NotNow(errors.New("not on this node"))
			}
			return nil
		})}})
	if err != nil {
		w.Fatal(err)
	}
	w.Send("x", 1)
	w.Send("y", 2)
	a := w.Consumer("a", nil)
	consume := a.Consume
	var once sync.Once
	a.Consume = func(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
		once.Do(func() {
			_ = other.Round(ctx) // of y it takes nothing
			w.Send("y", 1)
		})
		return consume(ctx, list)
	}
	w.Node(bus.Config{}, a)
	w.Empty()
	w.Complete("a")
}

// What one node commits another consumes, which never looks at the outbox by itself
// where there is a transport.
func carried(w *World) {
	never := bus.Config{First: time.Hour, Longest: time.Hour}
	other := bus.Config{Outboxes: []bus.Outbox{w.Another()}}
	if w.open != nil {
		other.Poll, other.PollConnected = time.Hour, time.Hour
	}
	w.Node(other, w.Consumer("a", nil))
	w.Node(never, w.Consumer("b", func(*bus.Message) error { return errors.New("not on this node") }))
	for range 20 {
		w.Send("x", 2)
		w.Send("y", 1)
	}
	w.Empty()
	w.Complete("a")
}

// Taken messages are forgotten days after they have left the outbox, and not before. That a
// message became a dead letter is known as long as there is the dead letter.
func pruned(w *World) {
	days := 0
	clock := func() time.Time { return time.Now().Add(time.Duration(days) * 24 * time.Hour) }
	node := func(consumers ...bus.Consumer) *bus.Bus {
		b, err := bus.New(w.Context(), bus.Config{DB: w.DB, Outboxes: []bus.Outbox{w.Outbox}, Consumers: consumers, Now: clock, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			w.Fatal(err)
		}
		return b
	}
	taken := func() (n int) {
		if err := w.DB.Reader().QueryRowContext(w.Context(), `SELECT count(*) FROM a_taken`).Scan(&n); err != nil {
			w.Fatal(err)
		}
		return n
	}
	refuses := true
	b := node(w.Consumer("a", nil), w.Consumer("b", func(m *bus.Message) error {
		if refuses && m.Key == "slow" {
			return errors.New("not yet")
		}
		return nil
	}))
	w.Send("slow", 1)
	w.Send("quick", 1)
	_ = b.Round(w.Context()) // one fails
	if n := w.Pending(); n != 1 || taken() != 2 {
		w.Fatalf("%d are left, %d taken", n, taken())
	}
	for days = range 5 {
		_ = b.Round(w.Context())
	}
	if taken() != 1 {
		w.Errorf("%d are remembered, one is in the outbox", taken())
	}
	refuses, days = false, 5
	if err := errors.Join(b.Round(w.Context()), b.Round(w.Context())); err != nil || w.Pending() != 0 {
		w.Error(err, w.Pending())
	}
	w.Complete("a")
	w.Complete("b")
	days = 9
	if err := b.Round(w.Context()); err != nil || taken() != 0 {
		w.Errorf("%v; %d are remembered", err, taken())
	}
	b = node(w.Consumer("a", func(*bus.Message) error { return bus.Impossible(errors.New("nonsense")) }), w.Consumer("b", nil))
	w.Send("x", 2)
	if err := errors.Join(b.Round(w.Context()), b.Round(w.Context())); err != nil || w.Pending() != 0 || taken() != 2 {
		w.Errorf("%v; %d are left, %d taken", err, w.Pending(), taken())
	}
	dead, err := b.Dead().List(w.Context(), bus.Filter{}, bus.DeadRef{}, 10)
	if err != nil || len(dead) != 2 {
		w.Fatal(dead, err)
	}
	if _, err := b.Dead().Drop(w.Context(), bus.Filter{ID: dead[0].Message.ID}); err != nil {
		w.Fatal(err)
	}
	for days = range 20 {
		if err := b.Round(w.Context()); err != nil {
			w.Error(err)
		}
	}
	if taken() != 1 {
		w.Errorf("%d are remembered, one is a dead letter", taken())
	}
	if n, err := b.Dead().Replay(w.Context(), bus.Filter{}); n != 1 || err != nil {
		w.Error(n, err)
	}
	b = node(w.Consumer("a", nil), w.Consumer("b", nil))
	if err := b.Round(w.Context()); err != nil || len(w.Got("a", "x")) != 1 {
		w.Errorf("%v; the replay has consumed %v", err, w.Got("a", "x"))
	}
}
