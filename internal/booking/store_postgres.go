package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// postgresStore runs the hot statements on sets of rows: a batch goes to the server in
// three messages, however many commands it has. The first begins the transaction,
// locks the heads, and reads the clock and everything that the commands name; the
// second writes the final rows; the third commits.
type postgresStore struct {
	db    *sqldb.DB
	clock func() time.Time // nil: the database's
}

const batchTries = 5

func (s *postgresStore) batch(ctx context.Context, fn func(storeTx) error) error {
	for try := 1; ; try++ {
		committing := false
		err := s.db.Raw(ctx, func(conn *pgx.Conn) error {
			t := &postgresTx{store: s, conn: conn}
			if err := fn(t); err != nil {
				return err
			}
			committing = true
			if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
				return fmt.Errorf("commit: %w", err)
			}
			return nil
		})
		if err == nil || committing || try == batchTries || !sqldb.Passing(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Duration(try) * 5 * time.Millisecond)
	}
}

// postgresTx keeps what the first message has read, and reads only what is missing
// from that.
type postgresTx struct {
	store    *postgresStore
	conn     *pgx.Conn
	at       int64
	locked   bool              // the heads were locked before the first message
	claimed  map[seatKey]claim // zero: free
	records  map[string]*record
	holdings map[buyerKey][]found
	missed   map[string]*missed
}

// missed are an event's entries above a version.
type missed struct {
	after   int64
	entries []ledger.Entry
}

var (
	// One for each event, in the order of their ids: a statement names one event.
	pgHead  = `SELECT seq, hash, at, ` + saleColumns + ` FROM sales WHERE event_id = $1 FOR UPDATE` // primary key
	pgLock  = `SELECT FROM sales WHERE event_id = $1 FOR UPDATE`                                    // primary key
	pgClock = `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`
	// By primary key.
	pgClaims = `SELECT c.event_id, c.seat, c.booking_id, coalesce(c.expires_at, 0)
		FROM ` + sqldb.Rows("event_id TEXT, seat BIGINT") + ` JOIN claims c ON c.event_id = w.event_id AND c.seat = w.seat`
	// By bookings_by_event.
	pgBookings = `SELECT ` + bookingColumns + ` FROM ` + sqldb.Rows("of_event TEXT, wanted TEXT") + ` JOIN bookings ON event_id = of_event COLLATE "C" AND id = wanted`
	// By bookings_by_event, and the primary key of sales. LIMIT keeps the lookups apart: in a
	// join with sales, PostgreSQL may read all bookings of the event.
	pgShown = `SELECT ` + shownColumns + `, (SELECT s.organizer_id FROM sales s WHERE s.event_id = b.event_id)
		FROM ` + sqldb.Rows("event_id TEXT, id TEXT") + `
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE event_id = w.event_id COLLATE "C" AND id = w.id LIMIT 1) AS b`
	// By bookings_by_user.
	pgBuyers = `SELECT ` + heldColumns + `, w.n
		FROM ` + sqldb.Rows("user_id TEXT, event_id TEXT, n BIGINT") + ` JOIN bookings b ON b.user_id = w.user_id AND b.event_id = w.event_id`
	// By bookings_by_email.
	pgBuyersByEmail = `SELECT ` + othersColumns + `, w.n
		FROM ` + sqldb.Rows("email_key BYTEA, event_id TEXT, n BIGINT") + ` JOIN bookings b ON b.email_key = w.email_key AND b.event_id = w.event_id`
	// By primary key.
	pgMissed = `SELECT ` + entryColumns + ` FROM ` + sqldb.Rows("id TEXT, after BIGINT") + `
		JOIN ledger ON event_id = id AND seq > after AND seq <= after + $3 ORDER BY event_id, seq`
	pgInUse   = `SELECT EXISTS (SELECT 1 FROM claims WHERE event_id = $1) OR EXISTS (SELECT 1 FROM bookings WHERE event_id = $1 COLLATE "C" AND status IN ('pending', 'booked'))`
	pgEntries = `SELECT ` + entryColumns + ` FROM ledger WHERE event_id = $1 AND seq > $2 ORDER BY seq`

	// All by the keys that begin with the event.
	pgHeadSeq = `UPDATE sales s SET seq = w.seq, hash = w.hash, at = w.at
		FROM ` + sqldb.Rows("event_id TEXT, seq BIGINT, hash BYTEA, at BIGINT, was BIGINT") + `
		WHERE s.event_id = w.event_id AND s.seq = w.was`
	pgBookingsNew = `INSERT INTO bookings (` + tables.NewBookingColumns + `)
		SELECT id, event_id, user_id, status, seats, created_at, nullif(expires_at, 0), amount, fees, currency,
			plan_id, plan_version, price_version, nullif(payment_id, ''), nullif(fingerprint, ''), extended, seq,
			nullif(email_key, ''), NULL, NULL, NULL
		FROM ` + sqldb.Rows(`id TEXT, event_id TEXT, user_id TEXT, status TEXT, seats TEXT, created_at BIGINT, expires_at BIGINT,
			amount BIGINT, fees BIGINT, currency TEXT, plan_id TEXT, plan_version BIGINT, price_version BIGINT,
			payment_id TEXT, fingerprint BYTEA, extended BOOLEAN, seq BIGINT, email_key BYTEA`)
	pgBookingsSet = `UPDATE bookings b SET status = w.status, seats = w.seats, expires_at = nullif(w.expires_at, 0), amount = w.amount, fees = w.fees,
			plan_id = w.plan_id, plan_version = w.plan_version, price_version = w.price_version, payment_id = nullif(w.payment_id, ''),
			extended = w.extended, seq = w.seq, released_at = nullif(w.released_at, 0), given_back = nullif(w.given_back, ''), paid_left = nullif(w.paid_left, -1)
		FROM ` + sqldb.Rows(`event_id TEXT, id TEXT, status TEXT, seats TEXT, expires_at BIGINT, amount BIGINT, fees BIGINT,
			plan_id TEXT, plan_version BIGINT, price_version BIGINT, payment_id TEXT, extended BOOLEAN, seq BIGINT, released_at BIGINT, given_back TEXT, paid_left BIGINT, was BIGINT`) + `
		WHERE b.event_id = w.event_id COLLATE "C" AND b.id = w.id AND b.seq = w.was`
	pgBookingsBooked = `UPDATE bookings b SET status = 'booked', expires_at = NULL, payment_id = nullif(w.payment_id, ''), seq = w.seq
		FROM ` + sqldb.Rows("event_id TEXT, id TEXT, payment_id TEXT, seq BIGINT, was BIGINT") + `
		WHERE b.event_id = w.event_id COLLATE "C" AND b.id = w.id AND b.seq = w.was`
	pgClaimsFree = `DELETE FROM claims c USING ` + sqldb.Rows("event_id TEXT, seat BIGINT, was TEXT") + `
		WHERE c.event_id = w.event_id AND c.seat = w.seat AND c.booking_id = w.was`
	pgClaimsNew = `INSERT INTO claims (event_id, seat, booking_id, expires_at) SELECT event_id, seat, booking_id, nullif(expires_at, 0)
		FROM ` + sqldb.Rows("event_id TEXT, seat BIGINT, booking_id TEXT, expires_at BIGINT")
	pgClaimsMove = `UPDATE claims c SET booking_id = w.booking_id, expires_at = nullif(w.expires_at, 0)
		FROM ` + sqldb.Rows("event_id TEXT, seat BIGINT, booking_id TEXT, expires_at BIGINT, was TEXT") + `
		WHERE c.event_id = w.event_id AND c.seat = w.seat AND c.booking_id = w.was`
	pgLedger = `INSERT INTO ledger (` + entryColumns + `)
		SELECT event_id, seq, at, kind, nullif(booking_id, ''), nullif(seats, ''), nullif(until, 0), CASE WHEN currency <> '' THEN amount END,
			nullif(currency, ''), nullif(sale, ''), hash
		FROM ` + sqldb.Rows(`event_id TEXT, seq BIGINT, at BIGINT, kind TEXT, booking_id TEXT, seats TEXT, until BIGINT,
			amount BIGINT, currency TEXT, sale TEXT, hash BYTEA`)
	pgExpiry = `INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq)
		SELECT * FROM ` + sqldb.Rows("expires_at BIGINT, event_id TEXT, first_seq BIGINT, last_seq BIGINT")
)

func (t *postgresTx) lock(ctx context.Context, states []*state) error {
	var b pgx.Batch
	b.Queue("BEGIN")
	for _, s := range states {
		b.Queue(pgLock, s.eventID)
	}
	if err := t.conn.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	t.locked = true
	return nil
}

func (t *postgresTx) heads(ctx context.Context, states []*state, h hints) error {
	var b pgx.Batch
	if !t.locked {
		b.Queue("BEGIN")
	}
	for _, s := range states {
		b.Queue(pgHead, s.eventID).QueryRow(s.readHead)
	}
	b.Queue(pgClock).QueryRow(func(row pgx.Row) error { return row.Scan(&t.at) })
	t.claimed, t.records, t.holdings = map[seatKey]claim{}, map[string]*record{}, map[buyerKey][]found{}
	t.wantClaims(&b, h.seats)
	t.wantBookings(&b, h.bookings)
	t.wantBuyers(&b, h.buyers)
	t.wantMissed(&b, h.views)
	if err := t.conn.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("lock and read: %w", err)
	}
	return nil
}

// readHead reads the row of pgHead, if there is one.
func (s *state) readHead(row pgx.Row) error {
	var hash []byte
	var seq, at int64
	var sale bookingapi.Sale
	err := row.Scan(append([]any{&seq, &hash, &at}, tables.SaleFields(&sale)...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	s.exists, s.seq, s.at, s.sale = true, seq, at, sale
	copy(s.hash[:], hash)
	return nil
}

func (t *postgresTx) now(context.Context) (int64, error) {
	if t.store.clock != nil {
		return t.store.clock().UnixMicro(), nil
	}
	return t.at, nil
}

func (t *postgresTx) wantClaims(b *pgx.Batch, seats []seatKey) {
	if len(seats) == 0 {
		return
	}
	events, ordinals := make([]string, len(seats)), make([]int64, len(seats))
	for i, k := range seats {
		events[i], ordinals[i] = k.eventID, int64(k.seat)
		t.claimed[k] = claim{}
	}
	b.Queue(pgClaims, events, ordinals).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var k seatKey
			var c claim
			if err := rows.Scan(&k.eventID, &k.seat, &c.booking, &c.until); err != nil {
				return err
			}
			t.claimed[k] = c
		}
		return rows.Err()
	})
}

func (t *postgresTx) wantBookings(b *pgx.Batch, ids []string) {
	if len(ids) == 0 {
		return
	}
	events := make([]string, len(ids))
	for i, bookingID := range ids {
		events[i], t.records[bookingID] = id.Event(bookingID), nil
	}
	b.Queue(pgBookings, events, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			r, err := scanBooking(rows)
			if err != nil {
				return err
			}
			t.records[r.ID] = r
		}
		return rows.Err()
	})
}

// wantBuyers queues the reads of people's bookings: by account, and by address for
// those who have one.
func (t *postgresTx) wantBuyers(b *pgx.Batch, keys []buyerKey) {
	if len(keys) == 0 {
		return
	}
	var own, others struct {
		users, events []string
		emails        [][]byte
		n             []int64 // index of the key
	}
	sqldb.Room(len(keys), &own.users, &own.events)
	sqldb.Room(len(keys), &own.n)
	for i, k := range keys {
		t.holdings[k] = nil
		own.users, own.events, own.n = append(own.users, k.user), append(own.events, k.eventID), append(own.n, int64(i))
		for _, a := range k.addresses() {
			o := &others
			o.emails, o.events, o.n = append(o.emails, a.column()), append(o.events, k.eventID), append(o.n, int64(i))
		}
	}
	b.Queue(pgBuyers, own.users, own.events, own.n).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var f found
			if err := scanHeld(rows, &f.held, &n); err != nil {
				return err
			}
			k := keys[n]
			f.user = k.user
			t.holdings[k] = append(t.holdings[k], f)
		}
		return rows.Err()
	})
	if len(others.emails) == 0 {
		return
	}
	b.Queue(pgBuyersByEmail, others.emails, others.events, others.n).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			var email []byte
			f := found{byEmail: true}
			if err := scanHeld(rows, &f.held, &f.user, &email, &n); err != nil {
				return err
			}
			f.address = readAddress(email)
			t.holdings[keys[n]] = append(t.holdings[keys[n]], f)
		}
		return rows.Err()
	})
}

func (t *postgresTx) claims(ctx context.Context, eventID string, seats []int32) (map[int32]claim, error) {
	var missing []seatKey
	for _, seat := range seats {
		if _, ok := t.claimed[seatKey{eventID, seat}]; !ok {
			missing = append(missing, seatKey{eventID, seat})
		}
	}
	if len(missing) > 0 {
		var b pgx.Batch
		t.wantClaims(&b, missing)
		if err := t.conn.SendBatch(ctx, &b).Close(); err != nil {
			return nil, fmt.Errorf("read claims: %w", err)
		}
	}
	out := make(map[int32]claim, len(seats))
	for _, seat := range seats {
		if c := t.claimed[seatKey{eventID, seat}]; c.booking != "" {
			out[seat] = c
		}
	}
	return out, nil
}

func (t *postgresTx) inUse(ctx context.Context, eventID string) (bool, error) {
	var used bool
	err := t.conn.QueryRow(ctx, pgInUse, eventID).Scan(&used)
	return used, err
}

func (t *postgresTx) bookings(ctx context.Context, ids []string) ([]*record, error) {
	var missing []string
	for _, id := range ids {
		if _, ok := t.records[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		var b pgx.Batch
		t.wantBookings(&b, missing)
		if err := t.conn.SendBatch(ctx, &b).Close(); err != nil {
			return nil, fmt.Errorf("read bookings: %w", err)
		}
	}
	out := make([]*record, 0, len(ids))
	for _, id := range ids {
		if r := t.records[id]; r != nil {
			out = append(out, r)
		}
	}
	return out, nil
}

func (t *postgresTx) buyer(ctx context.Context, p person, eventID string) ([]found, error) {
	k := buyerKey{p, eventID}
	if _, ok := t.holdings[k]; !ok {
		var b pgx.Batch
		t.wantBuyers(&b, []buyerKey{k})
		if err := t.conn.SendBatch(ctx, &b).Close(); err != nil {
			return nil, fmt.Errorf("read buyer: %w", err)
		}
	}
	return t.holdings[k], nil
}

func (t *postgresTx) wantMissed(b *pgx.Batch, views []viewAt) {
	if len(views) == 0 {
		return
	}
	events, seqs := make([]string, len(views)), make([]int64, len(views))
	t.missed = make(map[string]*missed, len(views))
	for i, v := range views {
		events[i], seqs[i] = v.eventID, v.seq
		t.missed[v.eventID] = &missed{after: v.seq}
	}
	b.Queue(pgMissed, events, seqs, maxMissed).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			e, err := tables.ScanEntry(rows)
			if err != nil {
				return err
			}
			m := t.missed[e.EventID]
			m.entries = append(m.entries, e)
		}
		return rows.Err()
	})
}

func (t *postgresTx) entries(ctx context.Context, eventID string, after int64) ([]ledger.Entry, error) {
	if m := t.missed[eventID]; m != nil && m.after <= after && len(m.entries) < maxMissed {
		return m.entries, nil // the view ignores entries that it has
	}
	rows, err := t.conn.Query(ctx, pgEntries, eventID, after)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer rows.Close()
	var out []ledger.Entry
	for rows.Next() {
		e, err := tables.ScanEntry(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// save writes the final rows of all states in one message.
func (t *postgresTx) save(ctx context.Context, states []*state) error {
	w := &netRows{}
	w.room(states)
	for _, s := range states {
		if len(s.entries) > 0 || len(s.moved) > 0 {
			w.add(s)
		}
	}
	if err := t.conn.SendBatch(ctx, w.statements()).Close(); err != nil {
		if sqldb.Duplicate(err) {
			return fmt.Errorf("%w: %w", errGuard, err)
		}
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
