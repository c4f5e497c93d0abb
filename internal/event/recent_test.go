package event

import (
	"log/slog"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
)

// air carries the signals of some nodes, unless it is calm.
type air struct {
	calm bool
	all  []*station
}

type station struct {
	*air
	take func([]byte)
}

func (*station) Connected() bool { return true }

func (s *station) Subscribe(_ string, fn func([]byte)) error {
	s.take = fn
	s.all = append(s.all, s)
	return nil
}

func (s *station) Publish(_ string, body []byte) {
	for _, other := range s.all {
		if other != s && !s.calm {
			other.take(body)
		}
	}
}

// Another node shows a change as soon as a signal says so, and within a second if the
// signal is lost.
func TestOtherNodesHearOfChanges(t *testing.T) {
	w := newWorld(t)
	sky := &air{}
	node := func() *Service {
		t.Helper()
		s, err := New(t.Context(), Config{DB: w.db, Sales: w.booth, Now: func() time.Time { return w.clock }, Log: slog.New(slog.DiscardHandler),
			Deliver: w.deliver, Signals: &station{air: sky}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := node(), node()
	e, err := a.Create(t.Context(), organizer, "", gala())
	if err != nil {
		t.Fatal(err)
	}
	shows := func(title string) {
		t.Helper()
		if got, err := b.Event(t.Context(), caller.System, e.ID); err != nil || got.Title != title {
			t.Errorf("%v: the other node shows %q, not %q", err, got.Title, title)
		}
	}
	rename := func(title string) {
		t.Helper()
		if _, err := a.Update(t.Context(), organizer, e.ID, 0, eventapi.Update{Title: &title}); err != nil {
			t.Fatal(err)
		}
	}
	shows(e.Title)
	rename("Heard")
	shows("Heard")
	sky.calm = true
	rename("Lost")
	shows("Heard")
	w.clock = w.clock.Add(freshFor + time.Millisecond)
	shows("Lost")
}
