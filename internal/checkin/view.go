package checkin

import (
	"context"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/seating"
)

// view is what this node knows of an event's door: all its scans, by the order in which they
// were stored. It may be behind the tables, never ahead of them; whoever decides reads what
// is missing first.
type view struct {
	eventID string

	mu      sync.Mutex               // held for moments only
	seq     int64                    // of the last scan that it has
	owed    map[checkinapi.Ref]int64 // at a gate node: scans that the box office has to be told of, with their seq
	rules   *rules                   // nil: not read yet
	scans   map[checkinapi.Ref]*entry
	places  map[place][]*entry          // what came in and went out and counts, by place
	refused map[place][]*entry          // what does not, by place
	undos   map[checkinapi.Ref][]*entry // by the scan that they name, which may come later
	visits  map[place]visit             // of places
	latest  map[string]int64            // the highest counter, by device
	log     []*entry                    // by seq; an entry that was joined later is in it twice
	changed chan struct{}               // closed with the next change
	tally   *checkinapi.Attendance      // without tickets and names; nil: not counted yet
	behind  bool                        // something has changed since
	counted time.Time                   // when that was
	tallied *seating.Plan               // by which it was counted
	counts  map[string]int64            // scans, by device
	index   *guests                     // of the people with tickets; nil: not read yet
	end     func()                      // of the goroutine that looks for news
	watched int                         // live feeds
	feeds   map[string][]*func()        // ends live feeds, by device, the oldest first
	used    time.Time                   // when it was last asked for
	plan    *seating.Plan               // of the sale; nil: not read yet
	planAt  time.Time                   // when it was last asked which one that is
	sales   *sales                      // nil: not read yet
	told    version                     // of the list that devices were told of
	listing sync.Mutex                  // one list is made at a time
	reading sync.Mutex                  // one read of the tables at a time
}

func newView(eventID string) *view {
	return &view{
		eventID: eventID, feeds: map[string][]*func(){}, owed: map[checkinapi.Ref]int64{}, scans: map[checkinapi.Ref]*entry{}, places: map[place][]*entry{}, refused: map[place][]*entry{}, undos: map[checkinapi.Ref][]*entry{}, visits: map[place]visit{}, latest: map[string]int64{}, counts: map[string]int64{},
		changed: make(chan struct{}),
	}
}

// view returns the view of an event. Those that nobody has used for long give way.
func (s *Service) view(eventID string) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[eventID]
	if v == nil {
		if len(s.views) >= viewsMost {
			s.forget()
		}
		v = newView(eventID)
		s.views[eventID] = v
	}
	v.used = time.Now()
	return v
}

const idleFor = 10 * time.Minute

// forget drops views that are not in use. s.mu is held.
func (s *Service) forget() {
	for id, v := range s.views {
		v.mu.Lock()
		idle := v.watched == 0 && time.Since(v.used) > idleFor
		v.mu.Unlock()
		if idle {
			delete(s.views, id)
		}
	}
}

// refresh reads what was added to the tables since the view was read last.
func (s *Service) refresh(ctx context.Context, v *view) error {
	v.reading.Lock()
	defer v.reading.Unlock()
	h, err := s.store.head(ctx, s.cfg.DB.Reader(), sqlPeek, v.eventID)
	if err != nil {
		return err
	}
	seq, rev := v.at()
	var r *rules
	if rev != h.rev {
		if r, err = s.store.rules(ctx, s.cfg.DB.Reader(), v.eventID, h.rev); err != nil {
			return err
		}
	}
	var list []*entry
	if seq < h.seq {
		if list, err = s.store.after(ctx, s.cfg.DB.Reader(), v.eventID, seq); err != nil {
			return err
		}
	}
	v.apply(list, r)
	return nil
}

// at returns the seq and the rev that a view has; rev is -1 without rules.
func (v *view) at() (seq, rev int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rules == nil {
		return v.seq, -1
	}
	return v.seq, v.rules.rev
}

// apply adds committed entries and rules; nil: no new ones.
func (v *view) apply(list []*entry, r *rules) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.settings()
	news := false
	if r != nil && (v.rules == nil || r.rev > v.rules.rev) {
		v.rules, news = r, true
	}
	for _, e := range list {
		if known := v.scans[e.Ref]; known != nil && known.seq >= e.seq {
			continue
		}
		v.put(e)
		news = true
	}
	if !sameReentry(before, v.settings()) {
		for p := range v.places {
			v.fold(p)
		}
	}
	if news {
		v.behind = true
		close(v.changed)
		v.changed = make(chan struct{})
	}
}

// settings are those that the view has; until they were read, the defaults. v.mu is held.
func (v *view) settings() *checkinapi.Settings {
	if v.rules == nil {
		s := checkinapi.Defaults(v.eventID)
		return &s
	}
	return &v.rules.settings
}

// sameReentry reports whether settings agree about who may come back, at every entrance.
func sameReentry(a, b *checkinapi.Settings) bool {
	return a == b || a.Reentry == b.Reentry && slices.EqualFunc(a.Entrances, b.Entrances, func(x, y checkinapi.Entrance) bool {
		return x.ID == y.ID && a.At(x.ID).Reentry == b.At(y.ID).Reentry
	})
}

// put adds an entry, or replaces an older copy of it. v.mu is held.
func (v *view) put(e *entry) {
	known := v.scans[e.Ref]
	if known != nil {
		v.drop(known) // e was joined with it when it was stored
	} else {
		v.counts[e.Device]++
	}
	v.scans[e.Ref] = e
	v.log = append(v.log, e)
	v.seq = max(v.seq, e.seq)
	v.latest[e.Device] = max(v.latest[e.Device], e.Counter)
	if e.kind == checkinapi.Undo {
		v.undos[e.of] = append(v.undos[e.of], e)
		if named := v.scans[e.of]; named != nil {
			v.fold(named.place)
		}
		return
	}
	to := v.among(e)
	to[e.place] = append(to[e.place], e)
	if known != nil || e.decided().admitted() {
		v.fold(e.place)
	}
}

// among returns those by place that an entry belongs to. Whoever tries a ticket a thousand
// times must not make the decisions about it slow.
func (v *view) among(e *entry) map[place][]*entry {
	if e.decided().admitted() {
		return v.places
	}
	return v.refused
}

// invalid counts the scans of codes that are no tickets of ours, by device. v.mu is held.
func (v *view) invalid() map[string]int64 {
	n := map[string]int64{}
	for _, e := range v.scans {
		switch e.decided().reason {
		case checkinapi.Forged, checkinapi.MalformedCode, checkinapi.UnknownKey:
			n[e.Device]++
		}
	}
	return n
}

// drop removes an entry that is replaced. v.mu is held.
func (v *view) drop(e *entry) {
	same := func(o *entry) bool { return o == e }
	if e.kind == checkinapi.Undo {
		v.undos[e.of] = slices.DeleteFunc(v.undos[e.of], same)
	} else {
		from := v.among(e)
		from[e.place] = slices.DeleteFunc(from[e.place], same)
	}
}

// fold computes the visit of a place anew. v.mu is held.
func (v *view) fold(p place) {
	if p != (place{}) {
		v.visits[p] = fold(withUndos(v.places[p], v.undos), v.settings())
	}
}

// withUndos returns entries of a place with those that undo them.
func withUndos(entries []*entry, undos map[checkinapi.Ref][]*entry) []*entry {
	list := entries
	for _, e := range entries {
		if u := undos[e.Ref]; len(u) > 0 {
			list = append(slices.Clip(list), u...)
		}
	}
	return list
}

// since returns the entries that were stored or joined after seq, oldest first, at most
// limit, and the seq up to which they go. A seq that is ahead is from before the database was
// restored: it gets all.
func (v *view) since(seq int64, limit int) (list []*entry, upto int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if seq > v.seq {
		seq = 0
	}
	first, _ := slices.BinarySearchFunc(v.log, seq+1, func(e *entry, seq int64) int { return int(min(max(e.seq-seq, -1), 1)) })
	upto = v.seq
	for _, e := range v.log[first:] {
		if v.scans[e.Ref] != e { // joined later
			continue
		}
		if len(list) == limit {
			return list, list[limit-1].seq
		}
		list = append(list, e)
	}
	return list, upto
}

// next returns a channel that is closed when the view changes next.
func (v *view) next() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// known returns the rules of a view that was refreshed.
func (v *view) known() *rules {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rules
}

// current returns the view of an event, refreshed, and its seating plan.
func (s *Service) current(ctx context.Context, eventID string) (*view, *seating.Plan, error) {
	v := s.view(eventID)
	if err := s.refresh(ctx, v); err != nil {
		return nil, nil, err
	}
	plan, err := s.planOf(ctx, v)
	return v, plan, err
}

const planFor = 5 * time.Second

// planOf returns the seating plan by which an event's seats are sold. It cannot change while
// seats are sold.
func (s *Service) planOf(ctx context.Context, v *view) (*seating.Plan, error) {
	v.mu.Lock()
	plan, fresh := v.plan, time.Since(v.planAt) < planFor
	v.mu.Unlock()
	if plan != nil && fresh {
		return plan, nil
	}
	e, err := s.event(ctx, v.eventID)
	if err != nil {
		return nil, err
	}
	if plan == nil || plan.ID != e.PlanID || plan.Version != e.PlanVersion {
		if plan, err = s.cfg.Events.Plan(ctx, e.PlanID, e.PlanVersion); err != nil {
			return nil, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.plan, v.planAt = plan, time.Now()
	return plan, nil
}

// spot says where a seat is; nil if the plan does not have it.
func spot(plan *seating.Plan, seat int32) *checkinapi.Spot {
	if plan == nil || seat < 0 || int(seat) >= len(plan.Seats) {
		return nil
	}
	sec, one := &plan.Sections[plan.SectionOf(seat)], &plan.Seats[seat]
	at := &checkinapi.Spot{Label: one.Label, SectionID: sec.ID, Section: sec.Name}
	if row := sec.RowOf(seat); row != nil {
		at.Row, at.Number = row.Label, one.Number
	}
	return at
}
