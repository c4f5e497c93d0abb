package rush

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/ticket"
)

// evening is a rehearsal of the door.
type evening struct {
	opts   DoorOptions
	house  rehearsal // its servers and their database
	live   io.Writer
	hall   *hall
	gates  []*gate
	report DoorReport
	start  time.Time

	asked, decided      hist
	impatient, restarts atomic.Int64
	scans               atomic.Int64

	mu       sync.Mutex
	admits   []*admission
	outages  []outage // of the nodes
	reported map[string]time.Time
	faults   map[string]int
}

// fault counts what should not happen by its text.
func (e *evening) fault(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(e.faults) < 20 || e.faults[text] > 0 {
		e.faults[text]++
	}
}

// admission is a ticket, and all that was done with it at the doors.
type admission struct {
	ticket   ticket.Ticket // the one that was bought
	label    string
	void     time.Time // since when no code of the ticket is good: the refund was acknowledged
	replaced time.Time // since when the first code is void
	mu       sync.Mutex
	readings []*reading
	old      map[*reading]bool // those of a code that was replaced
}

// read has a gate scan a code of the ticket, when the guests before are through.
func (e *evening) read(ctx context.Context, a *admission, g *gate, kind checkinapi.Kind, token string, of checkinapi.Ref, old bool) *reading {
	g.turn.Lock()
	defer g.turn.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	r, err := g.scan(ctx, kind, token, of)
	if err != nil {
		e.fault("%v", err)
		return nil
	}
	e.scans.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.readings = append(a.readings, r)
	if old {
		a.old[r] = true
	}
	return r
}

// guests has guests come as long as the evening lasts. It returns when all are through.
func (e *evening) guests(ctx context.Context) {
	over := e.start.Add(e.opts.Duration)
	rnd := rand.New(rand.NewPCG(e.opts.Seed, 1))
	var busy sync.WaitGroup
	defer busy.Wait()
	gap := time.Duration(float64(time.Second) / e.opts.Pace)
	at := e.start
	wait := func() bool {
		at = at.Add(gap)
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
		}
		return ctx.Err() == nil && at.Before(over)
	}
	for _, i := range rnd.Perm(len(e.hall.bookings)) {
		p := e.hall.bookings[i]
		list := make([]*admission, len(p.tokens))
		for j, token := range p.tokens {
			t, err := e.hall.keys.Verify(token, e.hall.event)
			if err != nil {
				e.fault("ticket of %s: %v", p.labels[j], err)
				return
			}
			list[j] = &admission{ticket: t.Ticket, label: p.labels[j], old: map[*reading]bool{}}
		}
		e.mu.Lock()
		e.admits = append(e.admits, list...)
		e.mu.Unlock()
		p.came = true
		story := rand.New(rand.NewPCG(e.opts.Seed, uint64(i)+10))
		switch n := story.IntN(100); {
		case n < 3:
			busy.Go(func() { e.refunded(ctx, story, p, list) })
			if !wait() {
				return
			}
		case n < 6:
			busy.Go(func() { e.reissued(ctx, story, p, list) })
			if !wait() {
				return
			}
		default:
			for j := range list {
				if !wait() {
					return
				}
				story := rand.New(rand.NewPCG(e.opts.Seed, uint64(i*partySize+j)+1<<32))
				busy.Go(func() { e.comes(ctx, story, list[j], p.tokens[j]) })
			}
		}
	}
}

func (e *evening) any(rnd *rand.Rand) *gate { return e.gates[rnd.IntN(len(e.gates))] }

// another returns another gate.
func (e *evening) another(rnd *rand.Rand, than *gate) *gate {
	return e.gates[(than.id+1+rnd.IntN(len(e.gates)-1))%len(e.gates)]
}

func upTo(rnd *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(most)))
}

// comes is what happens with a ticket: most guests come once.
func (e *evening) comes(ctx context.Context, rnd *rand.Rand, a *admission, token string) {
	g := e.any(rnd)
	none := checkinapi.Ref{}
	switch n := rnd.IntN(100); {
	case n < 10: // somebody has a copy, and comes at the same time or a little later
		var both sync.WaitGroup
		defer both.Wait()
		other, after := e.another(rnd, g), time.Duration(0)
		if n < 7 {
			after = upTo(rnd, 3*time.Second)
		}
		both.Go(func() {
			pause(ctx, after)
			e.read(ctx, a, other, checkinapi.In, token, none, false)
		})
		e.read(ctx, a, g, checkinapi.In, token, none, false)
	case n < 15: // leaves, and comes back at the same gate
		if r := e.read(ctx, a, g, checkinapi.In, token, none, false); r == nil || !r.admitted() {
			return
		}
		pause(ctx, upTo(rnd, 2*time.Second))
		at := e.any(rnd)
		if r := e.read(ctx, a, at, checkinapi.Out, token, none, false); r == nil || !r.admitted() {
			return
		}
		pause(ctx, upTo(rnd, 2*time.Second))
		e.read(ctx, a, at, checkinapi.In, token, none, false)
	case n < 18: // was scanned by mistake
		r := e.read(ctx, a, g, checkinapi.In, token, none, false)
		if r == nil || !r.admitted() {
			return
		}
		if u := e.read(ctx, a, g, checkinapi.Undo, "", r.ref, false); u != nil && u.admitted() {
			e.read(ctx, a, g, checkinapi.In, token, none, false)
		}
	default:
		e.read(ctx, a, g, checkinapi.In, token, none, false)
	}
}

// unreachable reports whether an error means that no node could be asked, or that its answer
// was lost.
func unreachable(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// office has the box office change a booking, and reports whether it did.
func (e *evening) office(ctx context.Context, p *party, change func(*call, *party) error) bool {
	call := e.hall.client.call()
	defer call.done()
	err := change(call, p)
	if err != nil && ctx.Err() == nil && !unreachable(err) {
		e.fault("%v", err)
	}
	return err == nil
}

// refunded gives a booking back, and then somebody comes with its tickets all the same.
func (e *evening) refunded(ctx context.Context, rnd *rand.Rand, p *party, list []*admission) {
	if !e.office(ctx, p, e.hall.refund) {
		return // nobody comes
	}
	for _, a := range list {
		a.void = time.Now()
	}
	for i, a := range list {
		pause(ctx, upTo(rnd, time.Second))
		e.read(ctx, a, e.any(rnd), checkinapi.In, p.tokens[i], checkinapi.Ref{}, false)
	}
}

// reissued has the codes of a booking replaced; then the guests come with the new ones, and
// others with the old ones.
func (e *evening) reissued(ctx context.Context, rnd *rand.Rand, p *party, list []*admission) {
	before := p.tokens
	if !e.office(ctx, p, e.hall.reissue) {
		return // nobody comes
	}
	for _, a := range list {
		a.replaced = time.Now()
	}
	for i, a := range list {
		pause(ctx, upTo(rnd, time.Second))
		g := e.any(rnd)
		if rnd.IntN(2) == 0 {
			e.read(ctx, a, e.another(rnd, g), checkinapi.In, before[i], checkinapi.Ref{}, true)
		}
		e.read(ctx, a, g, checkinapi.In, p.tokens[i], checkinapi.Ref{}, false)
	}
}

// outage is a time during which a gate or the nodes could not be reached.
type outage struct{ from, to time.Time }

// trouble is what befalls a gate, at a time after the beginning.
type trouble struct {
	at, lasts time.Duration
	is        weather // fair: the gate is restarted, and its clock is wrong by skew afterwards
	skew      time.Duration
}

const wrong = 5 * time.Minute // by which clocks may be wrong

func anySkew(rnd *rand.Rand) time.Duration { return upTo(rnd, 2*wrong) - wrong }

// forecast draws what befalls each gate: troubles of its own, and storms that hit a quarter of
// all gates at once. Between two of them it is calm for a while.
func (e *evening) forecast() [][]trouble {
	rnd := rand.New(rand.NewPCG(e.opts.Seed, 2))
	const calm, longest = 2 * time.Second, 4 * time.Second
	last := e.opts.Duration - longest
	var storms []trouble
	for at := 3 * time.Second; at < last; at += 3*time.Second + upTo(rnd, 8*time.Second) {
		storms = append(storms, trouble{at: at, lasts: time.Second + upTo(rnd, 3*time.Second), is: cut})
	}
	list := make([][]trouble, len(e.gates))
	for i := range list {
		var some []trouble
		for _, t := range storms {
			if rnd.IntN(4) == 0 {
				some = append(some, t)
			}
		}
		for at := upTo(rnd, 8*time.Second); at < last; at += calm + upTo(rnd, 12*time.Second) {
			t := trouble{at: at, lasts: 200*time.Millisecond + upTo(rnd, longest)}
			switch n := rnd.IntN(10); {
			case n < 4:
				t.is = cut
			case n < 5:
				t.is = deaf
			case n < 7:
				t.is = slow
			default:
				t.skew, t.lasts = anySkew(rnd), t.lasts/4
			}
			some = append(some, t)
		}
		slices.SortFunc(some, func(a, b trouble) int { return cmp.Compare(a.at, b.at) })
		over := time.Duration(0)
		for _, t := range some {
			if t.at >= over {
				list[i], over = append(list[i], t), t.at+t.lasts+calm
			}
		}
	}
	return list
}

// suffer has a gate's troubles happen.
func (e *evening) suffer(ctx context.Context, g *gate, list []trouble) {
	for _, t := range list {
		pause(ctx, time.Until(e.start.Add(t.at)))
		if ctx.Err() != nil {
			break
		}
		from := time.Now()
		if t.is == fair {
			g.turn.Lock() // between two guests
			from = time.Now()
			if err := g.restart(ctx, t.lasts, t.skew); err != nil {
				e.fault("gate %d: %v", g.id, err)
			}
			g.turn.Unlock()
			e.restarts.Add(1)
		} else {
			g.link.set(t.is)
			pause(ctx, t.lasts)
			g.link.set(fair)
		}
		g.mu.Lock()
		g.outages = append(g.outages, outage{from, time.Now()})
		g.mu.Unlock()
	}
}

// restartNodes kills each node once, and later stops each once, and starts it again.
func (e *evening) restartNodes(ctx context.Context) {
	for i, part := range []time.Duration{35, 70} {
		pause(ctx, time.Until(e.start.Add(e.opts.Duration*part/100)))
		for n := range e.house.servers {
			if ctx.Err() != nil {
				return
			}
			from := time.Now()
			if err := e.house.again(ctx, n, i == 0); err != nil {
				e.fault("%v", err)
				return
			}
			e.mu.Lock()
			e.outages = append(e.outages, outage{from, time.Now()})
			e.mu.Unlock()
			e.report.NodeRestarts++
		}
	}
}

// watch asks, as the organizer's page does, who is inside, and notes when a ticket is first
// said to have let in two.
func (e *evening) watch(ctx context.Context) {
	call := e.hall.client.call()
	defer call.done()
	for ctx.Err() == nil {
		var a attendance
		err := call.once("GET", "/events/"+e.hall.event+"/door/attendance", e.hall.organizer, "", nil)
		if err == nil && call.res.status == 200 && codec.ReadKnown(call.res.body, &a) == nil {
			now := time.Now()
			e.mu.Lock()
			for i := range a.Doubles {
				if key := a.Doubles[i].key(); e.reported[key].IsZero() {
					e.reported[key] = now
				}
			}
			e.mu.Unlock()
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// attendance is what the organizer reads.
type attendance struct {
	Inside  int      `json:"inside"`
	Entered int      `json:"entered"`
	Doubles []double `json:"doubles"`
}

type double struct {
	BookingID string `json:"booking_id"`
	Ordinal   int32  `json:"ordinal"`
}

func (d double) key() string { return fmt.Sprint(d.BookingID, ".", d.Ordinal) }
