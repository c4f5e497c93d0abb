package simulate

import (
	"testing"
	"time"
)

// What a booking is read as just after a client went away need not be what it will be:
// outside of a bubble the node may still be at work.
func TestUnclearUntilItIsCertain(t *testing.T) {
	for _, c := range []struct {
		bubble  bool
		since   time.Duration
		unclear bool
	}{{false, 0, true}, {false, time.Minute, false}, {true, 0, false}} {
		w := &world{house: &house{clock: &clock{}}, alone: true}
		if !c.bubble {
			w.clock.leap = func(time.Duration) {}
		}
		w.left.Store(time.Now().Add(-c.since).UnixNano())
		b := &booking{name: "b1", unclear: true}
		w.learn(b, map[string]any{"id": "b", "status": "pending"}, false)
		p := &pay{name: "p1", unclear: true}
		w.learnPay(p, map[string]any{"id": "p", "status": "failed"}, &reply{})
		if b.unclear != c.unclear || p.unclear != c.unclear {
			t.Errorf("%+v: booking %v, payment %v", c, b.unclear, p.unclear)
		}
	}
}

// A tag that is of two answers is found, however the second one is asked for.
func TestTagOfTwoAnswersIsFound(t *testing.T) {
	w := &world{kept: map[string]*kept{}}
	q := &request{method: "GET", path: "/bookings/b"}
	for _, body := range []string{"one", "one", "two"} {
		r := reply{status: 200, header: map[string][]string{"Etag": {`"1"`}}, body: []byte(body)}
		if w.reuse(q, &r); (len(w.broken) > 0) != (body == "two") {
			t.Errorf("%s: %v", body, w.broken)
		}
	}
	if w.condition(q); q.headers["If-None-Match"] != `"1"` {
		t.Errorf("%v", q.headers)
	}
}
