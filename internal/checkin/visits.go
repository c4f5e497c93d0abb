package checkin

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// Attendance counts who is inside; see checkinapi.Visits.
func (s *Service) Attendance(ctx context.Context, c caller.Caller, eventID string) (checkinapi.Attendance, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return checkinapi.Attendance{}, err
	}
	return s.attendance(ctx, eventID, true)
}

// attendance counts who is inside, with the names of those whose tickets let two in, or
// without any.
func (s *Service) attendance(ctx context.Context, eventID string, names bool) (checkinapi.Attendance, error) {
	return s.attended(ctx, eventID, names, 0)
}

// attended is attendance by a count that may be this old: to count all of an event takes tens
// of milliseconds, during which nothing is decided.
func (s *Service) attended(ctx context.Context, eventID string, names bool, old time.Duration) (checkinapi.Attendance, error) {
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return checkinapi.Attendance{}, err
	}
	sold, err := s.sold(ctx, v)
	if err != nil {
		return checkinapi.Attendance{}, err
	}
	v.mu.Lock()
	if v.tally == nil || v.tallied != plan || v.behind && time.Since(v.counted) >= old {
		v.tally, v.tallied, v.behind, v.counted = v.count(plan), plan, false, time.Now()
	}
	a := *v.tally
	a.Lists = v.countLists(sold, plan)
	v.mu.Unlock()
	a.EventID, a.At, a.Doubles = eventID, s.cfg.Now().UnixMicro(), slices.Clone(a.Doubles)
	a.Sections = slices.Clone(a.Sections)
	for seat, booking := range sold {
		if booking != "" && seat < len(plan.Seats) {
			a.Tickets++
			a.Sections[plan.SectionOf(int32(seat))].Tickets++
		}
	}
	if names {
		err = s.name(ctx, a.Doubles)
	}
	return a, err
}

const interval = 5 * 60 * 1_000_000 // µs

// count counts all of a view. v.mu is held.
func (v *view) count(plan *seating.Plan) *checkinapi.Attendance {
	a := &checkinapi.Attendance{Sections: make([]checkinapi.Count, len(plan.Sections))}
	for i := range plan.Sections {
		a.Sections[i].ID, a.Sections[i].Name = plan.Sections[i].ID, plan.Sections[i].Name
	}
	at := map[string]int{}
	if v.rules != nil {
		for i, e := range v.rules.settings.Entrances {
			a.Entrances = append(a.Entrances, checkinapi.Count{ID: e.ID, Name: e.Name})
			at[e.ID] = i
		}
	}
	entrance := func(e *entry) *checkinapi.Count {
		i, ok := at[e.entrance]
		if !ok { // of a correction, or one that was removed
			i = len(a.Entrances)
			at[e.entrance] = i
			a.Entrances = append(a.Entrances, checkinapi.Count{ID: e.entrance, Name: e.entrance})
		}
		return &a.Entrances[i]
	}
	pace := map[int64]*checkinapi.Interval{}
	for p, list := range v.places {
		visit := v.visits[p]
		if p == (place{}) || !visit.entered {
			continue
		}
		var section checkinapi.Count
		to := &section
		if p.seat >= 0 && int(p.seat) < len(plan.Seats) {
			to = &a.Sections[plan.SectionOf(p.seat)]
		}
		a.Entered++
		to.Entered++
		entrance(visit.first).Entered++
		if visit.inside {
			a.Inside++
			to.Inside++
			entrance(visit.since).Inside++
		}
		if len(visit.doubles) > 0 {
			a.Doubles = append(a.Doubles, visitOf(p, visit, plan))
		}
		for _, e := range list {
			if !e.decided().admitted() || visit.undone[e.Ref] {
				continue
			}
			begins := min(e.At*1000, e.received) / interval * interval
			if pace[begins] == nil {
				pace[begins] = &checkinapi.Interval{At: begins}
			}
			if e.kind == checkinapi.In {
				pace[begins].In++
			} else {
				pace[begins].Out++
			}
		}
	}
	for _, e := range v.scans {
		switch {
		case !e.decided().admitted():
			a.Refused++
		case e.alone() && e.kind == checkinapi.In:
			a.Alone++
		}
		if e.untimed && e.kind == checkinapi.In && e.decided().admitted() {
			a.Untimed++
		}
	}
	for _, begins := range slices.Sorted(maps.Keys(pace)) {
		a.Pace = append(a.Pace, *pace[begins])
	}
	slices.SortFunc(a.Doubles, func(x, y checkinapi.Visit) int {
		return cmp.Or(cmp.Compare(x.Seat, y.Seat), cmp.Compare(x.BookingID, y.BookingID))
	})
	return a
}

// visitOf is a visit as others see it, without the guest's name.
func visitOf(p place, v visit, plan *seating.Plan) checkinapi.Visit {
	out := checkinapi.Visit{BookingID: p.booking, Reference: id.Reference(p.booking), Seat: p.seat, Inside: v.inside}
	if at := spot(plan, p.seat); at != nil {
		out.Spot = *at
	}
	if v.first != nil {
		out.In, out.Entrance = v.first.At, v.first.entrance
	}
	if v.out != nil {
		out.Out = v.out.At
	}
	if n := len(v.doubles); n > 0 {
		out.Double = earlier(v.doubles[n-1].second)
	}
	return out
}

// name adds the names of guests to visits.
func (s *Service) name(ctx context.Context, visits []checkinapi.Visit) error {
	const most = 500
	for part := range slices.Chunk(visits, most) {
		ids := map[string]bool{}
		for i := range part {
			ids[part[i].BookingID] = true
		}
		found, err := s.cfg.Bookings.Bookings(ctx, slices.Collect(maps.Keys(ids)))
		if err != nil {
			return err
		}
		names, err := s.namesOf(ctx, slices.Collect(maps.Values(found)))
		if err != nil {
			return err
		}
		for i := range part {
			part[i].Name = names[part[i].BookingID]
		}
	}
	return nil
}

// namesOf returns the names of the owners of bookings, or of the recipients of gifts, by
// booking id.
func (s *Service) namesOf(ctx context.Context, list []bookingapi.Booking) (map[string]string, error) {
	var accounts, gifts []string
	for i := range list {
		if list[i].UserID != "" {
			accounts = append(accounts, list[i].UserID)
		}
		if list[i].PaymentID == bookingapi.Complimentary {
			gifts = append(gifts, list[i].ID)
		}
	}
	slices.Sort(accounts)
	people, err := s.cfg.People.People(ctx, slices.Compact(accounts))
	if err != nil {
		return nil, err
	}
	recipients := map[string]bookingapi.Recipient{}
	if len(gifts) > 0 {
		if recipients, err = s.cfg.Bookings.Recipients(ctx, gifts); err != nil {
			return nil, err
		}
	}
	names := map[string]string{}
	for i := range list {
		names[list[i].ID] = people[list[i].UserID].Name
		if r, ok := recipients[list[i].ID]; ok {
			names[list[i].ID] = r.Name
		}
	}
	return names, nil
}

// guests are the people with tickets for an event, at a version of its ledger.
type guests struct {
	seq   int64
	at    time.Time // when it was last asked whether they have changed
	read  time.Time
	list  []guest // by booking and seat
	names *names  // of devices; nil: not made yet
}

type guest struct {
	place
	reference, name string
	words           string // all that a search looks through; see safetext.Fold
}

const (
	guestsFor = 5 * time.Second // a search may miss who has bought within
	namesFor  = time.Minute     // and may find people by the name that they had
)

// guestsOf returns who has tickets for an event, or had within a time before now.
func (s *Service) guestsOf(ctx context.Context, v *view, plan *seating.Plan, within time.Duration) (*guests, error) {
	v.mu.Lock()
	known := v.index
	v.mu.Unlock()
	if known != nil && time.Since(known.at) < within {
		return known, nil
	}
	heads, err := s.cfg.Bookings.Heads(ctx, []string{v.eventID})
	if err != nil {
		return nil, err
	}
	g := &guests{seq: heads[v.eventID], at: time.Now(), read: time.Now()}
	if known != nil && known.seq == g.seq && g.at.Sub(known.read) < namesFor {
		g.list, g.read, g.names = known.list, known.read, known.names
	} else if g.list, err = s.readGuests(ctx, v.eventID, plan); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.index = g
	return g, nil
}

func (s *Service) readGuests(ctx context.Context, eventID string, plan *seating.Plan) (list []guest, err error) {
	const size = 1000
	for after := ""; ; {
		page, err := s.cfg.Bookings.List(ctx, bookingapi.Filter{EventID: eventID, Status: bookingapi.Booked, Ticketed: true, After: after, Limit: size})
		if err != nil {
			return nil, err
		}
		names, err := s.namesOf(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range page {
			b := &page[i]
			for _, seat := range b.Seats {
				g := guest{place: place{b.ID, seat}, reference: id.Reference(b.ID), name: names[b.ID]}
				g.words = g.name + "\n" + g.reference + "\n" + strings.ReplaceAll(g.reference, "-", "") + "\n" + b.ID
				if at := spot(plan, seat); at != nil {
					g.words += "\n" + at.Label
				}
				g.words = safetext.Fold(g.words)
				list = append(list, g)
			}
		}
		if len(page) < size {
			return list, nil
		}
		after = page[len(page)-1].ID
	}
}

// Guests finds guests; see checkinapi.Visits.
func (s *Service) Guests(ctx context.Context, c caller.Caller, eventID, query string, limit int) ([]checkinapi.Visit, error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	return s.find(ctx, eventID, query, limit)
}

func (s *Service) find(ctx context.Context, eventID, query string, limit int) ([]checkinapi.Visit, error) {
	words := strings.Fields(safetext.Fold(query))
	if len([]rune(strings.Join(words, ""))) < 2 {
		return nil, errs.Bad("q", "too-short", "must have at least 2 characters")
	}
	n := 0
	return s.visits(ctx, eventID, guestsFor, func(g *guest, _ string) bool {
		if n >= limit || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(g.words, w) }) {
			return false
		}
		n++
		return true
	})
}

// visits lists the seats with tickets that match; match gets the guest and their list.
func (s *Service) visits(ctx context.Context, eventID string, within time.Duration, match func(g *guest, list string) bool) ([]checkinapi.Visit, error) {
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return nil, err
	}
	g, err := s.guestsOf(ctx, v, plan, within)
	if err != nil {
		return nil, err
	}
	rules := v.known()
	var found []*guest
	for i := range g.list { // not under the lock, which scans wait for
		if one := &g.list[i]; match(one, rules.lists[one.booking]) {
			found = append(found, one)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]checkinapi.Visit, len(found))
	for i, one := range found {
		list[i] = visitOf(one.place, v.visits[one.place], plan)
		list[i].Name, list[i].List = one.name, rules.lists[one.booking]
	}
	return list, nil
}

// Visited lists who was ever inside; see checkinapi.Visits.
func (s *Service) Visited(ctx context.Context, c caller.Caller, eventID string) (iter.Seq[checkinapi.Visit], error) {
	if _, err := s.own(ctx, c, eventID); err != nil {
		return nil, err
	}
	v, plan, err := s.current(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	var list []checkinapi.Visit
	for p, visit := range v.visits {
		if visit.entered {
			one := visitOf(p, visit, plan)
			one.List = v.rules.lists[p.booking]
			list = append(list, one)
		}
	}
	v.mu.Unlock()
	slices.SortFunc(list, func(x, y checkinapi.Visit) int {
		return cmp.Or(cmp.Compare(x.Seat, y.Seat), cmp.Compare(x.In, y.In), cmp.Compare(x.BookingID, y.BookingID))
	})
	if err := s.name(ctx, list); err != nil {
		return nil, err
	}
	return slices.Values(list), nil
}

// Correct adds a scan by hand; see checkinapi.Visits.
func (s *Service) Correct(ctx context.Context, c caller.Caller, k checkinapi.Correction) (checkinapi.Answer, error) {
	eventID := id.Event(k.BookingID)
	if eventID == "" {
		if !c.SignedIn() {
			return checkinapi.Answer{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
		}
		return checkinapi.Answer{}, errs.Missing("booking")
	}
	if _, err := s.own(ctx, c, eventID); err != nil {
		return checkinapi.Answer{}, err
	}
	var f faults
	f.line("reason", &k.Reason, 1, checkinapi.MaxReason)
	if !slices.Contains([]checkinapi.Kind{checkinapi.In, checkinapi.Out, checkinapi.Undo}, k.Kind) {
		f.add("kind", "not-one-of", "must be in, out or undo")
	}
	if err := errs.Fields(f.list); err != nil {
		return checkinapi.Answer{}, err
	}
	seat, err := s.seatOf(ctx, s.view(eventID), k.Seat)
	if err != nil {
		return checkinapi.Answer{}, err
	}
	now := s.cfg.Now().UnixMilli()
	r := &request{eventID: eventID, by: c.UserID, note: k.Reason, scans: []checkinapi.Scan{{
		Ref: checkinapi.Ref{Device: office}, Stamp: checkinapi.Stamp{At: now}, Kind: k.Kind, BookingID: k.BookingID, Seat: seat, How: checkinapi.ByHand, OffsetKnown: true,
	}}}
	s.readCodes(r)
	if err := s.submit(ctx, r); err != nil {
		return checkinapi.Answer{}, err
	}
	a := r.answers[0]
	switch a.Reason {
	case checkinapi.AlreadyInside, checkinapi.NotInside, checkinapi.NothingToUndo:
		return a, errs.New(errs.Conflict, string(a.Reason), "This correction would change nothing.")
	case checkinapi.NotSold:
		return a, errs.Bad("seat", "not-in-booking", "is not a seat that the booking has")
	}
	return a, nil
}

// seatOf finds a seat by its label; also a place in general admission.
func (s *Service) seatOf(ctx context.Context, v *view, label string) (int32, error) {
	plan, err := s.planOf(ctx, v)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(plan.Seats, func(one seating.Seat) bool { return one.Label == label })
	if i < 0 {
		return 0, errs.Bad("seat", "no-such-seat", "is not a seat of the event")
	}
	return int32(i), nil
}

// Entered returns those of a booking's seats with which somebody was let in, as far as this
// node has heard. It is for the booking service, which lets nobody give such seats back.
func (s *Service) Entered(ctx context.Context, bookingID string, seats []int32) ([]int32, error) {
	v := s.view(id.Event(bookingID))
	if err := s.refresh(ctx, v); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var used []int32
	for _, seat := range seats {
		if v.visits[place{bookingID, seat}].entered {
			used = append(used, seat)
		}
	}
	return used, nil
}
