package simulate

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// world is what the outside knows of the house: what its people were told.
type world struct {
	*house
	people     map[string]*person
	events     map[string]*event
	bookings   map[string]*booking
	payments   map[string]*pay
	hooks      map[string]*hook
	said       map[string]*announcement
	kept       map[string]*kept
	gates      map[string]*gate
	doors      map[string]*doorway // by event
	tried      map[string]bool     // holds that may have been made without an answer, by caller, event and key
	broken     []string            // rules that were broken, and how
	trace      []string
	knows      map[string]bool // fields of events that this revision has
	alone      bool            // one request at a time: answers can be held against all that was told
	hasty      bool            // see job
	slow       int             // steps during which the machine was slow
	introduced bool            // the organizer's details are known
	hurt       bool            // a node was killed, or the bank does not answer: some may be told to try again
}

// person is somebody with an account, or more than one.
type person struct {
	name, id, email, password, token, role  string
	verified, guest, unclear, gone, deleted bool
	leaving                                 bool   // the account was deleted, or may have been: purchases of the same moment are undone
	anew                                    bool   // the latest verification gave a password, and ended the sessions
	secret                                  string // of two-factor log-in
	twoFactor                               bool
	version                                 int64    // as told before the account was to be deleted
	ended                                   []string // tokens that must not count any more
}

// event is an event as its organizer was told.
type event struct {
	name, id, organizer string
	doc                 map[string]any
	told                time.Time // when doc was
	plan                int
	unclear             bool // a change of it was not answered, or the answer says what will be
	pending             bool // its sale does not follow its last change yet
	waiting             int  // changes since it did that its sale may follow at any time
	cancelAsked         bool
	cancelTold          bool
	shown               bool              // everybody could see it at some time
	owner               map[string]string // in the end, by seat
	limits              int64             // the highest that it had
	waived              bool              // buyers needed no verified address, at some time
}

// booking is a booking as its owner was told.
type booking struct {
	name, id, event, owner, kind string
	status                       string
	seats                        []string
	amount                       int64
	expires                      time.Time
	promise                      time.Time // until when it can be given back; zero: nothing was said
	seq                          int64
	unclear                      bool
	cancelAsked, payAsked        bool
	billAsked, billTold          bool // the invoice is to name a firm
	unpaid                       bool // a payment for it may have been taken back
	tooLate                      bool // for its letter: all nodes were down as long as mails are tried
	gaveBack                     []string
	toldBooked                   bool
	mail                         string // the address that it counts for; "" while nobody has shown one
	typed                        bool   // it was held before its owner had shown an address

	issued map[string]bool  // "seat issue" that answers about its replaced tickets have named
	issue  map[string]int64 // the latest of them, by seat

	reissued bool            // or it may be
	parts    map[string]part // of tickets that are bound to a phone, by seat
}

// pay is a payment as its owner was told.
type pay struct {
	name, id, booking, status, method string
	amount                            int64
	unclear, voidAsked                bool
	version                           string
}

func (w *world) fail(rule, format string, args ...any) {
	text := rule + ": " + fmt.Sprintf(format, args...)
	if skipped(text) {
		w.note("skipped: %s", text)
		return
	}
	w.broken = append(w.broken, text)
}

// skipped reports whether something that was broken begins with what SKIP names.
func skipped(broken string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv("SKIP"), "|"), func(begins string) bool {
		return begins != "" && strings.HasPrefix(broken, begins)
	})
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, w.clock.now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// live reports whether a booking has its seats at a time, as far as its owner was
// told.
func (b *booking) live(now time.Time) bool {
	return b.status == "booked" || b.status == "pending" && now.Before(b.expires)
}

// sure reports whether a booking must be now as its owner was told.
func (w *world) sure(b *booking) bool {
	e := w.events[b.event]
	if p := w.people[b.owner]; p != nil && p.leaving {
		return false
	}
	return !b.unclear && !b.cancelAsked && !(e != nil && e.cancelAsked)
}

// labels are the seats of a booking in an answer.
func labels(doc map[string]any) []string {
	var out []string
	for _, s := range list(doc["seats"]) {
		out = append(out, text(object(s)["label"]))
	}
	return out
}

// learn takes in what an answer says of a booking.
func (w *world) learn(b *booking, doc map[string]any, detailed bool) {
	now := w.clock.now()
	was := *b
	status, seats := text(doc["status"]), labels(doc)
	b.id, b.amount, b.seq, b.kind = text(doc["id"]), number(doc["amount"]), number(doc["seq"]), text(doc["kind"])
	b.status, b.seats, b.expires = status, seats, at(doc["expires_at"])
	if was.id != "" && w.alone {
		w.compare(&was, b, now)
	}
	if status == "booked" {
		b.toldBooked = true
		if until := at(doc["refundable_until"]); detailed && !until.IsZero() {
			if until.Before(b.promise) && w.sure(&was) {
				w.fail("a promise is kept", "booking %s could be given back until %s, now until %s", b.name, b.promise, until)
			}
			if until.After(b.promise) {
				b.promise = until
			}
		}
	}
	if w.alone || !was.unclear { // else what was answered last need not be what happened last
		w.oneOwner(b, now)
	}
	b.unclear = b.unclear && !w.certain()
}

// certain reports whether what was asked and not answered is done by now, or never will
// be, so that what is read next stays. No client knows when a node has done what it was
// asked for; outside of a bubble it is given the time that it needs at most.
func (w *world) certain() bool { return !w.frozen() && !w.house.working() }

// frozen reports whether a node is frozen: what it was asked may be done when it
// thaws, whatever others answer meanwhile.
func (w *world) frozen() bool {
	return slices.ContainsFunc(w.nodes, func(n *node) bool { return n.app != nil && n.life.isFrozen() })
}

// compare holds what is told of a booking now against what was told before.
func (w *world) compare(was, is *booking, now time.Time) {
	if !w.sure(was) {
		return
	}
	switch {
	case was.status == "booked" && is.status != "booked" && !was.unpaid:
		w.fail("booked stays booked", "booking %s was told as booked and is %s", was.name, is.status)
	case was.status == "booked" && is.status == "booked" && !same(was.seats, is.seats):
		w.fail("booked stays booked", "booking %s had %v and has %v", was.name, was.seats, is.seats)
	case was.status == "booked" && is.status == "booked" && was.amount != is.amount:
		w.fail("a price is a promise", "booking %s was over %d and is over %d", was.name, was.amount, is.amount)
	case was.status == "pending" && now.Before(was.expires) && (is.status == "expired" || is.status == "cancelled") && !was.unpaid:
		w.fail("a hold lasts", "booking %s was held until %s and is %s", was.name, was.expires, is.status)
	case was.status == "pending" && is.status == "pending" && is.expires.Before(was.expires):
		w.fail("a hold lasts", "booking %s was held until %s and is held until %s", was.name, was.expires, is.expires)
	}
}

func same(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// oneOwner finds another booking that was told that it has a seat of this one.
func (w *world) oneOwner(b *booking, now time.Time) {
	if !b.live(now) {
		return
	}
	for _, o := range sorted(w.bookings) {
		if o == b || o.event != b.event || o.id == b.id || !o.live(now) || !w.sure(o) || o.unpaid {
			continue
		}
		for _, s := range o.seats {
			if slices.Contains(b.seats, s) && !strings.HasPrefix(s, "G-") {
				w.fail("a seat has one owner", "%s of event %s belongs to booking %s (%s) and to booking %s (%s)", s, b.event, o.name, o.status, b.name, b.status)
			}
		}
	}
}

func sorted[T any](m map[string]T) []T {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	out := make([]T, len(names))
	for i, n := range names {
		out[i] = m[n]
	}
	return out
}

// terms are by what an event's seats may have been sold a moment ago, as its reads
// tell; none when that cannot be known. A sale may follow a change between two reads.
func (w *world) terms(e *event, node int) []map[string]any {
	if e == nil || e.unclear || !w.alone {
		return nil
	}
	terms := []map[string]any{e.doc}
	if e.pending {
		s := &Step{Op: "read", Event: e.name, As: e.organizer}
		q := askRead(w, s)
		q.node = node
		r := w.ask(*q)
		toldRead(w, s, &r)
		if terms = append(terms, e.doc); !r.ok() || e.waiting > 1 {
			return nil
		}
	}
	return terms
}

// cost is the total of some seats by the prices of an event; false when it does not
// have them.
func cost(doc map[string]any, seats []any) (int64, bool) {
	prices := map[string]int64{}
	for _, t := range list(doc["tiers"]) {
		prices[text(object(t)["name"])] = number(object(t)["price"])
	}
	var sum int64
	for _, s := range seats {
		p, ok := prices[text(object(s)["tier"])]
		if !ok {
			return 0, false
		}
		sum += p
	}
	return sum, true
}

// asked holds what is asked for seats against what they were shown to cost.
func (w *world) asked(b *booking, terms []map[string]any, seats []any) {
	var other []int64
	for _, doc := range terms {
		p, ok := cost(doc, seats)
		switch {
		case ok && p == b.amount:
			return
		case ok:
			other = append(other, p)
		}
	}
	if len(other) > 0 {
		w.fail("a price is a promise", "%d is asked for booking %s, but by the event's prices it is %d", b.amount, b.name, other[0])
	}
}

// own is how many seats of an event the owner of an address has, over all accounts.
// Holds from before an address was shown count for it at the latest when they are
// paid: whether others do, too, is the caller's to say.
func (w *world) own(e *event, mail string, now time.Time, heldBefore bool) int64 {
	var n int64
	for _, b := range sorted(w.bookings) {
		if b.event == e.name && b.mail == mail && mail != "" && b.live(now) && w.sure(b) && !b.unpaid && b.kind == "sale" &&
			(!b.typed || heldBefore || b.status == "booked" && !e.waived) {
			n += int64(len(b.seats))
		}
	}
	return n
}

// shown notes that somebody has shown that an address is theirs: what they have
// counts for it.
func (w *world) shown(p *person) {
	p.verified = true
	for _, b := range w.bookings {
		if b.owner == p.name && b.mail == "" {
			b.mail = canon(p.email)
		}
	}
}
