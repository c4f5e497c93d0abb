package checkin

import (
	"cmp"
	"slices"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

// place is what a visit is about: a seat of a booking. Seats that were given back and sold
// again are another place; a ticket that was re-issued is the same.
type place struct {
	booking string
	seat    int32
}

// decision is an outcome with its reason; the zero value is none.
type decision struct {
	outcome checkinapi.Outcome
	reason  checkinapi.Reason
}

func admit() decision                          { return decision{checkinapi.Admitted, checkinapi.OK} }
func refuse(reason checkinapi.Reason) decision { return decision{checkinapi.Refused, reason} }

func (d decision) none() bool     { return d.outcome == "" }
func (d decision) admitted() bool { return d.outcome == checkinapi.Admitted }

// entry is a scan as it is stored. Entries are a set that only grows: one scan is one
// entry, and copies of it are joined (see join).
type entry struct {
	checkinapi.Ref
	checkinapi.Stamp
	kind        checkinapi.Kind
	place       place          // zero: the code could not be read, or is not of this event
	of          checkinapi.Ref // of an undo
	entrance    string
	how         checkinapi.How
	node        decision       // of the box office
	gate        decision       // of a gate node whose line to the box office was down
	own         decision       // of the device alone
	because     checkinapi.Ref // the scan for which node refused it
	offsetKnown bool
	untimed     bool   // the code changes with time, which whoever decided could not check
	content     string // digest of what never changes of it
	received    int64  // µs since 1970, when it was first stored
	seq         int64  // of the event, when it was stored or joined last
	by, note    string // of a correction: the account and its reason
}

// decided is the decision that counts: of those who have decided, the one that was nearest
// to the guest, since it has let the guest in or not. But nobody could let in with a code
// that is forged, or without the right.
func (e *entry) decided() decision {
	switch {
	case void(e.node.reason):
		return e.node
	case void(e.gate.reason):
		return e.gate
	case !e.own.none():
		return e.own
	case !e.gate.none():
		return e.gate
	}
	return e.node
}

// unasked reports whether the box office was not asked before it was decided.
func (e *entry) unasked() bool { return !e.own.none() || !e.gate.none() }

// alone reports whether somebody was let in or out without asking the box office.
func (e *entry) alone() bool { return e.unasked() && e.decided().admitted() }

// compare orders entries: by stamp, then by device and counter.
func compare(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.N, b.N), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Counter, b.Counter))
}

// later returns the later of two stamps.
func later(a, b checkinapi.Stamp) checkinapi.Stamp {
	if cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.N, b.N)) < 0 {
		return b
	}
	return a
}

// stronger returns one of two decisions on the same scan by the same side: the one that
// admits, since then somebody may have come in.
func stronger(a, b decision) decision {
	rank := func(d decision) int {
		return slices.Index([]checkinapi.Outcome{"", checkinapi.Refused, checkinapi.Admitted}, d.outcome)
	}
	if cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.reason, b.reason)) < 0 {
		return b
	}
	return a
}

// join merges two copies of one scan. It is commutative, associative and idempotent, so
// copies may arrive in any order and any number of times.
func join(a, b entry) entry {
	a.Stamp = later(a.Stamp, b.Stamp)
	a.node, a.gate, a.own = stronger(a.node, b.node), stronger(a.gate, b.gate), stronger(a.own, b.own)
	if a.place == (place{}) || a.place.booking < b.place.booking {
		a.place = b.place
	}
	if a.because == (checkinapi.Ref{}) || b.because != (checkinapi.Ref{}) && less(b.because, a.because) {
		a.because = b.because
	}
	a.received, a.seq = min(a.received, b.received), max(a.seq, b.seq)
	a.offsetKnown, a.untimed = a.offsetKnown && b.offsetKnown, a.untimed || b.untimed
	return a
}

func less(a, b checkinapi.Ref) bool {
	return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Counter, b.Counter)) < 0
}

// undoes reports whether an entry takes away the one that it names. Devices undo their own
// scans only, organizers those of any.
func (e *entry) undoes() bool {
	return e.kind == checkinapi.Undo && e.decided().admitted() && (e.Device == e.of.Device || e.how == checkinapi.ByHand)
}

// double is a scan that let somebody in on a ticket with which somebody was inside.
type double struct{ first, second *entry }

// visit is what the scans of one place say.
type visit struct {
	inside  bool
	entered bool   // somebody was inside at least once
	first   *entry // the first time in
	last    *entry // the last scan that counts; nil: none
	since   *entry // while inside: the scan that came in
	out     *entry // the last time out
	doubles []double
	undone  map[checkinapi.Ref]bool
}

// fold computes a visit from all entries of a place, in any order. Whether a scan is a double
// is said by the rules of the entrance where it was made.
func fold(entries []*entry, settings *checkinapi.Settings) visit {
	var v visit
	for _, e := range entries {
		if e.undoes() {
			if v.undone == nil {
				v.undone = map[checkinapi.Ref]bool{}
			}
			v.undone[e.of] = true
		}
	}
	if !slices.IsSortedFunc(entries, compare) {
		entries = slices.SortedFunc(slices.Values(entries), compare)
	}
	for _, e := range entries {
		if e.kind == checkinapi.Undo || !e.decided().admitted() || v.undone[e.Ref] {
			continue
		}
		v.last = e
		if e.kind == checkinapi.Out {
			v.inside, v.since, v.out = false, nil, e
			continue
		}
		switch {
		case v.inside && settings.At(e.entrance).Reentry != checkinapi.ReentryAlways:
			v.doubles = append(v.doubles, double{v.since, e})
		case v.entered && settings.At(e.entrance).Reentry == checkinapi.ReentryNever:
			v.doubles = append(v.doubles, double{v.first, e})
		}
		if v.first == nil {
			v.first = e
		}
		if !v.inside {
			v.since = e
		}
		v.inside, v.entered = true, true
	}
	return v
}

// facts are what a decision about one scan depends on.
type facts struct {
	now      int64 // µs since 1970
	settings *checkinapi.Settings
	device   *checkinapi.Device
	via      *checkinapi.Device // the gate node that took it; nil: the device has sent it itself
	ruled    bool               // the gate node has decided it before
	alone    bool               // somebody is let in without asking the box office
	code     checkinapi.Reason  // what is wrong with the code; "": nothing, or the seat was found by name
	place    place              // of the ticket, or of the scan that an undo names
	holder   string             // booking that has the seat now; "": none
	issue    uint16             // of the code
	current  uint16             // issue of the seat
	shown    ticket.Code        // what the code says of itself; zero: it is fixed
	unproved bool               // the password of a wallet is wrong
	untimed  bool               // the time of the code cannot be checked
	bound    ticket.PhoneKey    // phone that the seat is bound to; zero: none
	found    bool               // the seat was found by name: there is no code
	section  string             // of the seat; "": the plan does not have it
	visit    visit              // of the place, without this scan
	named    *entry             // that an undo names; nil: there is none
}

// decide decides one scan.
func decide(s *checkinapi.Scan, f *facts) decision {
	byHand := s.How == checkinapi.ByHand // an organizer, who may do all that can be true
	if !byHand {
		if d := decideRight(s, f); !d.none() {
			return d
		}
	}
	switch {
	case s.Kind == checkinapi.Undo:
		if f.named == nil || f.named.kind == checkinapi.Undo || !f.named.decided().admitted() || f.visit.undone[f.named.Ref] {
			return refuse(checkinapi.NothingToUndo)
		}
		return admit()
	case f.code != "":
		return refuse(f.code)
	case s.Kind == checkinapi.Out:
		if !f.visit.inside {
			return refuse(checkinapi.NotInside)
		}
		return admit()
	case f.holder != f.place.booking:
		return refuse(checkinapi.NotSold)
	case !f.found && (f.issue < f.current || f.issue == f.current && f.shown.Phone != f.bound):
		return refuse(checkinapi.Replaced)
	case !f.found && f.shown.Kind == ticket.Fixed && f.settings.Rotates() && !f.settings.Paper:
		return refuse(checkinapi.NotBound)
	case f.unproved, s.Decided == "" && !f.ruled && !f.untimed && !f.shown.Fresh(time.UnixMicro(f.now)):
		return refuse(checkinapi.StaleCode) // the time of a scan that was made alone is the device's, which has checked it
	}
	if !byHand {
		if d := decideRules(s, f); !d.none() {
			return d
		}
	}
	switch reentry := f.settings.At(s.Entrance).Reentry; {
	case f.visit.inside && reentry != checkinapi.ReentryAlways:
		return refuse(checkinapi.AlreadyInside)
	case !byHand && f.visit.entered && reentry == checkinapi.ReentryNever:
		return refuse(checkinapi.NoReentry)
	}
	return admit()
}

// decideRight decides whether the device may make such a scan at all.
func decideRight(s *checkinapi.Scan, f *facts) decision {
	d, at, wrong := f.device, f.now, int64(0)
	if s.Decided != "" || f.ruled {
		at, wrong = s.At*1000, ahead*1000 // the clock of a device that was alone may be wrong
	}
	for _, one := range []*checkinapi.Device{d, f.via} {
		if one != nil && one.RevokedAt != 0 && (at >= one.RevokedAt || f.now >= one.RevokedAt+lateness || f.found || s.Kind == checkinapi.Undo) {
			return refuse(checkinapi.DeviceRevoked) // what it made before is taken for a while, if it has read a code
		}
	}
	switch {
	case at < d.ValidFrom-wrong, at >= d.ValidUntil+wrong, f.via != nil && (at < f.via.ValidFrom-wrong || at >= f.via.ValidUntil+wrong):
		return refuse(checkinapi.NotAllowed)
	case d.Entrance != "" && s.Entrance != d.Entrance, f.found && !(d.Names && f.settings.Names):
		return refuse(checkinapi.NotAllowed)
	case s.Kind == checkinapi.Undo && s.Of.Device != d.ID:
		return refuse(checkinapi.NotAllowed)
	}
	return decision{}
}

// decideRules decides by the entrance and the times.
func decideRules(s *checkinapi.Scan, f *facts) decision {
	_, ok := f.settings.Entrance(s.Entrance)
	entrance := f.settings.At(s.Entrance)
	at := min(s.At*1000, f.now) // of a scan that was made alone: when it was made
	if s.Decided == "" && !f.ruled {
		at = f.now
	}
	switch {
	case (f.alone || s.Decided == checkinapi.Admitted) && f.settings.Alone == checkinapi.AloneRefuse:
		return refuse(checkinapi.AloneIsRefused)
	case !ok, len(entrance.Sections) > 0 && !slices.Contains(entrance.Sections, f.section):
		return refuse(checkinapi.WrongEntrance)
	case entrance.OpensAt != 0 && at < entrance.OpensAt:
		return refuse(checkinapi.TooEarly)
	case entrance.ClosesAt != 0 && at >= entrance.ClosesAt:
		return refuse(checkinapi.TooLate)
	}
	return decision{}
}

// void reports whether a reason means that a device cannot have been right to let somebody
// in, whatever it knew when it was alone. Such scans are recorded as refused.
func void(reason checkinapi.Reason) bool {
	switch reason {
	case checkinapi.DeviceRevoked, checkinapi.NotAllowed, checkinapi.MalformedCode, checkinapi.UnknownKey, checkinapi.Forged, checkinapi.OtherEvent:
		return true
	}
	return false
}

const (
	ahead    = 10 * 60_000              // ms that a stamp may be ahead of the node's clock
	maxN     = 1_000_000_000            // that a stamp can have
	lateness = 48 * 60 * 60 * 1_000_000 // µs after a revocation within which earlier scans are still taken
)

// bounded moves a stamp that is too far ahead of the node's clock back to the bound: a wrong
// clock must not drag all others along. now is in µs.
func bounded(s checkinapi.Stamp, now int64) checkinapi.Stamp {
	if most := now/1000 + ahead; s.At > most {
		return checkinapi.Stamp{At: most}
	}
	return s
}

// after moves the stamp of a scan that a node decides behind the entries by which it was
// decided, so that the fold sees them in that order.
func after(s checkinapi.Stamp, entries []*entry) checkinapi.Stamp {
	for _, e := range entries {
		switch {
		case later(s, e.Stamp) != e.Stamp:
		case e.N < maxN:
			s = checkinapi.Stamp{At: e.At, N: e.N + 1}
		default:
			s = checkinapi.Stamp{At: e.At + 1}
		}
	}
	return s
}
