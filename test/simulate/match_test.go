package simulate

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Changes and DELETEs may name the version that the caller has seen (RFC 9110,
// section 13.1.1): that of the latest answer, or an earlier one, which must change
// nothing.

// seenVersion fills in whether a step names a version, and which.
func (g *gen) seenVersion(s *Step) {
	s.Match = g.chance(5)
	s.Stale = !s.Match && g.chance(12)
}

// match is the header of a step about something that has a version.
func match(s *Step, version int64) map[string]string {
	switch {
	case version <= 0, !s.Match && !s.Stale:
		return nil
	case s.Stale:
		version--
	}
	return map[string]string{"If-Match": strconv.Quote(strconv.FormatInt(version, 10))}
}

// versionOf is the version in an ETag; 0: none.
func versionOf(tag string) int64 {
	tag, _, _ = strings.Cut(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), "-")
	tag, _, _ = strings.Cut(tag, ".")
	v, _ := strconv.ParseInt(tag, 10, 64)
	return v
}

// matched holds the answer to a step that named a version against what there is:
// again tells the version that it has now, as the same node says.
func (w *world) matched(s *Step, r *reply, version int64, again func() int64) {
	switch {
	case version <= 0 || !r.tagged || !s.Match && !s.Stale || r.slug() == "version-differs" && s.Stale:
	case s.Stale && r.ok():
		w.fail("who has seen an earlier version changes nothing", "%s: %s", s, r)
	case s.Match && r.status == http.StatusPreconditionFailed && w.alone && !w.excused():
		w.clock.sleep(2100 * time.Millisecond) // so long another node's change may go unseen
		if now := again(); now == version {
			w.fail("who has seen the latest version may change it", "%s: %s, and it is version %d", s, r, now)
		}
	}
}

// toldMatching is told for steps that may name a version, by what of tells of it.
func toldMatching(told func(*world, *Step, *reply), of func(w *world, s *Step) (version int64, q *request)) func(*world, *Step, *reply) {
	return func(w *world, s *Step, r *reply) {
		version, q := of(w, s)
		told(w, s, r)
		w.matched(s, r, version, func() int64 {
			if q == nil {
				return 0
			}
			q.node = s.Node
			now := w.ask(*q)
			return versionOf(now.header.Get("ETag"))
		})
	}
}

func ofBooking(w *world, s *Step) (int64, *request) { return w.bookings[s.Booking].seq, askLook(w, s) }

func ofPayment(w *world, s *Step) (int64, *request) {
	return versionOf(w.payments[s.Payment].version), w.askPayment(&Step{Payment: s.Payment, As: s.As}, "GET")
}

func ofEvent(w *world, s *Step) (int64, *request) {
	e := w.events[s.Event]
	return number(e.doc["version"]), askRead(w, &Step{Event: s.Event, As: s.As})
}

func ofAccount(w *world, s *Step) (int64, *request) {
	return w.people[s.As].version, own("GET", "")(w, s)
}
