package checkin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

// office is the device of corrections that organizers make.
const office = "office"

// scansMost is how many scans a device can make. A person makes some 20,000 in a long day;
// all are kept in memory, which one device must not use up.
const scansMost = 100_000

// countedMost is how many scans of one seat can count. All of them are looked at for each
// new one, and nobody comes and goes so often.
const countedMost = 1000

// request is some scans, which are stored together or not at all. They are of one device,
// unless a gate node sends them.
type request struct {
	eventID  string
	via      string // the gate node that sends them; "": their device
	scans    []checkinapi.Scan
	codes    []code
	ruled    []decision          // at the box office: what the gate node has decided; nil: nothing
	asked    []checkinapi.Answer // at a gate node: what the box office has decided; nil: it was not asked, or did not answer
	by, note string              // of an organizer's correction: whose, and why

	answers []checkinapi.Answer // once it is done
	err     error
}

// Take decides or records scans of a device, in their order: all or none. Invalid, Conflict
// counter-used: a counter of the device names another scan already.
func (s *Service) Take(ctx context.Context, eventID, deviceID string, scans []checkinapi.Scan) ([]checkinapi.Answer, error) {
	for i := range scans {
		scans[i].Device = deviceID
	}
	r := &request{eventID: eventID, scans: scans}
	s.readCodes(r)
	if s.cfg.Line != nil {
		if err := s.askOffice(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := s.submit(ctx, r); err != nil {
		return nil, err
	}
	return r.answers, nil
}

// readCodes reads the codes of a request's scans.
func (s *Service) readCodes(r *request) {
	keys, timed := s.cfg.Keys(), s.cfg.Line == nil || s.cfg.Line.State().Timed
	r.codes = make([]code, len(r.scans))
	for i := range r.scans {
		r.codes[i] = readCode(keys, s.cfg.Signer, &r.scans[i], r.eventID)
		r.codes[i].untimed = r.codes[i].untimed || !timed && r.codes[i].shown.Kind != ticket.Fixed
	}
}

// submit has a request decided.
func (s *Service) submit(ctx context.Context, r *request) error {
	h := fnv.New32a()
	h.Write([]byte(r.eventID))
	err := s.queue[h.Sum32()%queues].Do(ctx, r)
	if full := (batch.Full{}); errors.As(err, &full) {
		return errs.New(errs.Unavailable, "busy", "We are very busy; please try again in a moment.").After(time.Second)
	}
	if closed := (batch.Closed{}); errors.As(err, &closed) {
		return errs.New(errs.Unavailable, "shutting-down", "This node is shutting down; please try again.").After(time.Second)
	}
	return err
}

// take decides what waits, event by event.
func (s *Service) take(items []*batch.Item[*request]) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	byEvent := map[string][]*batch.Item[*request]{}
	for _, it := range items {
		byEvent[it.Value.eventID] = append(byEvent[it.Value.eventID], it)
	}
	for eventID, list := range byEvent {
		requests := make([]*request, len(list))
		for i, it := range list {
			requests[i] = it.Value
		}
		err := s.decide(ctx, eventID, requests)
		if err != nil && len(requests) > 1 && !sqldb.Passing(err) && !sqldb.Outage(err) && ctx.Err() == nil {
			for _, it := range list { // one of them may be the reason
				it.Done(cmp.Or(s.decide(ctx, eventID, []*request{it.Value}), it.Value.err))
			}
			continue
		}
		for _, it := range list {
			it.Done(cmp.Or(err, it.Value.err))
		}
	}
}

// ground is what scans are decided upon: read for a batch, after its requests have come in.
type ground struct {
	list     *ticket.List // at a gate node, instead of bookings and issues
	bookings map[string]bookingapi.Booking
	issues   map[string]map[int32]checkinapi.Issue
	plan     *seating.Plan // nil: there is none
}

// read reads who has the seats of requests now, and which of their codes are current.
func (s *Service) read(ctx context.Context, v *view, requests []*request) (g ground, err error) {
	if s.cfg.Line != nil {
		g.list = s.cfg.Line.List()
		g.plan, err = s.planOf(ctx, v)
		return g, err
	}
	var ids []string
	seen := map[string]bool{}
	for _, r := range requests {
		for _, c := range r.codes {
			if b := c.place.booking; b != "" && !seen[b] {
				seen[b] = true
				ids = append(ids, b)
			}
		}
	}
	if len(ids) > 0 {
		if g.bookings, err = s.cfg.Bookings.Bookings(ctx, ids); err != nil {
			return g, err
		}
		if g.issues, err = s.cfg.Issues.Issues(ctx, ids); err != nil {
			return g, err
		}
	}
	g.plan, err = s.planOf(ctx, v)
	return g, err
}

// standing returns the booking that has a seat now if it is that of the code, the number
// of the issue that is current, and the phone that it is bound to.
func (g *ground) standing(p place, c *code) (holder string, current uint16, bound ticket.PhoneKey) {
	if g.list != nil {
		return g.listed(p, c)
	}
	issue := g.issues[p.booking][p.seat]
	copy(bound[:], issue.BoundKey)
	return g.holder(p), issue.Number, bound
}

// holder returns the booking if it has the seat now.
func (g *ground) holder(p place) string {
	if b, ok := g.bookings[p.booking]; ok && b.Status == bookingapi.Booked && b.PaymentID != bookingapi.Block && slices.Contains(b.Seats, p.seat) {
		return p.booking
	}
	return ""
}

// decide decides requests about one event, in one transaction.
func (s *Service) decide(ctx context.Context, eventID string, requests []*request) error {
	v := s.view(eventID)
	g, err := s.read(ctx, v, requests)
	if err != nil {
		return err
	}
	if err := s.refresh(ctx, v); err != nil { // most of what is missing, before the lock
		return err
	}
	var d *draft
	err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		h, err := s.locked(ctx, tx, v)
		if err != nil {
			return err
		}
		_, rev := v.at()
		rules := v.known()
		if rev != h.rev {
			if rules, err = s.store.rules(ctx, tx, eventID, h.rev); err != nil {
				return err
			}
		}
		d = &draft{gate: s.cfg.Line != nil, view: v, rules: rules, ground: &g, now: s.cfg.Now().UnixMicro(), seq: h.seq, scans: map[checkinapi.Ref]*entry{}, places: map[place][]*entry{}, undos: map[checkinapi.Ref][]*entry{}}
		d.all(requests)
		if len(d.list) == 0 {
			return nil
		}
		if s.cfg.Line != nil {
			if err := s.cfg.Line.Keep(ctx, tx, d.owed); err != nil {
				return err
			}
		}
		return s.store.write(ctx, tx, eventID, d.list, d.seq)
	})
	if err != nil {
		return err
	}
	v.owe(d.owed)
	v.apply(d.list, d.rules)
	return nil
}

// locked locks an event's door, and reads the scans that the view lacks.
func (s *Service) locked(ctx context.Context, tx *sql.Tx, v *view) (head, error) {
	if _, err := tx.ExecContext(ctx, sqlBegin, v.eventID); err != nil {
		return head{}, fmt.Errorf("begin the door of %s: %w", v.eventID, err)
	}
	h, err := s.store.head(ctx, tx, s.store.lock, v.eventID)
	if err != nil {
		return h, err
	}
	if seq, _ := v.at(); seq < h.seq {
		missing, err := s.store.after(ctx, tx, v.eventID, seq)
		if err != nil {
			return h, err
		}
		v.apply(missing, nil)
	}
	return h, nil
}

// draft is a view with the scans of a transaction that is not committed yet.
type draft struct {
	gate   bool // this is a gate node
	view   *view
	rules  *rules
	ground *ground
	now    int64 // µs since 1970
	seq    int64
	list   []*entry // new and joined ones
	scans  map[checkinapi.Ref]*entry
	places map[place][]*entry          // with those of the view, and with what undoes them
	undos  map[checkinapi.Ref][]*entry // that have come before the scan that they name
	owed   []Owed                      // at a gate node: what the box office does not know yet
}

// all decides requests in order. view.mu is held meanwhile: nothing here waits.
func (d *draft) all(requests []*request) {
	d.view.mu.Lock()
	defer d.view.mu.Unlock()
	for _, r := range requests {
		r.answers, r.err = make([]checkinapi.Answer, len(r.scans)), d.check(r)
		for i := range r.scans {
			if r.err == nil {
				r.answers[i] = d.one(r, i)
			}
		}
	}
	d.changed()
}

// check refuses a request that gives a counter to another scan.
func (d *draft) check(r *request) error {
	own := map[checkinapi.Ref]string{}
	fresh := map[string]int64{}
	for i := range r.scans {
		sc := &r.scans[i]
		switch {
		case r.via != "" && d.rules.scanner(sc.Device) == nil:
			return errs.Bad(fmt.Sprintf("scans[%d].device", i), "no-such-device", "is not a device of this event")
		case sc.Device == office:
			d.number(sc)
		}
		text := content(sc)
		before, twice := own[sc.Ref]
		known := d.known(sc.Ref)
		if twice && before != text || known != nil && known.content != text {
			name := fmt.Sprintf("scans[%d].counter", i)
			return &errs.Error{
				Kind: errs.Conflict, Type: "counter-used", Detail: name + " was used for another scan of this device. Nothing was stored.",
				Fields: []errs.Field{{Name: name, Reason: "was used for another scan of this device"}},
			}
		}
		own[sc.Ref] = text
		if known == nil && !twice && sc.Device != office {
			fresh[sc.Device]++
		}
		if d.view.counts[sc.Device]+fresh[sc.Device] > scansMost {
			return errs.New(errs.Conflict, "too-many-scans", "A device can make %d scans. Pair it again. Nothing was stored.", scansMost)
		}
	}
	return nil
}

// number gives a correction the next counter.
func (d *draft) number(sc *checkinapi.Scan) {
	sc.Counter = d.view.latest[office] + 1
	for d.scans[sc.Ref] != nil {
		sc.Counter++
	}
}

// content is a digest of what never changes of a scan.
func content(s *checkinapi.Scan) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%s\x00%d\x00%s\x00%s", s.Kind, s.Token, s.BookingID, s.Seat, s.Of.Device, s.Of.Counter, s.Entrance, s.How))
	return hex.EncodeToString(sum[:8])
}

func (d *draft) known(ref checkinapi.Ref) *entry {
	if e := d.scans[ref]; e != nil {
		return e
	}
	return d.view.scans[ref]
}

// entries returns those of a place.
func (d *draft) entries(p place) []*entry {
	if list, ok := d.places[p]; ok {
		return list
	}
	return withUndos(d.view.places[p], d.view.undos)
}

// one decides or joins one scan.
func (d *draft) one(r *request, i int) checkinapi.Answer {
	sc := &r.scans[i]
	known := d.known(sc.Ref)
	if known != nil && (!d.says(r, i, known) || void(known.node.reason) || !d.may(r, i) || !known.decided().admitted() && len(d.entries(known.place)) >= countedMost) {
		return d.answer(known) // sent again, or the device may no more say what it has decided
	}
	e := &entry{
		Ref: sc.Ref, Stamp: bounded(sc.Stamp, d.now), kind: sc.Kind, place: r.codes[i].place, of: sc.Of, entrance: sc.Entrance, how: sc.How,
		offsetKnown: sc.OffsetKnown, untimed: r.untimed(i), content: content(sc), received: d.now, by: r.by, note: r.note,
	}
	var before []*entry
	if known == nil {
		if before = d.rule(r, i, e); sc.Device == office && !e.node.admitted() { // it would change nothing
			return d.answer(e)
		}
	} else {
		e.node, e.gate, e.place, e.because, e.received = known.node, known.gate, known.place, known.because, known.received
		if named := d.known(e.of); e.place == (place{}) && named != nil { // it has come meanwhile
			e.place = named.place
		}
		before = d.entries(e.place)
	}
	if r.ruled != nil && !r.ruled[i].none() {
		e.gate = r.ruled[i]
	}
	switch {
	case sc.Decided == checkinapi.Admitted:
		e.own = admit()
	case sc.Decided != "":
		e.own = refuse(sc.Reason)
	case e.decided().admitted() && (d.gate || e.gate.none()):
		e.Stamp = after(e.Stamp, before)
	}
	if known != nil {
		joined := join(*known, *e)
		e = &joined
		before = slices.DeleteFunc(slices.Clone(before), func(o *entry) bool { return o.Ref == e.Ref })
	}
	d.seq++
	e.seq = d.seq
	d.scans[e.Ref] = e
	d.keep(e, before, known != nil && known.decided().admitted())
	if d.gate && e.unasked() {
		d.owed = append(d.owed, owedOf(sc, e))
	}
	a := d.answer(e)
	if r.asked != nil && a.First == nil { // it may not have come down yet
		a.First = r.asked[i].First
	}
	return a
}

// keep puts an entry with those of its place, if it counts. before are the others; counted
// reports whether an older copy of it is among those of the view.
func (d *draft) keep(e *entry, before []*entry, counted bool) {
	switch {
	case e.place == (place{}):
		if e.kind == checkinapi.Undo {
			d.undos[e.of] = append(d.undos[e.of], e)
		}
	case e.decided().admitted():
		list := append(slices.Clip(before), e)
		if e.kind != checkinapi.Undo && !counted { // one that undoes it may have come before it
			list = append(append(list, d.view.undos[e.Ref]...), d.undos[e.Ref]...)
		}
		d.places[e.place] = list
	case counted:
		d.places[e.place] = before
	}
}

// says reports whether a scan that is known says something new: that its device, or the
// gate node that sends it, has decided it alone.
func (d *draft) says(r *request, i int, known *entry) bool {
	return r.scans[i].Decided != "" && known.own.none() || r.ruled != nil && !r.ruled[i].none() && known.gate.none()
}

// untimed reports whether the time of a scan's code could not be checked by who decides it.
func (r *request) untimed(i int) bool {
	c, sc := &r.codes[i], &r.scans[i]
	decided := sc.Decided != "" || r.ruled != nil && !r.ruled[i].none()
	alone := decided && (!sc.OffsetKnown || c.shown.Kind == ticket.InWallet)
	return c.untimed || c.shown.Kind != ticket.Fixed && alone
}

// may reports whether a device may make such a scan.
func (d *draft) may(r *request, i int) bool {
	f := d.facts(r, i)
	return f.device != nil && decideRight(&r.scans[i], f).none()
}

// facts are those about who has made a scan.
func (d *draft) facts(r *request, i int) *facts {
	f := &facts{now: d.now, settings: &d.rules.settings, device: d.rules.scanner(r.scans[i].Device), via: d.rules.devices[r.via], alone: d.gate}
	if r.ruled != nil {
		f.ruled, f.alone = !r.ruled[i].none(), r.ruled[i].admitted()
	}
	return f
}

// rule has this node decide a new scan, and returns the entries by which it did.
func (d *draft) rule(r *request, i int, e *entry) []*entry {
	sc, c := &r.scans[i], &r.codes[i]
	f := d.facts(r, i)
	f.code, f.issue, f.found, f.shown, f.unproved, f.untimed = c.wrong, c.issue, c.found, c.shown, c.unproved, c.untimed
	if sc.Kind == checkinapi.Undo {
		if sc.Device == office {
			if f.named = fold(d.entries(e.place), &d.rules.settings).last; f.named != nil {
				sc.Of = f.named.Ref
				e.of, e.content = sc.Of, content(sc)
			}
		} else if f.named = d.known(sc.Of); f.named != nil {
			e.place = f.named.place
		}
	}
	f.place = e.place
	before := d.entries(e.place)
	if e.place != (place{}) {
		f.holder, f.current, f.bound = d.ground.standing(e.place, c)
		f.visit = fold(before, &d.rules.settings)
		if at := spot(d.ground.plan, e.place.seat); at != nil {
			f.section = at.SectionID
		}
	}
	if d.gate && d.believed(r, i, e) {
		return before
	}
	ruling := refuse(checkinapi.NotAllowed)
	if f.device != nil && len(before) < countedMost || sc.How == checkinapi.ByHand {
		ruling = decide(sc, f)
	}
	if e.node = ruling; d.gate {
		e.node, e.gate = decision{}, ruling
	}
	switch {
	case ruling.reason == checkinapi.AlreadyInside && f.visit.since != nil:
		e.because = f.visit.since.Ref
	case ruling.reason == checkinapi.NoReentry && f.visit.first != nil:
		e.because = f.visit.first.Ref
	}
	return before
}

// answer says what became of a scan, as it is stored.
func (d *draft) answer(e *entry) checkinapi.Answer {
	ruling := e.node
	if d.gate && !e.gate.none() && (e.own.none() || e.node.none()) {
		ruling = e.gate
	}
	a := checkinapi.Answer{Ref: e.Ref, Stamp: e.Stamp, Outcome: ruling.outcome, Reason: ruling.reason, Alone: d.gate && !e.gate.none()}
	if !e.own.none() || !d.gate && !e.gate.none() {
		a.Outcome = checkinapi.Recorded
	}
	if e.place != (place{}) {
		a.BookingID, a.Ordinal, a.Seat = e.place.booking, e.place.seat, spot(d.ground.plan, e.place.seat)
	}
	if first := d.known(e.because); first != nil {
		a.First = earlier(first)
	}
	return a
}

func earlier(e *entry) *checkinapi.Earlier {
	return &checkinapi.Earlier{Ref: e.Ref, At: e.At, Entrance: e.entrance, Alone: e.alone()}
}
