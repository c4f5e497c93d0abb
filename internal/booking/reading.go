package booking

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
)

// read loads everything that the event's commands touch into the state.
func (w *writer) read(ctx context.Context, tx storeTx, s *state, items []*item, l *attemptState, known map[string]*record) error {
	if !s.exists {
		return nil
	}
	if items[0].Value.cmd.do == doSetSale {
		var err error
		s.inUse, err = tx.inUse(ctx, s.eventID)
		return err
	}
	k := saleKey(s.eventID, &s.sale)
	p, ok := w.peek(l, k)
	if !ok {
		return missing{k}
	}
	s.plan, s.prices[k] = p.plan, p
	if slices.ContainsFunc(items, func(it *item) bool { return it.Value.cmd.do == doGrant && it.Value.cmd.eventID == s.eventID }) {
		if s.prices[s.freeKey()], ok = w.peek(l, s.freeKey()); !ok {
			return missing{s.freeKey()}
		}
	}
	r := reading{state: s, tx: tx, w: w, learned: l, known: known}
	for _, it := range items {
		if it.Value.cmd.eventID == s.eventID {
			r.want(&it.Value.cmd)
		}
	}
	return r.all(ctx)
}

// reading collects what a batch needs to know about one event.
type reading struct {
	state    *state
	tx       storeTx
	w        *writer
	ids      []string // bookings named by commands
	swaps    []string // of these, those to be swapped
	pays     []string // of these, those to be confirmed
	others   []string // of these, those that may get other seats
	buyers   []person
	seats    []int32
	choosing bool // a command leaves the choice of seats to us
	partial  bool // the prices of the bookings matter: seats move, some are given back, or their owner gives back by the terms
	learned  *attemptState
	known    map[string]*record
	fresh    []*command
}

func (r *reading) want(c *command) {
	switch c.do {
	case doHold:
		r.buyers = append(r.buyers, r.state.buying(c.caller))
		r.fresh = append(r.fresh, c)
		if r.learned.careful {
			r.ids = append(r.ids, c.bookingID)
		}
	default:
		r.ids = append(r.ids, c.bookingID)
		r.partial = r.partial || c.do == doReseat || c.do == doCancel && (len(c.seats) > 0 || !c.caller.Administers() || c.organizing != nil)
		switch c.do {
		case doSwap:
			r.swaps = append(r.swaps, c.bookingID)
		case doConfirm:
			r.pays = append(r.pays, c.bookingID)
			if c.others {
				r.others = append(r.others, c.bookingID)
			}
		case doAdopt:
			r.buyers = append(r.buyers, person{c.heir, newAddress(c.email, proved)})
		case doGrant:
			if c.heir != "" {
				r.buyers = append(r.buyers, person{user: c.heir})
			}
		}
	}
	r.seats = append(r.seats, c.seats...)
	r.choosing = r.choosing || c.quantity > 0
}

func (r *reading) all(ctx context.Context) error {
	s := r.state
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	if r.choosing {
		if err := r.candidates(); err != nil {
			return err
		}
	}
	if err := r.bookings(ctx, r.ids); err != nil {
		return err
	}
	if err := r.mayChoose(ctx); err != nil {
		return err
	}
	for _, id := range r.ids { // late payers need their seats again, and limits are checked again
		b := s.bookings[id]
		late := b != nil && (b.Status == bookingapi.Expired || b.Status == bookingapi.Pending && b.ExpiresAt <= s.now)
		swap := b != nil && slices.Contains(r.swaps, id)
		if late || swap && r.choosing { // a swap may choose its own seats again
			r.seats = append(r.seats, b.Seats...)
		}
		if late && r.known[id] != nil { // its owner may have changed without a ledger entry
			return errRemembered
		}
		if late || swap {
			r.buyers = append(r.buyers, s.holder(b))
		}
		if b != nil && (late || b.standing == waiting) && slices.Contains(r.pays, id) {
			r.buyers = append(r.buyers, s.payer(b))
		}
	}
	if err := r.readBuyers(ctx); err != nil {
		return err
	}
	return r.readClaims(ctx)
}

// mayChoose prepares the choice of other seats for payments that came too late, if
// there are such payments.
func (r *reading) mayChoose(ctx context.Context) error {
	if r.choosing || !slices.ContainsFunc(r.others, func(id string) bool {
		b := r.state.bookings[id]
		return b != nil && (b.Status == bookingapi.Expired || b.Status == bookingapi.Pending && b.ExpiresAt <= r.state.now)
	}) {
		return nil
	}
	r.choosing = true
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	return r.candidates()
}

// maxMissed is how many entries of other nodes a batch reads to bring a seat view up
// to date; a view that is further behind is left to the ledger's follower.
const maxMissed = 2_000

// catchUp brings the seat view to the head's version. As the head is locked, the view
// is then exact.
func (r *reading) catchUp(ctx context.Context) error {
	s := r.state
	v := r.w.views.peek(s.eventID)
	if v == nil {
		return nil
	}
	at := v.version()
	v.behind.Store(at < s.seq)
	if at < s.seq {
		if s.seq-at > maxMissed && !r.choosing {
			return nil
		}
		entries, err := r.tx.entries(ctx, s.eventID, at)
		if err != nil {
			return err
		}
		r.w.views.learn(v, entries)
	}
	v.checked.Store(time.Now().UnixMicro())
	return nil
}

// candidates copies which seats are taken from the exact view.
func (r *reading) candidates() error {
	s := r.state
	v := r.w.views.peek(s.eventID)
	if v == nil {
		return errNoView
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seq != s.seq {
		return errNoView // a change of the sale made it stale; it is filled anew
	}
	s.taken = slices.Clone(v.taken)
	expired := v.expired(s.now, maxExpired)
	s.freeable = len(expired)
	r.seats = append(r.seats, expired...)
	return nil
}

func (r *reading) bookings(ctx context.Context, ids []string) error {
	s := r.state
	var records []*record
	ids = slices.DeleteFunc(unique(ids), func(id string) bool {
		if b := r.known[id]; b != nil && s.bookings[id] == nil {
			copied := *b
			records = append(records, &copied)
			return true
		}
		return s.bookings[id] != nil
	})
	if len(ids) > 0 {
		read, err := r.tx.bookings(ctx, ids)
		if err != nil {
			return err
		}
		records = append(records, read...)
	}
	for _, b := range records {
		b.OrganizerID = s.sale.OrganizerID
		s.bookings[b.ID] = b
		if k := bookingKey(&b.Booking); r.partial && s.prices[k] == nil {
			p, ok := r.w.peek(r.learned, k)
			if !ok {
				return missing{k}
			}
			s.prices[k] = p
		}
	}
	return nil
}

// readBuyers reads the customers' bookings, among which are those that a repeated
// request for a hold made before.
func (r *reading) readBuyers(ctx context.Context) error {
	s := r.state
	for _, p := range distinct(r.buyers) {
		list, err := r.tx.buyer(ctx, p, s.eventID)
		if err != nil {
			return err
		}
		s.buyers[p.user] = &buyer{}
		for _, a := range p.addresses() {
			s.emails[a] = &buyer{}
		}
		for _, h := range list {
			to := s.buyers[p.user]
			if h.byEmail {
				to = s.emails[h.address]
			}
			to.bookings = append(to.bookings, h.held)
		}
	}
	var again []string
	for _, c := range r.fresh {
		for _, h := range s.buyers[c.caller.UserID].bookings {
			if h.id == c.bookingID {
				again = append(again, h.id)
			}
		}
	}
	return r.bookings(ctx, again)
}

// readClaims reads which bookings have the touched seats, and the bookings whose
// expired holds may have to be ended.
func (r *reading) readClaims(ctx context.Context) error {
	s := r.state
	seats := r.notFree(unique(r.seats))
	if len(seats) == 0 {
		return nil
	}
	claims, err := r.tx.claims(ctx, s.eventID, seats)
	if err != nil {
		return err
	}
	var owners []string
	for _, seat := range seats {
		c := claims[seat]
		s.claims.read(seat, c)
		if s.expired(c) {
			owners = append(owners, c.booking)
		}
	}
	if err := r.bookings(ctx, owners); err != nil {
		return err
	}
	for _, id := range owners {
		if s.bookings[id] == nil {
			return fmt.Errorf("claims of event %s name booking %s, which does not exist", s.eventID, id)
		}
	}
	return nil
}
