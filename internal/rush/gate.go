package rush

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"boxoffice/internal/checkin"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/ticket"
)

const (
	askPatience = 300 * time.Millisecond // for an answer to a scan; then the gate decides alone
	aheadMost   = 60_000                 // ms: a stamp from further ahead has a wrong clock
	again       = 400 * time.Millisecond // between tries to reach a node
	sendMost    = 500                    // scans in one request
)

// gate is a device at a door, which behaves as the check-in app does (ui/gate).
type gate struct {
	*evening
	id     int
	device string
	link   *link
	rnd    *rand.Rand // for its pauses
	turn   sync.Mutex // one guest at a time

	mu       sync.Mutex
	outages  []outage
	disk     disk
	skew     time.Duration // of its clock
	on       bool          // it is switched on
	online   bool
	flushing bool
	hangUp   func()        // ends the stream of news; nil: there was none
	mind     *checkin.Gate // nil while it is off
	clock    hybrid
	wake     chan struct{}        // closed when the network is back
	listed   time.Time            // when the list that it has was asked for
	double   map[string]time.Time // when it first knew of two who were let in with a ticket, by seatKey
	acked    map[int64]bool       // scans that a node has answered, by counter
}

// disk is what survives when a gate is switched off.
type disk struct {
	list    []byte
	heard   []checkin.Heard // scans of others, and its own
	waiting []*own          // own scans that no node has answered
	cursor  string
	counter int64
	clock   hybrid
	state   doorState
}

// own is a scan of this gate.
type own struct {
	scan    checkinapi.Scan
	heard   int // its place in disk.heard, from 1; 0: not yet
	decided bool
}

// doorState is what a gate reads of GET /door.
type doorState struct {
	Settings struct {
		Reentry checkinapi.Reentry `json:"reentry"`
		Alone   checkinapi.Alone   `json:"alone"`
	} `json:"settings"`
	Now int64 `json:"now"` // µs since 1970
}

// hybrid is a hybrid logical clock, whose time is the server's as far as the device knows it.
type hybrid struct {
	offset time.Duration
	known  bool
	last   checkinapi.Stamp
}

// now makes the next stamp. wall is the device's time, in ms.
func (h *hybrid) now(wall int64) checkinapi.Stamp {
	if at := wall + h.offset.Milliseconds(); at > h.last.At {
		h.last = checkinapi.Stamp{At: at}
	} else {
		h.last.N++
	}
	return h.last
}

// see moves the clock behind another device's stamp.
func (h *hybrid) see(s checkinapi.Stamp, wall int64) {
	if s.At > wall+h.offset.Milliseconds()+aheadMost {
		return
	}
	if s.At > h.last.At || s.At == h.last.At && s.N > h.last.N {
		h.last = s
	}
}

// wall is the time of the device's own clock, in ms since 1970. g.mu is held.
func (g *gate) wall() int64 { return time.Now().Add(g.skew).UnixMilli() }

// start switches the gate on: it goes on from what is on its disk. g.mu is held.
func (g *gate) start() error {
	g.mind = checkin.NewGate(g.hall.event, g.device, g.hall.keys)
	g.clock, g.online, g.on = g.disk.clock, false, true
	if g.disk.list != nil {
		l, err := ticket.DecodeList(g.disk.list)
		if err != nil {
			return err
		}
		g.mind.SetList(l)
	}
	g.settings()
	for i := range g.disk.heard {
		g.mind.Hear(&g.disk.heard[i])
	}
	return nil
}

func (g *gate) settings() {
	if s := g.disk.state.Settings; s.Reentry != "" {
		rules := checkinapi.Defaults(g.hall.event)
		rules.Reentry, rules.Alone = s.Reentry, s.Alone
		g.mind.SetSettings(rules)
	}
}

// restart switches the gate off, and on again after a while, with another clock.
func (g *gate) restart(ctx context.Context, off, skew time.Duration) error {
	g.mu.Lock()
	g.on, g.online, g.mind = false, false, nil
	g.mu.Unlock()
	g.link.set(cut) // its connections are gone
	pause(ctx, off)
	defer g.link.set(fair)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.skew = skew
	err := g.start()
	g.woken()
	return err
}

// woken has the gate look for a node at once. g.mu is held.
func (g *gate) woken() {
	close(g.wake)
	g.wake = make(chan struct{})
}

// follow keeps the gate in step with a node, for as long as there is one, until ctx ends.
func (g *gate) follow(ctx context.Context) {
	for ctx.Err() == nil {
		g.mu.Lock()
		on, wake := g.on, g.wake
		g.mu.Unlock()
		is, _, changed := g.link.now()
		if on && is != cut {
			if err := g.sync(ctx); err == nil {
				g.listen(ctx)
			} else if wrong := (refused{}); errors.As(err, &wrong) && wrong.status < 500 {
				g.fault("gate %d: %v", g.id, err)
			}
			g.lost()
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-changed:
		case <-time.After(again * time.Duration(75+g.rnd.IntN(50)) / 100):
		}
	}
}

// listen has a node tell what happens, until the connection is lost.
func (g *gate) listen(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.mu.Lock()
	g.hangUp = cancel
	g.mu.Unlock()
	_ = g.link.listen(ctx, "/door/live?after="+g.cursor(), func(event string, data []byte) { g.told(ctx, event, data) })
}

// lost notes that no node can be reached: the gate decides alone, and tries again.
func (g *gate) lost() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.online = false; g.hangUp != nil {
		g.hangUp()
	}
}

func (g *gate) cursor() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.disk.cursor
}

// refused is an answer that is an error.
type refused struct {
	path   string
	status int
	body   string
}

func (r refused) Error() string {
	return fmt.Sprintf("%s: status %d: %.200s", r.path, r.status, r.body)
}

// request asks a node, and returns the body of a good answer.
func (g *gate) request(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	status, answer, err := g.link.ask(ctx, method, path, body)
	if err == nil && status != 200 {
		err = refused{path, status, string(answer)}
	}
	return answer, err
}

// sync gets what has changed, and sends what waits; then the gate is online.
func (g *gate) sync(ctx context.Context) error {
	raw, err := g.request(ctx, "GET", "/door", nil)
	if err != nil {
		return err
	}
	var state doorState
	if err := codec.ReadKnown(raw, &state); err != nil {
		return err
	}
	g.mu.Lock()
	if g.mind != nil {
		g.learn(state.Now)
		g.disk.state = state
		g.settings()
	}
	g.mu.Unlock()
	if err := g.flush(ctx); err != nil {
		return err
	}
	for more := true; more; {
		raw, err := g.request(ctx, "GET", "/door/scans?after="+g.cursor(), nil)
		if err != nil {
			return err
		}
		if more, err = g.hear(raw); err != nil {
			return err
		}
	}
	if err := g.refresh(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	g.online = g.on
	g.mu.Unlock()
	return g.flush(ctx) // what was scanned meanwhile
}

// learn sets the clock's offset to the time that a node has just told, in µs. g.mu is held.
func (g *gate) learn(now int64) {
	g.clock.offset, g.clock.known = time.Duration(now/1000-g.wall())*time.Millisecond, true
	g.disk.clock = g.clock
}

// refresh gets the list of tickets, or what has changed of it.
func (g *gate) refresh(ctx context.Context) error {
	g.mu.Lock()
	path := "/door/list"
	if g.mind != nil && g.mind.List() != nil {
		path += fmt.Sprintf("?since=%d.%d", g.mind.List().LedgerSeq, g.mind.List().IssueRev)
	}
	g.mu.Unlock()
	asked := time.Now()
	raw, err := g.request(ctx, "GET", path, nil)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mind == nil {
		return nil
	}
	l, err := ticket.DecodeList(raw)
	if err != nil {
		var changes *ticket.Changes
		if changes, err = ticket.DecodeChanges(raw); err != nil {
			return err
		}
		if l = g.mind.List(); l == nil {
			return errors.New("changes of a list that the gate does not have")
		}
		if err = l.Apply(changes); err != nil {
			return err
		}
	}
	g.mind.SetList(l)
	g.listed = asked
	g.disk.list, err = l.Encode()
	return err
}

// hear takes a page of other gates' scans, and reports whether there are more.
func (g *gate) hear(raw []byte) (more bool, err error) {
	var page checkin.HeardPage
	if err := codec.ReadKnown(raw, &page); err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mind == nil {
		return false, nil
	}
	for i := range page.Items {
		h := &page.Items[i]
		g.clock.see(checkinapi.Stamp{At: h.At, N: h.N}, g.wall())
		g.take(h)
	}
	g.disk.heard = append(g.disk.heard, page.Items...)
	g.disk.cursor, g.disk.clock = page.Cursor, g.clock
	return page.More, nil
}

// take takes a scan into account, and notes when the gate first knew of a ticket that two
// were let in with. g.mu is held.
func (g *gate) take(h *checkin.Heard) {
	g.mind.Hear(h)
	if h.Ordinal == nil {
		return
	}
	if key := seatKey(*h.Ordinal, h.Digest); g.mind.Double(*h.Ordinal, h.Digest) && g.double[key].IsZero() {
		g.double[key] = time.Now()
	}
}

func seatKey(ordinal int32, digest string) string { return fmt.Sprint(ordinal, ".", digest) }

// told takes what a node tells while the gate listens.
func (g *gate) told(ctx context.Context, event string, data []byte) {
	var err error
	switch event {
	case "scans":
		_, err = g.hear(data)
	case "list":
		err = g.refresh(ctx)
	}
	if err != nil {
		g.lost()
	}
}

// waiting returns the scans that no node has answered, oldest first.
func (g *gate) waits() []*own {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*own(nil), g.disk.waiting[:min(sendMost, len(g.disk.waiting))]...)
}

// flush sends what waits.
func (g *gate) flush(ctx context.Context) error {
	for list := g.waits(); len(list) > 0; list = g.waits() {
		if err := g.send(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// send sends scans, and takes the answers.
func (g *gate) send(ctx context.Context, list []*own) error {
	body := scansBody{Scans: make([]scanBody, len(list))}
	was := make([]bool, len(list))
	g.mu.Lock()
	for i, o := range list {
		s := &o.scan
		was[i] = o.decided
		body.Scans[i] = scanBody{Counter: s.Counter, At: s.At, N: s.N, Kind: string(s.Kind), Token: s.Token, Entrance: s.Entrance, How: string(s.How),
			Decided: string(s.Decided), Reason: string(s.Reason), OffsetKnown: s.OffsetKnown}
		if s.Kind == checkinapi.Undo {
			body.Scans[i].Of = &refBody{s.Of.Device, s.Of.Counter}
		}
	}
	g.mu.Unlock()
	raw, err := codec.Marshal(body)
	if err != nil {
		return err
	}
	if raw, err = g.request(ctx, "POST", "/door/scans", raw); err != nil {
		return err
	}
	var a answersBody
	if err := codec.ReadKnown(raw, &a); err != nil {
		return err
	}
	if len(a.Items) != len(list) {
		return fmt.Errorf("%d answers to %d scans", len(a.Items), len(list))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mind == nil {
		return errCut // it was switched off
	}
	g.learn(a.Now)
	for i, o := range list {
		if o.decided == was[i] { // otherwise the gate has decided meanwhile, and that must be sent
			g.settle(o, &a.Items[i])
		}
	}
	return nil
}

// settle notes the answer to a scan. g.mu is held.
func (g *gate) settle(o *own, a *scanAnswer) {
	at := -1
	for i, w := range g.disk.waiting {
		if w == o {
			at = i
		}
	}
	if at < 0 {
		return // it was answered before
	}
	g.disk.waiting = append(g.disk.waiting[:at], g.disk.waiting[at+1:]...)
	o.scan.Stamp = checkinapi.Stamp{At: a.At, N: a.N}
	outcome := checkinapi.Outcome(a.Outcome)
	if o.decided {
		outcome = o.scan.Decided
	} else {
		o.scan.Reason = checkinapi.Reason(a.Reason)
	}
	g.clock.see(o.scan.Stamp, g.wall())
	g.disk.clock = g.clock
	g.keep(o, g.mind.Note(&o.scan, outcome))
	g.acked[o.scan.Counter] = true
}

// keep stores what an own scan has come to. g.mu is held.
func (g *gate) keep(o *own, h checkin.Heard) {
	if o.heard == 0 {
		g.disk.heard = append(g.disk.heard, h)
		o.heard = len(g.disk.heard)
	}
	g.disk.heard[o.heard-1] = h
	g.take(&h)
}

// reading is what a gate did with a ticket.
type reading struct {
	gate    *gate
	ref     checkinapi.Ref
	kind    checkinapi.Kind
	of      checkinapi.Ref // of an undo
	began   time.Time
	ended   time.Time
	alone   bool // the gate has decided alone
	listed  time.Time
	outcome checkinapi.Outcome
	reason  checkinapi.Reason
}

func (r *reading) admitted() bool { return r.outcome == checkinapi.Admitted }

// scan scans a ticket, or takes a scan back: the gate asks a node, or decides alone.
func (g *gate) scan(ctx context.Context, kind checkinapi.Kind, token string, of checkinapi.Ref) (*reading, error) {
	g.mu.Lock()
	g.disk.counter++
	o := &own{scan: checkinapi.Scan{
		Ref: checkinapi.Ref{Device: g.device, Counter: g.disk.counter}, Stamp: g.clock.now(g.wall()), Kind: kind, Token: token, Of: of,
		Entrance: checkinapi.MainEntrance, How: checkinapi.Camera, OffsetKnown: g.clock.known,
	}}
	g.disk.clock = g.clock
	g.disk.waiting = append(g.disk.waiting, o)
	online, r := g.online, &reading{gate: g, ref: o.scan.Ref, kind: kind, of: of, began: time.Now(), listed: g.listed}
	g.mu.Unlock()
	if online {
		if err := g.asks(ctx, o); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.acked[r.ref.Counter] {
		r.alone = true
		defer g.flushSoon(ctx)
		began := time.Now()
		h, reason := g.mind.Decide(&o.scan, (g.wall()+g.clock.offset.Milliseconds())*1000)
		g.decided.add(time.Since(began))
		o.decided, o.scan.Decided, o.scan.Reason, o.scan.Stamp = true, h.Outcome, reason, checkinapi.Stamp{At: h.At, N: h.N}
		g.keep(o, h)
	}
	r.ended, r.reason, r.outcome = time.Now(), o.scan.Reason, g.disk.heard[o.heard-1].Outcome
	return r, nil
}

// asks sends a scan, after those that still wait, and returns when it is answered or the
// gate's patience is over.
func (g *gate) asks(ctx context.Context, o *own) error {
	began := time.Now()
	patience, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	list := g.waits()
	if len(list) == 0 || list[len(list)-1] != o {
		return nil // too many wait: decide alone
	}
	err := g.send(patience, list)
	wrong := refused{}
	switch {
	case err == nil:
		g.asked.add(time.Since(began))
		return nil
	case errors.As(err, &wrong) && wrong.status < 500:
		return fmt.Errorf("gate %d: %w", g.id, err)
	case !errors.Is(err, context.DeadlineExceeded):
		g.lost()
	}
	g.impatient.Add(1)
	return nil
}

// flushSoon sends what was decided alone, if the gate believes that it is online. g.mu is
// held.
func (g *gate) flushSoon(ctx context.Context) {
	if !g.online || g.flushing {
		return
	}
	g.flushing = true
	go func() {
		if err := g.flush(ctx); err != nil {
			g.lost()
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.flushing = false
	}()
}
