package checkin

import (
	"errors"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

// Heard is a scan as devices know it: those of others as a node tells them, and their own.
type Heard = heardScan

// HeardPage is a page of scans, in the order in which a node has stored them.
type HeardPage = heardPage

// HeardRef names the scan that an undo takes away.
type HeardRef = scanRef

// Gate is what one device at a door knows, and decides by it when it is alone, as the check-in
// app does (ui/gate). It is not safe for concurrent use.
//
// A device knows no bookings: a place is the seat with the digest of its first ticket. A Gate
// does not know the seating plan either, so its entrances must be for all sections.
type Gate struct {
	device checkinapi.Device
	keys   ticket.Keys
	list   *ticket.List // nil: none yet
	view   *view
}

// NewGate makes the gate of a device that may scan at any entrance, for as long as it likes.
func NewGate(eventID, deviceID string, keys ticket.Keys) *Gate {
	g := &Gate{device: checkinapi.Device{ID: deviceID, ValidUntil: 1 << 62}, keys: keys, view: newView(eventID)}
	g.SetSettings(checkinapi.Defaults(eventID))
	return g
}

// SetSettings replaces the rules of the door.
func (g *Gate) SetSettings(s checkinapi.Settings) {
	_, rev := g.view.at()
	g.view.apply(nil, &rules{rev: rev + 1, settings: s})
}

func (g *Gate) settings() *checkinapi.Settings { return &g.view.known().settings }

// SetList replaces the list of tickets.
func (g *Gate) SetList(l *ticket.List) { g.list = l }

// List returns the list of tickets; nil: there is none yet.
func (g *Gate) List() *ticket.List { return g.list }

// Hear takes a scan into account, instead of what was known of it: a device may have decided
// alone what it had asked.
func (g *Gate) Hear(h *Heard) {
	e := &entry{Ref: checkinapi.Ref{Device: h.Device, Counter: h.Counter}, Stamp: checkinapi.Stamp{At: h.At, N: h.N}, kind: h.Kind, entrance: h.Entrance, node: decision{outcome: h.Outcome}}
	if h.Ordinal != nil {
		e.place = place{h.Digest, *h.Ordinal}
	}
	if h.Of != nil {
		e.of = checkinapi.Ref(*h.Of)
	}
	if h.Device == office {
		e.how = checkinapi.ByHand
	}
	g.view.put(e)
}

// Decide decides a scan that has a code or names another scan of the device. now is the
// server's time as far as the device knows it, in µs. The result is the scan with its
// outcome, to be heard; its Ordinal is nil if the code could not be read. The stamp of one that
// is admitted is behind those by which it was decided, however wrong the clocks are.
func (g *Gate) Decide(s *checkinapi.Scan, now int64) (Heard, checkinapi.Reason) {
	h, t, err := g.read(s)
	f := facts{now: now, settings: g.settings(), device: &g.device, code: wrongCode(err), issue: t.Issue, shown: t}
	if s.Kind == checkinapi.Undo {
		if f.named = g.view.scans[s.Of]; f.named != nil {
			f.place = f.named.place
		}
	} else {
		if h.Ordinal != nil {
			f.place = place{h.Digest, *h.Ordinal}
			f.holder = f.place.booking
		}
		switch err = g.check(t.Ticket); {
		case errors.Is(err, ticket.ErrReplaced):
			f.current = t.Issue + 1
		case err != nil:
			f.holder = ""
		}
	}
	before := withUndos(g.view.places[f.place], g.view.undos)
	if f.place != (place{}) {
		f.visit = fold(before, f.settings)
	}
	d := decide(s, &f)
	if d.admitted() {
		stamp := after(s.Stamp, before)
		h.At, h.N = stamp.At, stamp.N
	}
	if d.admitted() && s.Kind == checkinapi.In && f.settings.Alone == checkinapi.AloneRefuse {
		d = refuse(checkinapi.AloneIsRefused)
	}
	h.Outcome = d.outcome
	return h, d.reason
}

// Note is a scan of this device with the outcome that a node has answered.
func (g *Gate) Note(s *checkinapi.Scan, outcome checkinapi.Outcome) Heard {
	h, _, _ := g.read(s)
	h.Outcome = outcome
	return h
}

// read says what a scan is about, and which ticket it has read.
func (g *Gate) read(s *checkinapi.Scan) (h Heard, t ticket.Code, err error) {
	h = Heard{Device: g.device.ID, Counter: s.Counter, At: s.At, N: s.N, Kind: s.Kind, Entrance: s.Entrance}
	if s.Kind == checkinapi.Undo {
		h.Of = &HeardRef{s.Of.Device, s.Of.Counter}
		return h, t, nil
	}
	if t, err = g.keys.Verify(s.Token, g.view.eventID); err != nil {
		return h, t, err
	}
	plan := t.PlanVersion
	if g.list != nil {
		plan = g.list.PlanVersion
	}
	h.Ordinal = &t.Seat
	h.Digest, err = firstDigest(place{t.BookingID, t.Seat}, plan)
	return h, t, err
}

// check checks a ticket by the list. Without one, all are good.
func (g *Gate) check(t ticket.Ticket) error {
	if g.list == nil {
		return nil
	}
	return g.list.Check(t)
}

// Scans returns how many scans it knows.
func (g *Gate) Scans() int { return len(g.view.scans) }

// Inside counts the tickets with which somebody is inside, and those with which somebody ever
// was.
func (g *Gate) Inside() (inside, entered int) {
	for _, v := range g.view.visits {
		if v.inside {
			inside++
		}
		if v.entered {
			entered++
		}
	}
	return inside, entered
}

// Double reports whether a place was entered while somebody was inside, or after somebody was
// if nobody may come back.
func (g *Gate) Double(ordinal int32, digest string) bool {
	return len(g.view.visits[place{digest, ordinal}].doubles) > 0
}
