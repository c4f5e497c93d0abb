// Package audit replays the ledgers of events and compares the outcome with the tables:
// sales, claims, bookings, the expiry index and price lists, and through Beside.Money
// the payments. It shares no code with the decisions and the stores, so that it finds
// their faults.
package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Verified counts what a verification has checked.
type Verified struct {
	Events   int
	Entries  int64
	Bookings int64
	Claims   int64
	Payments int64
	Begun    []paymentapi.Begun // those over money
}

// Beside is what else a verification compares with the ledgers; its fields may be nil.
type Beside struct {
	Plans tables.Plans // the price lists that amounts and fees must come from
	Money Money        // the payments of bookings
}

// Money compares payments and refunds with the ledgers. Its errors are a
// bookingapi.Difference when they disagree.
type Money interface {
	// Audit compares the payments and refunds of an event with the bills of its sold
	// bookings, by booking id, in the snapshot from which the bills were read. It returns
	// the number of payments.
	Audit(ctx context.Context, tx *sql.Tx, eventID string, bills map[string]*bookingapi.Bill) (payments int64, err error)
	// Misplaced finds payments whose id does not begin with the id of their event.
	Misplaced(ctx context.Context, q sqldb.Querier) error
	// Events lists the events that have payments.
	Events(ctx context.Context, q sqldb.Querier) ([]string, error)
	// AuditUnsold returns what is wrong with the payments of an event that has no sale.
	AuditUnsold(ctx context.Context, q sqldb.Querier, eventID string) error
}

// Verify replays the ledger of one event ("": of all) and compares the outcome
// with the tables, all in one snapshot of the database. It shares no code with
// the decisions. The error is a Difference when they disagree.
func Verify(ctx context.Context, db *sqldb.DB, eventID string) (Verified, error) {
	return VerifyWith(ctx, db, eventID, Beside{})
}

// VerifyWith is like Verify, and also compares with beside.
func VerifyWith(ctx context.Context, db *sqldb.DB, eventID string, beside Beside) (Verified, error) {
	v := newVerification(ctx, beside)
	err := v.all(db, eventID)
	if err == nil && eventID == "" && beside.Money != nil {
		err = v.unsold(db)
	}
	if err != nil {
		var diff bookingapi.Difference
		if errors.As(err, &diff) {
			return v.sum, err
		}
		return v.sum, fmt.Errorf("verify: %w", err)
	}
	return v.sum, nil
}

// HasSale reports whether an event has a sale.
func HasSale(ctx context.Context, db *sqldb.DB, eventID string) (has bool, err error) {
	err = db.Reader().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sales WHERE event_id = $1)`, eventID).Scan(&has)
	return has, err
}

// VerifyTx verifies one event as a transaction sees it.
func VerifyTx(ctx context.Context, tx *sql.Tx, eventID string, beside Beside) error {
	v := newVerification(ctx, beside)
	v.tx = tx
	return v.events(eventID, []string{eventID})
}

// verification is one call of Verify.
type verification struct {
	Beside
	ctx      context.Context
	tx       *sql.Tx
	text     func(string) string // the database's dialect; nil: as it stands
	sum      Verified
	since    int64               // µs since 1970: entries from before may miss released_at and given_back
	known    map[string]bool     // events that were verified
	expiries map[string][]expiry // by event
	lists    map[listKey]*priceList
}

func newVerification(ctx context.Context, beside Beside) *verification {
	return &verification{Beside: beside, ctx: ctx, known: map[string]bool{}, lists: map[listKey]*priceList{}}
}

func (v *verification) all(db *sqldb.DB, eventID string) (err error) {
	v.text = db.Text
	if eventID == "" && v.Money != nil {
		if err := v.Money.Misplaced(v.ctx, db.Reader()); err != nil {
			return err
		}
	}
	if v.since, err = givenBackSince(v.ctx, db); err != nil {
		return err
	}
	if v.tx, err = db.Snapshot(v.ctx); err != nil {
		return err
	}
	defer func() { _ = v.tx.Rollback() }() // nothing was written
	ids, err := sqldb.Texts(v.ctx, v.tx, `SELECT event_id FROM sales UNION SELECT event_id FROM ledger
		UNION SELECT event_id FROM claims UNION SELECT event_id FROM bookings ORDER BY 1`)
	if err != nil {
		return err
	}
	if eventID != "" {
		if !slices.Contains(ids, eventID) {
			return fmt.Errorf("there is no event %q", eventID)
		}
		ids = []string{eventID}
	}
	if err := v.events(eventID, ids); err != nil || eventID != "" {
		return err
	}
	var n int64
	if err := v.tx.QueryRowContext(v.ctx, `SELECT count(*) FROM bookings`).Scan(&n); err != nil {
		return err
	}
	if n != v.sum.Bookings {
		return bookingapi.Difference{EventID: "", Text: fmt.Sprintf("bookings has %d rows, of which %d have ids of no event", n, n-v.sum.Bookings)}
	}
	return nil
}

// unsold verifies the payments of events that the snapshot does not have, and that have
// no sale now either. It skips events that were made after the snapshot.
func (v *verification) unsold(db *sqldb.DB) error {
	paid, err := v.Money.Events(v.ctx, db.Reader())
	for _, id := range paid {
		if v.known[id] {
			continue
		}
		switch has, err := HasSale(v.ctx, db, id); {
		case err != nil:
			return err
		case !has:
			return v.Money.AuditUnsold(v.ctx, db.Reader(), id)
		}
	}
	return err
}

// events verifies some events: the one with this id, or all.
func (v *verification) events(eventID string, ids []string) error {
	if err := v.readExpiries(eventID); err != nil {
		return err
	}
	for _, id := range ids {
		if err := v.event(id); err != nil {
			return err
		}
		v.known[id] = true
		v.sum.Events++
	}
	return nil
}

// replay is what the tables should contain according to the ledger.
type replay struct {
	eventID  string
	seq      int64
	hash     [32]byte
	at       int64
	sale     string
	sold     *bookingapi.Sale // as of the current entry; never changed
	seats    int32
	is       bookingapi.Sale // as of the current entry
	claims   map[int32]claim
	bookings map[string]*told
	since    int64 // see verification
	scratch  []byte
}

// told is a booking according to the ledger.
type told struct {
	tables.Row
	prices []int64          // versions that its seats may have been held at
	ends   []int64          // entries that say until when it is held, as long as it is
	gone   []int32          // seats that were cancelled while others stayed
	less   []int32          // seats that may have been given back or swapped away
	forgot bool             // released by an earlier version of this program, which did not store when
	bill   *bookingapi.Bill // nil: it was never sold
	unpaid bool             // nothing went back for its last seats: perhaps nothing was paid
	partly bool             // some sold seats were given back, so the amount follows from the prices
	backs  []back           // its sold seats that were given back, in order
}

// back is an entry that gives sold seats back, under the terms of the sale at the time.
type back struct {
	seq, at, amount int64
	seats           []int32
	sale            *bookingapi.Sale
}

func (v *verification) event(eventID string) error {
	r := &replay{eventID: eventID, since: v.since, claims: map[int32]claim{}, bookings: map[string]*told{}}
	rows, err := v.tx.QueryContext(v.ctx, `SELECT `+tables.EntryColumns+` FROM ledger WHERE event_id = $1 ORDER BY seq`, eventID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := tables.ScanEntry(rows)
		if err != nil {
			return bookingapi.Difference{EventID: eventID, Text: err.Error()}
		}
		if err := r.step(&e); err != nil {
			return err
		}
		v.sum.Entries++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := r.compareSale(v.ctx, v.tx); err != nil {
		return err
	}
	if err := r.compareClaims(v); err != nil {
		return err
	}
	if err := r.compareBookings(v); err != nil {
		return err
	}
	if v.Money == nil {
		return nil
	}
	bills := map[string]*bookingapi.Bill{}
	for id, b := range r.bookings {
		if b.bill != nil && b.PriceVersion != bookingapi.FreeOfCharge {
			b.bill.Status, b.bill.PaymentID = b.Status, b.PaymentID
			bills[id] = b.bill
		}
	}
	n, err := v.Money.Audit(v.ctx, v.tx, eventID, bills)
	v.sum.Payments += n
	return err
}

func (r *replay) differ(format string, args ...any) error {
	return bookingapi.Difference{EventID: r.eventID, Text: fmt.Sprintf(format, args...)}
}

// step checks one entry against the state before it, and applies it.
func (r *replay) step(e *ledger.Entry) error {
	at := func(format string, args ...any) error {
		return r.differ("ledger entry %d (%s): %s", e.Seq, e.Kind, fmt.Sprintf(format, args...))
	}
	if e.Seq != r.seq+1 {
		return r.differ("ledger entry %d follows entry %d: entries are missing", e.Seq, r.seq)
	}
	if e.At < r.at {
		return at("its time %d is before that of the entry before it, %d", e.At, r.at)
	}
	want, scratch := e.Chain(r.hash, r.scratch)
	r.scratch = scratch
	if e.Hash != want {
		return at("its hash is %x, but the chain says %x", e.Hash[:4], want[:4])
	}
	r.seq, r.at, r.hash = e.Seq, e.At, e.Hash
	if e.Kind == ledger.Sale {
		var s bookingapi.Sale
		if err := codec.ReadKnown([]byte(e.Sale), &s); err != nil {
			return at("its sale state is unreadable: %v", err)
		}
		if (s.PlanID != r.is.PlanID || s.PlanVersion != r.is.PlanVersion) && len(r.claims) > 0 {
			return at("the seating plan changes while %d seats are taken", len(r.claims))
		}
		r.sale, r.seats, r.is, r.sold = e.Sale, s.Seats, s, &s
		return nil
	}
	for _, seat := range e.Seats {
		if seat >= r.seats {
			return at("seat %d is not in the plan of %d seats", seat, r.seats)
		}
	}
	return r.stepBooking(e, at)
}

// statusBefore lists the statuses a booking may have before an entry of each kind; "":
// it does not exist.
var statusBefore = map[ledger.Kind][]bookingapi.Status{
	ledger.Held:      {""},
	ledger.Swapped:   {bookingapi.Pending, bookingapi.Booked},
	ledger.Extended:  {bookingapi.Pending},
	ledger.Booked:    {bookingapi.Pending, bookingapi.Expired},
	ledger.Expired:   {bookingapi.Pending},
	ledger.Released:  {bookingapi.Pending, bookingapi.Expired},
	ledger.Cancelled: {bookingapi.Booked},
}

func (r *replay) stepBooking(e *ledger.Entry, at func(string, ...any) error) error {
	b := r.bookings[e.BookingID]
	if e.Kind == ledger.Held {
		if b != nil {
			return at("booking %s was held before", e.BookingID)
		}
		b = &told{Row: tables.Row{Booking: bookingapi.Booking{ID: e.BookingID, CreatedAt: e.At, PlanID: r.is.PlanID, PlanVersion: r.is.PlanVersion}}}
		r.bookings[e.BookingID] = b
	}
	if b == nil {
		return at("booking %s was never held", e.BookingID)
	}
	from := b.Status
	b.Seq = e.Seq
	goodwill := e.Kind == ledger.Cancelled && len(e.Seats) == 0 // money goes back, the seats stay
	if !slices.Contains(statusBefore[e.Kind], from) && !(goodwill && from == bookingapi.Cancelled && b.bill != nil) {
		return at("booking %s was %q", e.BookingID, from)
	}
	if len(e.Seats) > 0 && from != bookingapi.Expired || e.Kind == ledger.Booked {
		if b.PlanID != r.is.PlanID || b.PlanVersion != r.is.PlanVersion {
			return at("booking %s is of plan %s version %d, but the event's is %s version %d", b.ID, b.PlanID, b.PlanVersion, r.is.PlanID, r.is.PlanVersion)
		}
	}
	switch e.Kind {
	case ledger.Held, ledger.Swapped:
		if from == bookingapi.Booked {
			return r.reseat(b, e, at)
		}
		b.prices = append(b.prices, r.is.PriceVersion)
		b.ends = append(b.ends, e.Seq) // a swap keeps the end
		b.swap(e.Seats)
		if err := r.leave(b, b.Seats, at); err != nil {
			return err
		}
		b.Status, b.Seats, b.Amount, b.Currency, b.ExpiresAt = bookingapi.Pending, e.Seats, e.Amount, e.Currency, e.Until
		return r.enter(b, e.Until, at)
	case ledger.Extended:
		b.ExpiresAt, b.Extended, b.ends = e.Until, true, []int64{e.Seq}
		return r.enter(b, e.Until, at)
	case ledger.Booked:
		others := !slices.Equal(e.Seats, b.Seats) && from == bookingapi.Expired && len(e.Seats) == len(b.Seats) // a late payer allowed them
		if !slices.Equal(e.Seats, b.Seats) && !others || e.Amount != b.Amount || e.Currency != b.Currency {
			return at("booking %s is sold other seats, or at another price, than it held", b.ID)
		}
		if others {
			b.swap(e.Seats)
			b.Late, b.Held, b.Seats = bookingapi.OtherSeats, b.Seats, e.Seats
		}
		b.Status, b.ExpiresAt, b.Left, b.ends = bookingapi.Booked, 0, e.Amount, nil
		b.bill = &bookingapi.Bill{Amount: e.Amount, Currency: e.Currency}
		return r.enter(b, 0, at)
	case ledger.Expired:
		if e.At < b.ExpiresAt {
			return at("the hold of booking %s ended early", b.ID)
		}
		b.Status, b.ends = bookingapi.Expired, nil
		return r.leave(b, e.Seats, at)
	default:
		return r.giveBack(b, e, at)
	}
}

// enter claims a booking's seats: no other booking may have them.
func (r *replay) enter(b *told, until int64, at func(string, ...any) error) error {
	for _, seat := range b.Seats {
		if c := r.claims[seat]; c.booking != "" && c.booking != b.ID {
			return at("seat %d goes to booking %s, but booking %s has it", seat, b.ID, c.booking)
		}
		r.claims[seat] = claim{b.ID, until}
	}
	return nil
}

// reseat moves a sold booking to other seats. It keeps its number of seats, its money and
// its prices.
func (r *replay) reseat(b *told, e *ledger.Entry, at func(string, ...any) error) error {
	if len(e.Seats) != len(b.Seats) || e.Until != 0 || e.Currency != b.Currency || e.Amount != b.Amount && !b.partly {
		return at("booking %s is sold, and moves to another number of seats, or at another price", b.ID)
	}
	if err := r.leave(b, b.Seats, at); err != nil {
		return err
	}
	b.Seats, b.less, b.gone = e.Seats, without(b.less, e.Seats), without(b.gone, e.Seats)
	return r.enter(b, 0, at)
}

// leave frees seats, which the booking must have.
func (r *replay) leave(b *told, seats []int32, at func(string, ...any) error) error {
	for _, seat := range seats {
		if r.claims[seat].booking != b.ID {
			return at("seat %d is freed by booking %s, which does not have it", seat, b.ID)
		}
		delete(r.claims, seat)
	}
	return nil
}

func (r *replay) giveBack(b *told, e *ledger.Entry, at func(string, ...any) error) error {
	if err := r.leave(b, e.Seats, at); err != nil {
		return err
	}
	b.ends = nil
	if e.Amount > b.Left {
		return at("%d goes back for booking %s, of which %d is left", e.Amount, b.ID, b.Left)
	}
	b.Left -= e.Amount
	if b.bill != nil && e.Amount > 0 {
		b.bill.Back = append(b.bill.Back, bookingapi.Back{Seq: e.Seq, Amount: e.Amount})
	}
	if e.Kind == ledger.Cancelled {
		b.backs = append(b.backs, back{e.Seq, e.At, e.Amount, e.Seats, r.sold})
		if len(e.Seats) == 0 {
			return nil
		}
	}
	if b.Status == bookingapi.Expired && len(e.Seats) == 0 { // cancelled so that it can no longer be paid
		b.forgot = e.At < r.since
		b.Status, b.ReleasedAt, b.ExpiresAt = bookingapi.Cancelled, b.ExpiresAt, 0
		return nil
	}
	if len(e.Seats) == len(b.Seats) {
		if b.Status == bookingapi.Pending {
			b.ReleasedAt, b.forgot = e.At, e.At < r.since
		}
		b.Status, b.ExpiresAt = bookingapi.Cancelled, 0
		b.unpaid = e.Kind == ledger.Cancelled && e.Amount == 0
		return nil
	}
	if e.Kind == ledger.Released {
		return at("booking %s gives up only some of its seats", b.ID)
	}
	b.Seats = slices.DeleteFunc(slices.Clone(b.Seats), func(s int32) bool { return slices.Contains(e.Seats, s) })
	b.partly = true
	if e.At < r.since {
		b.less = append(b.less, e.Seats...)
	} else {
		b.gone = append(b.gone, e.Seats...)
	}
	return nil
}

// swap notes the seats that a hold gives up for others. An entry with fewer seats may be
// a swap or a partial release: the ledger does not say, and it makes no difference.
func (b *told) swap(seats []int32) {
	b.less = without(b.less, seats)
	if len(seats) < len(b.Seats) && len(without(seats, b.Seats)) == 0 {
		b.less = append(b.less, without(b.Seats, seats)...)
	}
}
