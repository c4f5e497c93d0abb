// Package audit replays the ledgers of events and compares the outcome with the tables:
// sales, claims and bookings, the expiry index, the price lists, and through Beside.Bills
// the money. It shares no code with the decisions and the stores: a fault there shows
// here.
package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// Verified says what a verification has seen.
type Verified struct {
	Events   int
	Entries  int64
	Bookings int64
	Claims   int64
}

// Beside is what else a verification compares with; the zero value is nothing.
type Beside struct {
	// Plans are the price lists that amounts and fees must come from.
	Plans Plans
	// Bills is given what the ledger says about the money of an event's bookings that
	// were sold, by booking id, and the snapshot that it was read from.
	Bills func(ctx context.Context, tx *sql.Tx, eventID string, bills map[string]*bookingapi.Bill) error
}

// Verify replays the ledger of one event ("": of all) and compares the outcome
// with the tables, all in one snapshot of the database. It shares no code with
// the decisions. The error is a Difference when they disagree.
func Verify(ctx context.Context, db *sqldb.DB, eventID string) (Verified, error) {
	return VerifyWith(ctx, db, eventID, Beside{})
}

// VerifyWith is Verify that compares with something else too.
func VerifyWith(ctx context.Context, db *sqldb.DB, eventID string, beside Beside) (Verified, error) {
	v := newVerification(ctx, beside)
	if err := v.all(db, eventID); err != nil {
		var diff bookingapi.Difference
		if errors.As(err, &diff) {
			return v.sum, err
		}
		return v.sum, fmt.Errorf("verify: %w", err)
	}
	return v.sum, nil
}

// HasSale reports whether there is a sale of an event.
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
	sum      Verified
	since    int64               // µs since 1970: entries from before may miss released_at and given_back
	expiries map[string][]expiry // by event
	lists    map[listKey]*priceList
}

func newVerification(ctx context.Context, beside Beside) *verification {
	return &verification{Beside: beside, ctx: ctx, lists: map[listKey]*priceList{}}
}

func (v *verification) all(db *sqldb.DB, eventID string) (err error) {
	if v.since, err = givenBackSince(v.ctx, db); err != nil {
		return err
	}
	if v.tx, err = db.Snapshot(v.ctx); err != nil {
		return err
	}
	defer func() { _ = v.tx.Rollback() }() // it was only read
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

// events verifies some events: the one with this id, or all.
func (v *verification) events(eventID string, ids []string) error {
	if err := v.readExpiries(eventID); err != nil {
		return err
	}
	for _, id := range ids {
		if err := v.event(id); err != nil {
			return err
		}
		v.sum.Events++
	}
	return nil
}

// replay is what the ledger says should be in the tables.
type replay struct {
	eventID  string
	seq      int64
	hash     [32]byte
	at       int64
	sale     string
	seats    int32
	is       bookingapi.Sale // as of the entry that is looked at
	claims   map[int32]claim
	bookings map[string]*told
	since    int64 // see verification
	scratch  []byte
}

// told is a booking as the ledger tells of it.
type told struct {
	row
	prices []int64          // versions that its seats may have been held at
	ends   []int64          // entries that say until when it is held, as long as it is
	gone   []int32          // seats that were cancelled while others stayed
	less   []int32          // seats that may have been given back, or swapped away
	forgot bool             // an earlier version of this program did not note when it was released
	bill   *bookingapi.Bill // nil: it was never sold
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
	if v.Bills == nil {
		return nil
	}
	bills := map[string]*bookingapi.Bill{}
	for id, b := range r.bookings {
		if b.bill != nil && b.PriceVersion != bookingapi.FreeOfCharge {
			b.bill.Status, b.bill.PaymentID = b.Status, b.PaymentID
			bills[id] = b.bill
		}
	}
	return v.Bills(v.ctx, v.tx, eventID, bills)
}

func (r *replay) differ(format string, args ...any) error {
	return bookingapi.Difference{EventID: r.eventID, Text: fmt.Sprintf(format, args...)}
}

// step checks one entry against what came before, and carries it out.
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
		if err := json.Unmarshal([]byte(e.Sale), &s); err != nil {
			return at("its sale state is unreadable: %v", err)
		}
		if (s.PlanID != r.is.PlanID || s.PlanVersion != r.is.PlanVersion) && len(r.claims) > 0 {
			return at("the seating plan changes while %d seats are taken", len(r.claims))
		}
		r.sale, r.seats, r.is = e.Sale, s.Seats, s
		return nil
	}
	for _, seat := range e.Seats {
		if seat >= r.seats {
			return at("seat %d is not in the plan of %d seats", seat, r.seats)
		}
	}
	return r.stepBooking(e, at)
}

// statusBefore is what a booking may be before an entry of each kind; "": not made.
var statusBefore = map[ledger.Kind][]bookingapi.Status{
	ledger.Held:      {""},
	ledger.Swapped:   {bookingapi.Pending},
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
		b = &told{row: row{Booking: bookingapi.Booking{ID: e.BookingID, CreatedAt: e.At, PlanID: r.is.PlanID, PlanVersion: r.is.PlanVersion}}}
		r.bookings[e.BookingID] = b
	}
	if b == nil {
		return at("booking %s was never held", e.BookingID)
	}
	from := b.Status
	b.Seq = e.Seq
	if !slices.Contains(statusBefore[e.Kind], from) {
		return at("booking %s was %q", e.BookingID, from)
	}
	if len(e.Seats) > 0 && from != bookingapi.Expired || e.Kind == ledger.Booked {
		if b.PlanID != r.is.PlanID || b.PlanVersion != r.is.PlanVersion {
			return at("booking %s is of plan %s version %d, but the event's is %s version %d", b.ID, b.PlanID, b.PlanVersion, r.is.PlanID, r.is.PlanVersion)
		}
	}
	switch e.Kind {
	case ledger.Held, ledger.Swapped:
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
		if !slices.Equal(e.Seats, b.Seats) || e.Amount != b.Amount || e.Currency != b.Currency {
			return at("booking %s is sold other seats, or at another price, than it held", b.ID)
		}
		b.Status, b.ExpiresAt, b.ends = bookingapi.Booked, 0, nil
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
	if b.bill != nil && e.Amount > 0 {
		b.bill.Back = append(b.bill.Back, bookingapi.Back{Seq: e.Seq, Amount: e.Amount})
	}
	if b.Status == bookingapi.Expired && len(e.Seats) == 0 { // so that it is not paid any more
		b.forgot = e.At < r.since
		b.Status, b.ReleasedAt, b.ExpiresAt = bookingapi.Cancelled, b.ExpiresAt, 0
		return nil
	}
	if len(e.Seats) == len(b.Seats) {
		if b.Status == bookingapi.Pending {
			b.ReleasedAt, b.forgot = e.At, e.At < r.since
		}
		b.Status, b.ExpiresAt = bookingapi.Cancelled, 0
		return nil
	}
	if e.Kind == ledger.Released {
		return at("booking %s gives up only some of its seats", b.ID)
	}
	b.Seats = slices.DeleteFunc(slices.Clone(b.Seats), func(s int32) bool { return slices.Contains(e.Seats, s) })
	b.Amount -= e.Amount
	if e.At < r.since {
		b.less = append(b.less, e.Seats...)
	} else {
		b.gone = append(b.gone, e.Seats...)
	}
	return nil
}

// swap notes what a hold gives up for other seats. Fewer of its seats are a swap too,
// or some were given back: the ledger does not tell which, and it makes no difference.
func (b *told) swap(seats []int32) {
	b.less = without(b.less, seats)
	if len(seats) < len(b.Seats) && len(without(seats, b.Seats)) == 0 {
		b.less = append(b.less, without(b.Seats, seats)...)
	}
}
