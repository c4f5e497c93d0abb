package rush

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gowebpki/jcs"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/payment"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Audit checks the six promises against database and ledger. Its replay shares no
// code with the booking service, and computes hashes with a library that only knows
// RFC 8785. The zero value with Acknowledged filled in is ready to use.
type Audit struct {
	Acknowledged map[string]string // bookings that were answered with success → their fans
	Cancelled    map[string]bool   // of these, those that were cancelled with success too
	Unclear      map[string]bool   // of these, those whose cancellation got no answer: it may have been made
	Strangers    int64             // answers that held another fan's data

	DoubleSold     int
	LostBookings   int
	OrphanPayments int
	ChainOK        bool

	// Pause waits before money under way is checked again; nil: a tenth of a second.
	Pause func(context.Context) error

	faults [6]string // first violation of each promise
	seen   map[string]bool
	made   map[string]bool // of the unclear cancellations, those that were made
}

var promises = [6]string{
	"no seat ever had two live claims",
	"every acknowledged booking exists and is paid",
	"every captured payment has its booking, or was refunded",
	"free + held + sold = plan",
	"the hash chain holds, and the ledger replays to the tables",
	"no fan got another fan's data",
}

// Finding is one promise and its first violation; "" if it was kept.
type Finding struct{ Promise, Fault string }

// Findings returns the six promises and their violations.
func (a *Audit) Findings() []Finding {
	out := make([]Finding, len(promises))
	for i, p := range promises {
		out[i] = Finding{p, a.faults[i]}
	}
	return out
}

// Verdict returns "ok" or the first violation.
func (a *Audit) Verdict() string {
	for _, f := range a.faults {
		if f != "" {
			return f
		}
	}
	return "ok"
}

func (a *Audit) broken(promise int, format string, args ...any) {
	if a.faults[promise-1] == "" {
		a.faults[promise-1] = fmt.Sprintf(format, args...)
	}
}

// finish checks what concerns all events together.
func (a *Audit) finish() {
	for id := range a.Acknowledged {
		if !a.seen[id] {
			a.LostBookings++
			a.broken(2, "acknowledged booking %s does not exist", id)
		}
	}
	if a.Strangers > 0 {
		a.broken(6, "%d answers held another fan's data", a.Strangers)
	}
	a.ChainOK = a.faults[4] == ""
}

// Check audits events and finishes.
func (a *Audit) Check(ctx context.Context, db *sqldb.DB, events []string) error {
	for _, id := range events {
		if err := a.Event(ctx, db, id); err != nil {
			return err
		}
	}
	a.finish()
	return nil
}

// ledgerRow is a row of the ledger as an independent program would read it.
type ledgerRow struct {
	seq, at        int64
	kind           string
	booking        sql.NullString
	seats          sql.NullString
	until, amount  sql.NullInt64
	currency, sale sql.NullString
	hash           []byte
	ordinals       []int32
	event          string
}

// auditBooking is a booking according to the ledger, and according to its row.
type auditBooking struct {
	status string
	seats  []int32
	amount int64
}

// Event audits one event as soon as none of its money is under way. Errors mean that
// reading failed, or that money stays under way; violations are recorded in the
// audit.
func (a *Audit) Event(ctx context.Context, db *sqldb.DB, eventID string) error {
	if err := a.settled(ctx, db, eventID); err != nil {
		return err
	}
	var diff bookingapi.Difference
	if _, err := audit.Verify(ctx, db, eventID); errors.As(err, &diff) {
		a.broken(5, "%v", diff)
	} else if err != nil {
		return err
	}
	return nil
}

// settled audits the first database snapshot in which no money of the event is under
// way. Servers may run during the audit: recovery finishes payments, and refunds
// follow cancellations. If bookings and payments were read at different moments, or
// between the two steps of a purchase, a correct payment could look like an orphan.
func (a *Audit) settled(ctx context.Context, db *sqldb.DB, eventID string) error {
	for range settleTries {
		tx, err := db.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		open, err := underWay(ctx, tx, eventID)
		if err == nil && open == 0 {
			err = a.In(ctx, tx, eventID)
		}
		_ = tx.Rollback() // it was only read
		if err != nil || open == 0 {
			return err
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
	return errUnsettled
}

// In audits one event in a snapshot of the database, except the hashes, which
// booking.Verify checks.
func (a *Audit) In(ctx context.Context, tx sqldb.Querier, eventID string) error {
	if a.seen == nil {
		a.seen, a.made = map[string]bool{}, map[string]bool{}
	}
	live, bookings, err := a.replay(ctx, tx, eventID)
	if err != nil {
		return err
	}
	if err := a.tables(ctx, tx, eventID, live); err != nil {
		return err
	}
	paid, err := a.payments(ctx, tx, eventID, bookings)
	if err != nil {
		return err
	}
	if err := a.acknowledged(ctx, tx, eventID, paid); err != nil {
		return err
	}
	wrong, err := payment.Journal(ctx, tx, eventID)
	if wrong != "" {
		a.broken(3, "event %s: %s", eventID, wrong)
	}
	return err
}

// replay replays the ledger to find the owner of each seat, and checks the hash
// chain.
func (a *Audit) replay(ctx context.Context, tx sqldb.Querier, eventID string) (live map[int32]string, bookings map[string]*auditBooking, err error) {
	live, bookings = map[int32]string{}, map[string]*auditBooking{}
	rows, err := tx.QueryContext(ctx, `SELECT seq, at, kind, booking_id, seats, until, amount, currency, sale, hash
		FROM ledger WHERE event_id = $1 ORDER BY seq`, eventID)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	defer rows.Close()
	previous := make([]byte, sha256.Size)
	var seq int64
	for rows.Next() {
		r := ledgerRow{event: eventID}
		if err := rows.Scan(&r.seq, &r.at, &r.kind, &r.booking, &r.seats, &r.until, &r.amount, &r.currency, &r.sale, &r.hash); err != nil {
			return nil, nil, fmt.Errorf("audit: %w", err)
		}
		if r.seq != seq+1 {
			a.broken(5, "event %s: ledger entry %d follows %d", eventID, r.seq, seq)
		}
		seq = r.seq
		if r.seats.Valid {
			if err := codec.ReadKnown([]byte(r.seats.String), &r.ordinals); err != nil {
				a.broken(5, "event %s: seats of ledger entry %d are unreadable", eventID, r.seq)
			}
		}
		if want := r.digest(previous); !slices.Equal(want, r.hash) {
			a.broken(5, "event %s: the hash of ledger entry %d is wrong", eventID, r.seq)
		}
		previous = r.hash
		a.step(&r, live, bookings)
	}
	return live, bookings, rows.Err()
}

// digest returns the SHA-256 of the previous hash and the entry's RFC 8785 JSON.
func (r *ledgerRow) digest(previous []byte) []byte {
	entry := map[string]any{"event_id": r.event, "seq": r.seq, "at": r.at, "kind": r.kind}
	for key, v := range map[string]sql.NullString{"booking_id": r.booking, "currency": r.currency, "sale": r.sale} {
		if v.Valid {
			entry[key] = v.String
		}
	}
	if len(r.ordinals) > 0 {
		entry["seats"] = r.ordinals
	}
	if r.until.Valid {
		entry["until"] = r.until.Int64
	}
	if r.amount.Int64 != 0 {
		entry["amount"] = r.amount.Int64
	}
	raw, err := codec.Marshal(entry)
	if err != nil {
		return nil
	}
	text, err := jcs.Transform(raw)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(append(slices.Clone(previous), text...))
	return sum[:]
}

// step replays one entry and checks that no seat is given to two bookings.
func (a *Audit) step(r *ledgerRow, live map[int32]string, bookings map[string]*auditBooking) {
	if r.kind == "sale" {
		return
	}
	b := bookings[r.booking.String]
	if b == nil {
		b = &auditBooking{}
		bookings[r.booking.String] = b
	}
	id := r.booking.String
	switch r.kind {
	case "held", "swapped", "booked", "extended":
		if r.kind == "swapped" {
			for _, s := range b.seats {
				delete(live, s)
			}
		}
		for _, s := range r.ordinals {
			if who := live[s]; who != "" && who != id {
				a.DoubleSold++
				a.broken(1, "event %s: seat %d went to %s at entry %d while %s had it", r.event, s, id, r.seq, who)
			}
			live[s] = id
		}
		if b.seats = r.ordinals; r.kind != "swapped" || r.until.Valid { // a sold one stays sold
			b.status = r.kind
		}
		if r.kind != "extended" {
			b.amount = r.amount.Int64
		}
	case "expired", "released", "cancelled":
		for _, s := range r.ordinals {
			if live[s] == id {
				delete(live, s)
			} else {
				a.broken(1, "event %s: entry %d frees seat %d of %s, which did not have it", r.event, r.seq, s, id)
			}
		}
		b.seats = slices.DeleteFunc(slices.Clone(b.seats), func(s int32) bool { return slices.Contains(r.ordinals, s) })
		if len(b.seats) == 0 {
			b.status = r.kind
		}
	default:
		a.broken(5, "event %s: ledger entry %d is of unknown kind %q", r.event, r.seq, r.kind)
	}
}

// tables compares the claims with the replay, and counts the seats.
func (a *Audit) tables(ctx context.Context, tx sqldb.Querier, eventID string, live map[int32]string) error {
	rows, err := tx.QueryContext(ctx, `SELECT seat, booking_id, expires_at FROM claims WHERE event_id = $1`, eventID)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer rows.Close()
	var held, sold int
	for rows.Next() {
		var seat int32
		var id string
		var until sql.NullInt64
		if err := rows.Scan(&seat, &id, &until); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if live[seat] != id {
			a.broken(5, "event %s: seat %d is claimed by %s, but the ledger says %q", eventID, seat, id, live[seat])
		}
		if until.Valid {
			held++
		} else {
			sold++
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	var seats, outside int
	if err := tx.QueryRowContext(ctx, `SELECT s.seats, (SELECT count(*) FROM claims c WHERE c.event_id = s.event_id AND (c.seat < 0 OR c.seat >= s.seats))
		FROM sales s WHERE s.event_id = $1`, eventID).Scan(&seats, &outside); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if free := seats - held - sold; outside > 0 || free < 0 || held+sold != len(live) {
		a.broken(4, "event %s: %d free, %d held and %d sold of %d seats, and the ledger says %d are taken", eventID, free, held, sold, seats, len(live))
	}
	return nil
}

// payments compares money with bookings, and returns what was paid for.
func (a *Audit) payments(ctx context.Context, tx sqldb.Querier, eventID string, bookings map[string]*auditBooking) (paid map[string]int64, err error) {
	paid = map[string]int64{}
	err = payment.Ledger(ctx, tx, eventID, func(p payment.Row) error {
		if p.Status != paymentapi.Captured && p.Status != paymentapi.PartlyRefunded {
			return nil
		}
		kept := p.Amount - p.Refunded
		b := bookings[p.BookingID]
		if kept > 0 && (b == nil || b.status != string(bookingapi.Booked) || paid[p.BookingID] != 0) {
			a.OrphanPayments++
			a.broken(3, "payment %s keeps %d %s, but its booking is not sold, or paid twice", p.ID, kept, p.Currency)
		}
		paid[p.BookingID] += kept
		return nil
	})
	return paid, err
}

// acknowledged compares what fans were told with the database.
func (a *Audit) acknowledged(ctx context.Context, tx sqldb.Querier, eventID string, paid map[string]int64) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, user_id, status, amount FROM bookings WHERE event_id = $1`, eventID)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, user, status string
		var amount int64
		if err := rows.Scan(&id, &user, &status, &amount); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if status == string(bookingapi.Booked) && paid[id] != amount {
			a.OrphanPayments++
			a.broken(3, "booking %s costs %d, but %d was paid", id, amount, paid[id])
		}
		fan, told := a.Acknowledged[id]
		if !told {
			continue
		}
		a.seen[id] = true
		a.made[id] = a.Unclear[id] && status == string(bookingapi.Cancelled)
		switch {
		case fan != "" && fan != user:
			a.broken(6, "booking %s was answered to %s, and is %s's", id, fan, user)
		case !a.kept(id, bookingapi.Status(status), paid[id] > 0 || amount == 0):
			a.LostBookings++
			a.broken(2, "acknowledged booking %s is %s, and %d was paid for it", id, status, paid[id])
		}
	}
	return rows.Err()
}

// kept reports whether a booking is in the state that its fan was told.
func (a *Audit) kept(id string, status bookingapi.Status, paid bool) bool {
	booked, cancelled := status == bookingapi.Booked && paid, status == bookingapi.Cancelled
	switch {
	case a.Unclear[id]:
		return booked || cancelled
	case a.Cancelled[id]:
		return cancelled
	}
	return booked
}

// settleTries is how often money under way is checked: for about a minute.
const settleTries = 600

var errUnsettled = errors.New("money is still under way a minute after the rush: a payment or a refund hangs")

// underWay counts the payments and refunds of an event that are still under way, and
// the cancelled ledger entries whose refund has no row yet.
func underWay(ctx context.Context, tx sqldb.Querier, eventID string) (int64, error) {
	payments, refunds, err := payment.Unsettled(ctx, tx, eventID)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	var due int64
	// The end of the ledger by its primary key, refunds by refunds_by_event.
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM ledger l WHERE l.event_id = $1 AND l.kind = 'cancelled' AND l.amount > 0
		AND l.seq > COALESCE((SELECT c.seq FROM refund_cursors c WHERE c.event_id = $1), 0)
		AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.event_id = l.event_id AND r.seq = l.seq AND r.id = l.event_id || ':' || CAST(l.seq AS TEXT))`, eventID).Scan(&due)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return payments + refunds + due, nil
}

func (a *Audit) pause(ctx context.Context) error {
	if a.Pause != nil {
		return a.Pause(ctx)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// quiet waits until several checks in a row find no money under way: servers may
// still process requests whose fans have left.
func (a *Audit) quiet(ctx context.Context, db *sqldb.DB, events []string) error {
	quiet := 0
	for range settleTries {
		var open int64
		for _, id := range events {
			n, err := underWay(ctx, db.Reader(), id)
			if err != nil {
				return err
			}
			open += n
		}
		if quiet++; open > 0 {
			quiet = 0
		}
		if quiet == 5 {
			return nil
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
	return errUnsettled
}
