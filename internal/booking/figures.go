package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
)

// tally is what was counted of one event. Counting reads all bookings of the
// event, so it is done again only when the ledger has grown, and then at most a
// tenth of the time.
type tally struct {
	mu      sync.Mutex
	figures *bookingapi.Figures
	rests   time.Time // figures are not counted anew before this

	paceSeq int64 // the ledger was read up to here for pace
	pace    map[int64]int64
}

func newTallies() *otter.Cache[string, *tally] {
	return otter.Must(&otter.Options[string, *tally]{MaximumSize: 1000})
}

func (s *Service) tally(eventID string) *tally {
	t, _ := s.tallies.SetIfAbsent(eventID, &tally{pace: map[int64]int64{}})
	return t
}

// Figures is what an event has sold. It may be late by ten times as long as it
// takes to count: 40,000 bookings are a second or two late while they are sold,
// and exact when it is quiet.
func (s *Service) Figures(ctx context.Context, eventID string) (bookingapi.Figures, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return bookingapi.Figures{}, err
	}
	seq := v.counts().Seq
	t := s.tally(eventID)
	t.mu.Lock()
	defer t.mu.Unlock()
	began := s.now()
	if t.figures != nil && (t.figures.Seq >= seq || began.Before(t.rests)) {
		return *t.figures, nil
	}
	f, err := s.count(ctx, eventID)
	if err != nil {
		return bookingapi.Figures{}, err
	}
	f.Seq = seq
	done := s.now()
	t.figures, t.rests = f, done.Add(10*done.Sub(began))
	return *f, nil
}

// Both by bookings_by_event.
const sqlFigures = `SELECT seats, plan_id, plan_version, price_version, amount, fees, payment_id FROM bookings
	WHERE event_id = $1 COLLATE "C" AND status = 'booked'`

const sqlPricesOf = `SELECT DISTINCT plan_id, plan_version, price_version FROM bookings
	WHERE event_id = $1 COLLATE "C" AND status = 'booked'`

// pricesOf are the price lists by which an event's bookings were sold.
func (s *Service) pricesOf(ctx context.Context, eventID string) (map[priceKey]*priced, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlPricesOf), eventID)
	if err != nil {
		return nil, fmt.Errorf("list prices of bookings: %w", err)
	}
	defer rows.Close()
	var keys []priceKey
	for rows.Next() {
		k := priceKey{eventID: eventID}
		if err := rows.Scan(&k.planID, &k.planVersion, &k.priceVersion); err != nil {
			return nil, fmt.Errorf("list prices of bookings: %w", err)
		}
		keys = append(keys, k)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("list prices of bookings: %w", err)
	}
	list := map[priceKey]*priced{}
	for _, k := range keys { // no rows are open: a price list is read with another connection
		p, err := s.catalog.load(ctx, k)
		if err != nil {
			return nil, err
		}
		list[k] = p
	}
	return list, nil
}

func (s *Service) count(ctx context.Context, eventID string) (*bookingapi.Figures, error) {
	prices, err := s.pricesOf(ctx, eventID)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlFigures), eventID)
	if err != nil {
		return nil, fmt.Errorf("count bookings: %w", err)
	}
	defer rows.Close()
	f := &bookingapi.Figures{}
	tiers := map[string]*bookingapi.TierFigure{}
	var newer []bookingapi.Booking
	for rows.Next() {
		var b bookingapi.Booking
		var seats string
		var payment sql.NullString
		if err := rows.Scan(&seats, &b.PlanID, &b.PlanVersion, &b.PriceVersion, &b.Amount, &b.Fees, &payment); err != nil {
			return nil, fmt.Errorf("count bookings: %w", err)
		}
		b.EventID, b.PaymentID = eventID, payment.String
		b.Seats, _ = ledger.ParseSeats(seats)
		if p := prices[bookingKey(&b)]; p != nil {
			add(f, tiers, &b, p)
		} else {
			newer = append(newer, b) // than the list of prices
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("count bookings: %w", err)
	}
	for i := range newer {
		p, err := s.catalog.load(ctx, bookingKey(&newer[i]))
		if err != nil {
			return nil, err
		}
		add(f, tiers, &newer[i], p)
	}
	for _, t := range tiers {
		f.Tiers = append(f.Tiers, *t)
	}
	slices.SortFunc(f.Tiers, func(a, b bookingapi.TierFigure) int { return strings.Compare(a.Name, b.Name) })
	return f, nil
}

// add counts one booking.
func add(f *bookingapi.Figures, tiers map[string]*bookingapi.TierFigure, b *bookingapi.Booking, p *priced) {
	n := int64(len(b.Seats))
	if b.PriceVersion == bookingapi.FreeOfCharge {
		if b.PaymentID == bookingapi.Block {
			f.Blocked += n
		} else {
			f.Complimentary += n
		}
		return
	}
	f.Bookings++
	f.Seats += n
	f.Amount += b.Amount
	f.Fees += b.Fees
	for _, seat := range b.Seats {
		tier := p.of(seat)
		t := tiers[tier.Name]
		if t == nil {
			t = &bookingapi.TierFigure{Name: tier.Name}
			tiers[tier.Name] = t
		}
		t.Seats++
		t.Amount += tier.Price
	}
}

// SectionFigures are the seats of each section by state, in the order of the plan.
func (s *Service) SectionFigures(ctx context.Context, eventID string) ([]bookingapi.SectionFigure, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	sections := v.priced.plan.Sections
	out := make([]bookingapi.SectionFigure, len(sections))
	for i := range sections {
		out[i].Section = i
		for _, state := range v.status[sections[i].First : sections[i].First+sections[i].Count] {
			switch state {
			case seatFree:
				out[i].Free++
			case seatHeld:
				out[i].Held++
			default:
				out[i].Sold++
			}
		}
	}
	return out, nil
}

// paceMinute is how long the steps of a Pace are, µs.
const paceMinute = 60_000_000

// What was read once is not read again: entries never change. What an organizer
// takes out of the sale costs nothing, and is left out where seats cost something
// ($4 is 0). By the ledger's primary key.
const sqlPace = `SELECT at / 60000000, count(*) FROM ledger
	WHERE event_id = $1 AND seq > $2 AND seq <= $3 AND kind = 'booked' AND (amount > 0 OR $4 = 1) GROUP BY 1`

// Pace is how fast an event sells, from its ledger, oldest minute first.
func (s *Service) Pace(ctx context.Context, eventID string) (bookingapi.Pace, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	seq := v.counts().Seq
	t := s.tally(eventID)
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq > t.paceSeq {
		if err := s.readPace(ctx, t, v, seq); err != nil {
			return nil, err
		}
	}
	out := make(bookingapi.Pace, 0, len(t.pace))
	for m, n := range t.pace {
		out = append(out, bookingapi.PaceMinute{At: time.UnixMicro(m * paceMinute).UTC(), Bookings: n})
	}
	slices.SortFunc(out, func(a, b bookingapi.PaceMinute) int { return a.At.Compare(b.At) })
	return out, nil
}

// readPace reads the ledger on, up to a version.
func (s *Service) readPace(ctx context.Context, t *tally, v *view, seq int64) error {
	gratis := 0
	if v.gratis() {
		gratis = 1
	}
	rows, err := s.db.Reader().QueryContext(ctx, sqlPace, v.eventID, t.paceSeq, seq, gratis)
	if err != nil {
		return fmt.Errorf("read pace: %w", err)
	}
	defer rows.Close()
	more := map[int64]int64{}
	for rows.Next() {
		var m, n int64
		if err := rows.Scan(&m, &n); err != nil {
			return fmt.Errorf("read pace: %w", err)
		}
		more[m] = n
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read pace: %w", err)
	}
	for m, n := range more {
		t.pace[m] += n
	}
	t.paceSeq = seq
	return nil
}

// gratis reports whether all seats of an event are for nothing.
func (v *view) gratis() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for i := range v.priced.Tiers {
		if v.priced.Tiers[i].Price > 0 {
			return false
		}
	}
	return true
}

// By the ledger's primary key, backwards.
const sqlLatest = `SELECT booking_id FROM ledger WHERE event_id = $1 AND kind IN ('booked', 'cancelled') ORDER BY seq DESC LIMIT $2`

// Latest are the bookings of an event that were paid or cancelled last, newest
// change first.
func (s *Service) Latest(ctx context.Context, eventID string, limit int) ([]bookingapi.Booking, error) {
	ids, err := s.ids(ctx, sqlLatest, eventID, 2*limit) // some are there twice
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []bookingapi.Booking
	for _, bookingID := range ids {
		if seen[bookingID] || len(out) == limit {
			continue
		}
		seen[bookingID] = true
		b, err := s.Booking(ctx, bookingID)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// By bookings_by_event.
const sqlIDs = `SELECT id FROM bookings WHERE event_id = $1 COLLATE "C"`

// ByReference are an event's bookings with a reference, which is a hash of the
// id: all ids of the event are looked through, in an index alone.
func (s *Service) ByReference(ctx context.Context, eventID, reference string) ([]bookingapi.Booking, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlIDs), eventID)
	if err != nil {
		return nil, fmt.Errorf("find booking: %w", err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var bookingID string
		if err := rows.Scan(&bookingID); err != nil {
			return nil, fmt.Errorf("find booking: %w", err)
		}
		if id.Reference(bookingID) == reference {
			found = append(found, bookingID)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find booking: %w", err)
	}
	var out []bookingapi.Booking
	for _, bookingID := range found {
		b, err := s.Booking(ctx, bookingID)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
