package rush

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"boxoffice/internal/checkin"
	"boxoffice/internal/checkinapi"
)

// The promises of the door.
const (
	promiseAdmitted = iota
	promiseOnce
	promiseVoid
	promiseReported
	promiseKept
	promiseAgree
	promiseOrder
	promiseErrors
	doorPromises
)

var doorPromise = [doorPromises]string{
	"no guest with a valid ticket was refused, unless somebody was inside with it",
	"no ticket let in two while the gates could reach a node",
	"no ticket that was refunded or replaced let anybody in while the gate could reach a node",
	"every ticket that let in two was reported, at the office and at both gates",
	"every scan is stored, as the gate has decided or was told, and no other",
	"the office and all gates count the same as the audit does",
	"the histories of all tickets at gates that could ask are linearizable",
	"nothing failed that should not",
}

// finding notes the first fault of each promise, and counts them.
type findings struct {
	first [doorPromises]string
	count [doorPromises]int
}

func (f *findings) broken(promise int, format string, args ...any) {
	if f.count[promise]++; f.first[promise] == "" {
		f.first[promise] = fmt.Sprintf(format, args...)
	}
}

// settled is how long gates and nodes must be there for a partition to be healed.
const settled = time.Second

// audit checks the promises, by what the guests saw, and by what a node knows in the end.
func (e *evening) audit(ctx context.Context) error {
	f := &e.report.findings
	stored, err := e.stored(ctx)
	if err != nil {
		return err
	}
	made := 0
	var healing hist
	var history []porcupine.Operation
	for _, a := range e.admits {
		made += len(a.readings)
		a.judge(f)
		a.kept(f, stored)
		history = append(history, a.history(e.start)...)
		if err := e.doubles(f, a, stored, &healing); err != nil {
			return err
		}
	}
	if made != len(stored) {
		f.broken(promiseKept, "the gates made %d scans, and the node has %d", made, len(stored))
	}
	switch porcupine.CheckOperationsTimeout(seatModel, history, time.Minute) {
	case porcupine.Illegal:
		f.broken(promiseOrder, "the history of a ticket is not")
	case porcupine.Unknown:
		f.broken(promiseOrder, "they could not be checked within a minute")
	}
	if err := e.agree(f, stored); err != nil {
		return err
	}
	for text, n := range e.faults {
		f.broken(promiseErrors, "%s (%d times)", text, n)
	}
	e.figures(&healing, len(history))
	return nil
}

// stored reads all scans over the API, as a device that is new.
func (e *evening) stored(ctx context.Context) (map[checkinapi.Ref]*checkin.Heard, error) {
	call := e.hall.client.call()
	defer call.done()
	_, token, err := e.hall.pair(call, "Auditor")
	if err != nil {
		return nil, err
	}
	all := map[checkinapi.Ref]*checkin.Heard{}
	for cursor, more := "", true; more; {
		var page checkin.HeardPage
		if err := call.get("/door/scans?after="+cursor, token, &page); err != nil {
			return nil, err
		}
		for i := range page.Items {
			h := &page.Items[i]
			all[checkinapi.Ref{Device: h.Device, Counter: h.Counter}] = h
		}
		cursor, more = page.Cursor, page.More
	}
	return all, ctx.Err()
}

// judge checks who was let in with a ticket, and who was refused.
func (a *admission) judge(f *findings) {
	inside := 0
	for _, r := range a.readings {
		switch old := a.old[r]; {
		case r.kind != checkinapi.In:
		case !a.void.IsZero() || old:
			since := a.void
			if old {
				since = a.replaced
			}
			if r.admitted() && !r.alone && r.began.After(since) {
				f.broken(promiseVoid, "%s: %s let somebody in %v after it was", a.label, r, r.began.Sub(since))
			}
		case !r.admitted() && !a.before(r):
			f.broken(promiseAdmitted, "%s: %s: nobody was inside, but it is refused: %s", a.label, r, r.reason)
		}
		if r.kind == checkinapi.In && r.admitted() && !r.alone {
			inside++
		}
		if (r.kind == checkinapi.Out || r.kind == checkinapi.Undo) && r.admitted() {
			inside--
		}
	}
	if inside > 1 {
		f.broken(promiseOnce, "%s let in %d", a.label, inside)
	}
}

// before reports whether somebody else was let in with the ticket, at the latest when it was
// refused.
func (a *admission) before(refused *reading) bool {
	if refused.reason != checkinapi.AlreadyInside {
		return false
	}
	for _, r := range a.readings {
		if r.kind == checkinapi.In && r.admitted() && r.began.Before(refused.ended) && !a.leftBefore(r, refused) {
			return true
		}
	}
	return false
}

// leftBefore reports whether a scan that let somebody in was over before another one began.
func (a *admission) leftBefore(in, at *reading) bool {
	for _, r := range a.readings {
		if r.admitted() && r.ended.Before(at.began) && (r.kind == checkinapi.Out && r.began.After(in.ended) || r.kind == checkinapi.Undo && r.of == in.ref) {
			return true
		}
	}
	return false
}

func (r *reading) String() string {
	how := "asked"
	if r.alone {
		how = "alone"
	}
	return fmt.Sprintf("%s at gate %d (%s)", r.kind, r.gate.id+1, how)
}

// kept checks that the scans of a ticket are stored as its guests saw them.
func (a *admission) kept(f *findings, stored map[checkinapi.Ref]*checkin.Heard) {
	for _, r := range a.readings {
		switch h := stored[r.ref]; {
		case h == nil:
			f.broken(promiseKept, "%s: %s is not stored", a.label, r)
		case h.Kind != r.kind || h.Outcome != r.outcome:
			f.broken(promiseKept, "%s: %s was %s, and is stored as %s %s", a.label, r, r.outcome, h.Kind, h.Outcome)
		}
	}
}

// asked is what a gate asks about a ticket.
type askedScan struct {
	seat int32
	in   bool
}

// seatModel is a ticket at gates that can ask: somebody is inside with it, or nobody is.
var seatModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		bySeat := map[int32][]porcupine.Operation{}
		for _, op := range history {
			seat := op.Input.(askedScan).seat
			bySeat[seat] = append(bySeat[seat], op)
		}
		parts := make([][]porcupine.Operation, 0, len(bySeat))
		for _, p := range bySeat {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		inside, in, admitted := state.(bool), input.(askedScan).in, output.(bool)
		return admitted == (inside != in), inside != admitted
	},
}

// history is what was asked about a ticket, if all that was done with it was asked. An undo
// that was admitted has the effect of an exit.
func (a *admission) history(start time.Time) (list []porcupine.Operation) {
	for _, r := range a.readings {
		if r.alone || a.old[r] || !a.void.IsZero() {
			return nil
		}
		list = append(list, porcupine.Operation{
			ClientId: r.gate.id, Input: askedScan{a.ticket.Seat, r.kind == checkinapi.In}, Output: r.admitted(),
			Call: int64(r.began.Sub(start)), Return: int64(r.ended.Sub(start)),
		})
	}
	return list
}

// tally is what the scans of a ticket say, folded by code of the audit's own.
type tally struct {
	inside, entered bool
	doubles         []*checkin.Heard // pairs
}

func fold(list []*checkin.Heard) (t tally) {
	undone := map[checkinapi.Ref]bool{}
	for _, h := range list {
		if h.Kind == checkinapi.Undo && h.Outcome == checkinapi.Admitted && h.Of.Device == h.Device {
			undone[checkinapi.Ref(*h.Of)] = true
		}
	}
	slices.SortFunc(list, func(a, b *checkin.Heard) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.N, b.N), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Counter, b.Counter))
	})
	var who *checkin.Heard
	for _, h := range list {
		switch {
		case h.Outcome != checkinapi.Admitted || undone[checkinapi.Ref{Device: h.Device, Counter: h.Counter}]:
		case h.Kind == checkinapi.Out:
			who = nil
		case h.Kind == checkinapi.In:
			if who != nil {
				t.doubles = append(t.doubles, who, h)
			} else {
				who = h
			}
			t.entered = true
		}
	}
	t.inside = who != nil
	return t
}

// scansOf returns the stored scans of a ticket.
func (a *admission) scansOf(stored map[checkinapi.Ref]*checkin.Heard) (list []*checkin.Heard) {
	for _, r := range a.readings {
		if h := stored[r.ref]; h != nil {
			list = append(list, h)
		}
	}
	return list
}

// doubles checks that a ticket that let in two was reported in time.
func (e *evening) doubles(f *findings, a *admission, stored map[checkinapi.Ref]*checkin.Heard, healing *hist) error {
	t := fold(a.scansOf(stored))
	if len(t.doubles) == 0 {
		return nil
	}
	e.report.Doubles++
	first := a.ticket
	first.Issue = 0
	digest, err := first.Digest()
	if err != nil {
		return err
	}
	both := [2]*reading{}
	for _, r := range a.readings {
		for i := range both {
			if t.doubles[i].Device == r.ref.Device && t.doubles[i].Counter == r.ref.Counter {
				both[i] = r
			}
		}
	}
	if both[0] == nil || both[1] == nil {
		return errors.New("audit: a scan is not a gate's")
	}
	healed := e.healed(both[0], both[1])
	check := func(where string, at time.Time) {
		switch took := at.Sub(healed); {
		case at.IsZero():
			f.broken(promiseReported, "%s let in two, %s and %s, and %s does not know", a.label, both[0], both[1], where)
		case took > e.opts.Within:
			healing.add(took)
			f.broken(promiseReported, "%s let in two, %s and %s, and %s knew %v after healing", a.label, both[0], both[1], where, took.Round(time.Millisecond))
		default:
			healing.add(max(0, took))
		}
	}
	check("the office", e.reported[double{a.ticket.BookingID, a.ticket.Seat}.key()])
	key := seatKey(a.ticket.Seat, hex.EncodeToString(digest[:]))
	for _, r := range both {
		check(fmt.Sprintf("gate %d", r.gate.id+1), r.gate.double[key])
	}
	return nil
}

// healed is when both gates of a ticket, and the nodes, could be reached again, for as long
// as a report may take.
func (e *evening) healed(a, b *reading) time.Time {
	at := a.ended
	if b.ended.After(at) {
		at = b.ended
	}
	for again := true; again; {
		again = false
		for _, list := range [][]outage{a.gate.outages, b.gate.outages, e.outages} {
			for _, o := range list {
				if o.to.After(at) && o.from.Before(at.Add(settled)) {
					at, again = o.to, true
				}
			}
		}
	}
	return at
}

// agree compares the counts of the office and of the gates with those of the audit.
func (e *evening) agree(f *findings, stored map[checkinapi.Ref]*checkin.Heard) error {
	inside, entered := 0, 0
	for _, a := range e.admits {
		t := fold(a.scansOf(stored))
		if t.inside {
			inside++
		}
		if t.entered {
			entered++
		}
	}
	call := e.hall.client.call()
	defer call.done()
	var office attendance
	if err := call.get("/events/"+e.hall.event+"/door/attendance", e.hall.organizer, &office); err != nil {
		return err
	}
	if office.Inside != inside || office.Entered != entered || len(office.Doubles) != e.report.Doubles {
		f.broken(promiseAgree, "the office counts %d inside, %d entered, %d doubles, and the audit %d, %d, %d", office.Inside, office.Entered, len(office.Doubles), inside, entered, e.report.Doubles)
	}
	for _, g := range e.gates {
		g.mu.Lock()
		in, ever := g.mind.Inside()
		g.mu.Unlock()
		if in != inside || ever != entered {
			f.broken(promiseAgree, "gate %d counts %d inside, %d entered, and the audit %d, %d", g.id+1, in, ever, inside, entered)
		}
	}
	e.report.Inside, e.report.Entered = inside, entered
	return nil
}

// figures fills in the report.
func (e *evening) figures(healing *hist, checked int) {
	r := &e.report
	r.Scans, r.Checked = e.scans.Load(), checked
	for _, a := range e.admits {
		for _, one := range a.readings {
			switch {
			case one.admitted() && one.alone:
				r.AdmittedAlone++
			case !one.admitted():
				r.Refused++
			}
		}
	}
	r.Alone = e.decided.count()
	r.AskP50, r.AskP99, r.AskMax = ms(e.asked.quantile(.5)), ms(e.asked.quantile(.99)), ms(e.asked.max())
	r.AloneP50, r.AloneP99, r.AloneMax = ms(e.decided.quantile(.5)), ms(e.decided.quantile(.99)), ms(e.decided.max())
	r.HealingP50, r.HealingP99, r.HealingMax = ms(healing.quantile(.5)), ms(healing.quantile(.99)), ms(healing.max())
	r.GateRestarts = e.restarts.Load()
	r.Audit = "ok"
	for i, fault := range r.findings.first {
		if fault != "" {
			r.Audit = doorPromise[i] + ": " + fault + " (" + strconv.Itoa(r.findings.count[i]) + ")"
			break
		}
	}
}
