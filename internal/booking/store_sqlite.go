package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// sqliteStore runs the hot statements one by one, prepared: on SQLite a statement is a
// function call, so sets of rows would gain little.
type sqliteStore struct {
	db    *sqldb.DB
	clock func() time.Time
	stmts [len(sqliteText)]*sql.Stmt
}

// The hot statements.
const (
	qHead = iota
	qClaim
	qInUse
	qBooking
	qBuyer
	qBuyerEmail
	qBuyerTyped
	qEntries
	xHeadNew
	xHead
	xHeadSeq
	xClaimNew
	xClaimMove
	xClaimFree
	xBookingNew
	xBooking
	xBookingLate
	xBookingUser
	xEntry
	xExpiry
)

const bookingColumns = tables.BookingColumns

// heldColumns are the columns of a booking that limits need. othersColumns add the
// owner, for bookings that are found by address.
const (
	heldColumns   = `b.id, b.status, b.created_at, coalesce(b.expires_at, 0), coalesce(b.released_at, 0), b.seats, b.price_version`
	othersColumns = heldColumns + `, b.user_id, b.email_key`
)

const entryColumns = tables.EntryColumns

var sqliteText = [...]string{
	qHead:  `SELECT seq, hash, at, ` + saleColumns + ` FROM sales WHERE event_id = $1`,    // primary key
	qClaim: `SELECT booking_id, expires_at FROM claims WHERE event_id = $1 AND seat = $2`, // primary key
	qInUse: `SELECT 1 WHERE EXISTS (SELECT 1 FROM claims WHERE event_id = $1)
		OR EXISTS (SELECT 1 FROM bookings WHERE event_id = $1 COLLATE "C" AND status IN ('pending', 'booked'))`, // by the keys' prefixes
	qBooking: `SELECT ` + bookingColumns + ` FROM bookings WHERE event_id = $1 COLLATE "C" AND id = $2`, // bookings_by_event
	// Names the index: SQLite would otherwise use the primary key's prefix and read
	// every booking of the event.
	qBuyer: `SELECT ` + heldColumns + `, b.user_id, NULL FROM bookings b /*sqlite: INDEXED BY bookings_by_user*/ WHERE user_id = $1 AND event_id = $2`,
	qBuyerEmail: `SELECT ` + heldColumns + `, b.user_id, NULL FROM bookings b /*sqlite: INDEXED BY bookings_by_user*/ WHERE user_id = $1 AND event_id = $2
		UNION ALL SELECT ` + othersColumns + ` FROM bookings b /*sqlite: INDEXED BY bookings_by_email*/ WHERE email_key = $3 AND event_id = $2`,
	qBuyerTyped: `SELECT ` + heldColumns + `, b.user_id, NULL FROM bookings b /*sqlite: INDEXED BY bookings_by_user*/ WHERE user_id = $1 AND event_id = $2
		UNION ALL SELECT ` + othersColumns + ` FROM bookings b /*sqlite: INDEXED BY bookings_by_email*/ WHERE email_key IN ($3, $4) AND event_id = $2`,
	qEntries: `SELECT ` + entryColumns + ` FROM ledger WHERE event_id = $1 AND seq > $2 ORDER BY seq`, // primary key
	xHeadNew: `INSERT INTO sales (seq, hash, at, ` + saleColumns + `, event_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
	xHead: `UPDATE sales SET seq = $1, hash = $2, at = $3, status = $4, opens_at = $5, closes_at = $6, plan_id = $7,
		plan_version = $8, price_version = $9, currency = $10, seats = $11, limit_per_customer = $12, hold_for = $13,
		organizer_id = $14, event_version = $15, refunds_end = $16, changed_at = $17, change_refunds_end = $18,
		unverified_buyers = $19, terms = $20 WHERE event_id = $21 AND seq = $22`,
	xHeadSeq:    `UPDATE sales SET seq = $1, hash = $2, at = $3 WHERE event_id = $4 AND seq = $5`,
	xClaimNew:   `INSERT INTO claims (event_id, seat, booking_id, expires_at) VALUES ($1, $2, $3, $4)`,
	xClaimMove:  `UPDATE claims SET booking_id = $1, expires_at = $2 WHERE event_id = $3 AND seat = $4 AND booking_id = $5`,
	xClaimFree:  `DELETE FROM claims WHERE event_id = $1 AND seat = $2 AND booking_id = $3`,
	xBookingNew: `INSERT INTO bookings (` + tables.NewBookingColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
	xBooking: `UPDATE bookings SET status = $1, seats = $2, expires_at = $3, amount = $4, fees = $5, plan_id = $6, plan_version = $7,
		price_version = $8, payment_id = $9, extended = $10, seq = $11, released_at = $12, given_back = $13, paid_left = $14
		WHERE event_id = $15 COLLATE "C" AND id = $16 AND seq = $17`,
	xBookingLate: `UPDATE bookings SET late = $1 WHERE event_id = $2 COLLATE "C" AND id = $3 AND seq = $4`,
	xBookingUser: `UPDATE bookings SET user_id = $1, email_key = $2 WHERE event_id = $3 COLLATE "C" AND id = $4 AND user_id = $5`,
	xEntry:       `INSERT INTO ledger (` + entryColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
	xExpiry:      `INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq) VALUES ($1, $2, $3, $4)`,
}

func newSQLiteStore(ctx context.Context, db *sqldb.DB, clock func() time.Time) (*sqliteStore, error) {
	s := &sqliteStore{db: db, clock: clock}
	for i, text := range sqliteText {
		stmt, err := db.PrepareWrite(ctx, text)
		if err != nil {
			return nil, err
		}
		s.stmts[i] = stmt
	}
	return s, nil
}

func (s *sqliteStore) batch(ctx context.Context, fn func(storeTx) error) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return fn(&sqliteTx{store: s, tx: tx, ctx: s.db.Quick(ctx)}) })
}

type sqliteTx struct {
	store *sqliteStore
	tx    *sql.Tx
	ctx   context.Context // of the transaction's statements: see sqldb's Quick
	bound [len(sqliteText)]*sql.Stmt
}

// stmt is a prepared statement on this transaction.
func (t *sqliteTx) stmt(i int) *sql.Stmt {
	if t.bound[i] == nil {
		t.bound[i] = t.tx.StmtContext(t.ctx, t.store.stmts[i])
	}
	return t.bound[i]
}

// exec runs a statement that must change exactly one row.
func (t *sqliteTx) exec(i int, what string, args ...any) error {
	res, err := t.stmt(i).ExecContext(t.ctx, args...)
	if err != nil {
		if sqldb.Duplicate(err) {
			return fmt.Errorf("%w: %s: %w", errGuard, what, err)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return guard(1, n, what)
}

// lock does nothing: SQLite has only one writer at a time.
func (t *sqliteTx) lock(context.Context, []*state) error { return nil }

func (t *sqliteTx) heads(_ context.Context, states []*state, _ hints) error {
	for _, s := range states {
		var hash []byte
		err := t.stmt(qHead).QueryRowContext(t.ctx, s.eventID).Scan(append([]any{&s.seq, &hash, &s.at}, tables.SaleFields(&s.sale)...)...)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return fmt.Errorf("read head: %w", err)
		}
		s.exists = true
		copy(s.hash[:], hash)
	}
	return nil
}

func (t *sqliteTx) now(context.Context) (int64, error) { return t.store.clock().UnixMicro(), nil }

func (t *sqliteTx) claims(_ context.Context, eventID string, seats []int32) (map[int32]claim, error) {
	out := make(map[int32]claim, len(seats))
	for _, seat := range seats {
		var c claim
		var until sql.NullInt64
		err := t.stmt(qClaim).QueryRowContext(t.ctx, eventID, seat).Scan(&c.booking, &until)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return nil, fmt.Errorf("read claim: %w", err)
		}
		c.until = until.Int64
		out[seat] = c
	}
	return out, nil
}

func (t *sqliteTx) inUse(_ context.Context, eventID string) (bool, error) {
	var one int
	err := t.stmt(qInUse).QueryRowContext(t.ctx, eventID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (t *sqliteTx) bookings(_ context.Context, ids []string) ([]*record, error) {
	out := make([]*record, 0, len(ids))
	for _, bookingID := range ids {
		r, err := scanBooking(t.stmt(qBooking).QueryRowContext(t.ctx, id.Event(bookingID), bookingID))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return nil, fmt.Errorf("read booking: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

func (t *sqliteTx) buyer(_ context.Context, p person, eventID string) ([]found, error) {
	args := []any{p.user, eventID}
	for _, a := range p.addresses() {
		args = append(args, a.column())
	}
	statement := [...]int{qBuyer, qBuyerEmail, qBuyerTyped}[len(args)-2]
	rows, err := t.stmt(statement).QueryContext(t.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("read buyer: %w", err)
	}
	defer rows.Close()
	var out []found
	for rows.Next() {
		var f found
		var email []byte
		if err := scanHeld(rows, &f.held, &f.user, &email); err != nil {
			return nil, err
		}
		f.byEmail, f.address = email != nil, readAddress(email)
		out = append(out, f)
	}
	return out, rows.Err()
}

func (t *sqliteTx) entries(_ context.Context, eventID string, after int64) ([]ledger.Entry, error) {
	rows, err := t.stmt(qEntries).QueryContext(t.ctx, eventID, after)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return tables.ScanEntries(rows)
}

// save writes the final rows. Freed seats come first, so that a new claim never
// conflicts with the one that it replaces.
func (t *sqliteTx) save(_ context.Context, states []*state) error {
	for _, s := range states {
		if len(s.entries) == 0 && len(s.moved) == 0 {
			continue
		}
		if err := t.saveHead(s); err != nil {
			return err
		}
		if err := t.saveBookings(s); err != nil {
			return err
		}
		if err := t.saveClaims(s); err != nil {
			return err
		}
		for i := range s.entries {
			e := &s.entries[i]
			if err := t.exec(xEntry, "append to the ledger", e.EventID, e.Seq, e.At, string(e.Kind), orNull(e.BookingID),
				seatsOrNull(e.Seats), positive(e.Until), amountOrNull(e), orNull(e.Currency), orNull(e.Sale), e.Hash[:]); err != nil {
				return err
			}
		}
		for _, row := range s.reasonRows() {
			if _, err := t.tx.ExecContext(t.ctx, xReason, row...); err != nil {
				return fmt.Errorf("write a reason: %w", err)
			}
		}
		for _, l := range s.expiries() {
			if err := t.exec(xExpiry, "note expiry", l.until, l.eventID, l.first, l.last); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *sqliteTx) saveHead(s *state) error {
	if len(s.entries) == 0 {
		return nil
	}
	before := s.entries[0].Seq - 1
	switch {
	case before == 0:
		return t.exec(xHeadNew, "insert head", headArgs(s)...)
	case s.saleDirty:
		return t.exec(xHead, "update head", append(headArgs(s), before)...)
	}
	return t.exec(xHeadSeq, "update head", s.seq, s.hash[:], s.at, s.eventID, before)
}

func (t *sqliteTx) saveBookings(s *state) error {
	for id := range s.fresh {
		b := s.bookings[id]
		if err := t.exec(xBookingNew, "insert booking", bookingArgs(b)...); err != nil {
			return err
		}
	}
	for id, was := range s.dirty {
		b := s.bookings[id]
		if b.Late != was.Late {
			if err := t.exec(xBookingLate, "note a late payment", seatsOrEmpty(b.Held), s.eventID, b.ID, was.Seq); err != nil {
				return err
			}
		}
		if err := t.exec(xBooking, "update booking", string(b.Status), seatsText(b.Seats), positive(b.ExpiresAt), b.Amount, b.Fees,
			b.PlanID, b.PlanVersion, b.PriceVersion, orNull(b.PaymentID), b.Extended, b.Seq, positive(b.ReleasedAt), seatsOrNull(b.GivenBack), tables.LeftColumn(&b.Row), s.eventID, b.ID, was.Seq); err != nil {
			return err
		}
	}
	for id, before := range s.moved {
		if err := t.exec(xBookingUser, "move booking", s.bookings[id].UserID, emailOrNull(s.bookings[id].address), s.eventID, id, before); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTx) saveClaims(s *state) error {
	n := s.claims.writes()
	for _, w := range n.freed {
		if err := t.exec(xClaimFree, "free claim", s.eventID, w.seat, w.was); err != nil {
			return err
		}
	}
	for _, w := range n.moved {
		if err := t.exec(xClaimMove, "update claim", w.is.booking, positive(w.is.until), s.eventID, w.seat, w.was); err != nil {
			return err
		}
	}
	for _, w := range n.added {
		if err := t.exec(xClaimNew, "insert claim", s.eventID, w.seat, w.is.booking, positive(w.is.until)); err != nil {
			return err
		}
	}
	return nil
}
