package payment

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/jobs"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

const (
	columns = `id, booking_id, event_id, user_id, attempt, amount, currency, status, method, try, void_wanted,
		refunded, reason, reference, version, created_at, updated_at, history, started_at, ends_as, lang, fees, tax, disputed, dispute, approve, alternatives, posted, elsewhere,
		gateway, account, test, transferred, declines, declined_before, excess, excess_back, disputes`

	// A conflict with any unique key makes it do nothing.
	sqlInsert = `INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
			try, void_wanted, refunded, reason, reference, key_hash, fingerprint, version, created_at, updated_at, history, started_at, ends_as, lang, fees, tax, alternatives, posted, gateway, account, test)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, FALSE, 0, '', '', $10, $11, 1, $12, $12, $13, $14, '', $15, $16, $17, $18, 1, $19, $20, $21)
		ON CONFLICT DO NOTHING`

	// Compare-and-set. This and the following statements use payments_by_event
	// unless noted otherwise.
	sqlMove = `UPDATE payments SET status = $1, method = $2, try = $3, refunded = $4, reason = $5,
			reference = $6, updated_at = $7, history = $8, version = version + 1, posted = version + 1
		WHERE event_id = $9 COLLATE "C" AND id = $10 AND version = $11 AND status = $12`

	// The same for a payment whose amount changes.
	sqlCosts = `UPDATE payments SET amount = $1, method = $2, updated_at = $3, history = $4, version = version + 1, posted = version + 1, fees = $9, tax = $10
		WHERE event_id = $5 COLLATE "C" AND id = $6 AND version = $7 AND status = $8`

	// The same for a payment for which the gateway waits.
	sqlWaits = `UPDATE payments SET approve = $1, reference = $2, updated_at = $3, version = version + 1, posted = version + 1
		WHERE event_id = $4 COLLATE "C" AND id = $5 AND version = $6 AND status = $7`

	// The same for a payment that its buyer disputes.
	sqlDispute = `UPDATE payments SET disputed = $1, dispute = $2, disputes = $9, updated_at = $3, history = $4, version = version + 1, posted = version + 1
		WHERE event_id = $5 COLLATE "C" AND id = $6 AND version = $7 AND status = $8`

	// The same for a payment of which something was given back on the gateway's own pages.
	sqlElsewhere = `UPDATE payments SET status = $1, refunded = $2, elsewhere = $3, updated_at = $4, history = $5, version = version + 1, posted = version + 1
		WHERE event_id = $6 COLLATE "C" AND id = $7 AND version = $8 AND status = $9`

	// What the journal has passed on with the change before, of the same transaction.
	sqlTransfer = `UPDATE payments SET transferred = $1 WHERE event_id = $2 COLLATE "C" AND id = $3`

	// What the gateway has taken otherwise, with the change before.
	sqlExcess = `UPDATE payments SET excess = $1, excess_back = $2 WHERE event_id = $3 COLLATE "C" AND id = $4`

	// What the gateway has declined on its own page, with the change before.
	sqlDeclines = `UPDATE payments SET declines = $1, declined_before = $2 WHERE event_id = $3 COLLATE "C" AND id = $4`

	// The same for a payment that is being given up, which also gets a row in
	// payments_unwinding.
	sqlUnwind = `UPDATE payments SET status = $1, method = $2, try = $3, refunded = $4, reason = $5,
			reference = $6, updated_at = $7, history = $8, version = version + 1, posted = version + 1, ends_as = $13
		WHERE event_id = $9 COLLATE "C" AND id = $10 AND version = $11 AND status = $12`
	sqlNoteUnwinding = `INSERT INTO payments_unwinding (event_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlUnwound       = `DELETE FROM payments_unwinding WHERE event_id = $1 AND id = $2` // payments_unwinding_by_event

	sqlByID = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C" AND id = $2`

	// By a range of ids; a booking has at most MaxAttempts.
	sqlLatest = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C" AND id > $2 AND id < $3 ORDER BY attempt DESC LIMIT 1`

	// Gives the key of a request to a payment under way that was requested without a
	// key.
	sqlGiveKey = `UPDATE payments SET key_hash = $1, fingerprint = $2 WHERE event_id = $3 COLLATE "C" AND id = $4 AND key_hash IS NULL`

	// By payments_by_event_key.
	sqlByKey = `SELECT ` + columns + `, fingerprint FROM payments WHERE event_id = $1 COLLATE "C" AND key_hash = $2`

	// By payments_by_key, where that index is left. Both go with the next version.
	sqlKeyTaken = `SELECT id FROM payments WHERE key_hash = $1`
)

// latestRange returns the range of ids of a booking's payments, for sqlLatest.
func latestRange(bookingID string) []any {
	return []any{id.Event(bookingID), bookingID + "-", bookingID + "."}
}

const (
	maxBatch   = 512
	maxWaiting = 20_000
)

// store accesses the payments' tables. Reads use the readers; all writes go through
// one queue, whose worker commits whatever waits as one transaction.
type store struct {
	db    *sqldb.DB
	queue *batch.Queue[write]
	// after runs on the worker once a batch is durable, before its submitters
	// hear of it.
	after func(write)
	// durable and size are for the metrics.
	commits, committed atomic.Int64
	posted             atomic.Int64 // time of the last row of the journal, in µs since 1970

	mu   sync.Mutex
	over []rowKey // rows of payments_begun whose payments are all final; the next batch deletes them

	tried tried

	keyOfAll bool // PostgreSQL still has payments_by_key, over all events

	byID, latest, byKey, failed *sql.Stmt            // on the readers
	reads                       map[string]*sql.Stmt // on the readers, by text: those of each round of the jobs
	writes                      map[string]*sql.Stmt // on the writer, by text; fixed after openStore
}

// write is a change that is decided and carried out inside the transaction of its
// batch. apply may run more than once and sets its results anew each time. It
// returns only errors of the database; whether a compare-and-set succeeded is one of
// its results. A write that must decide again because another node has changed a row
// fails with errChanged.
type write interface {
	apply(t *batchTx) error
}

// batchTx is a transaction with the prepared statements in it.
type batchTx struct {
	ctx   context.Context
	tx    *sql.Tx
	s     *store
	stmts map[string]*sql.Stmt
	made  []*insertion         // what the batch has inserted
	paid  []paymentapi.Capture // what it has captured
	back  []paymentapi.Return  // money that went back
	posts []posted             // what it has done, for the journal

	disputed      []paymentapi.Dispute      // steps of disputes
	refundsFailed []paymentapi.FailedRefund // refunds that have failed

	failed []failedMethod
}

func (t *batchTx) stmt(text string) *sql.Stmt {
	st, ok := t.stmts[text]
	if !ok {
		st = t.tx.StmtContext(t.ctx, t.s.writes[text])
		t.stmts[text] = st
	}
	return st
}

// exec runs a prepared statement and counts the rows that it changed.
func (t *batchTx) exec(text string, args ...any) (int64, error) {
	r, err := t.stmt(text).ExecContext(t.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%.30q: %w", text, err)
	}
	return r.RowsAffected()
}

// one reads one payment inside the transaction; found is false without a row.
func (t *batchTx) one(text string, args ...any) (p record, found bool, err error) {
	err = scan(t.stmt(text).QueryRowContext(t.ctx, args...), &p)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	return p, err == nil, err
}

func openStore(ctx context.Context, db *sqldb.DB, after func(write)) (*store, error) {
	if err := db.Migrate(ctx, "payment", migrations); err != nil {
		return nil, err
	}
	s := &store{db: db, after: after, reads: map[string]*sql.Stmt{}, writes: map[string]*sql.Stmt{}}
	if db.Dialect() == sqldb.Postgres {
		if err := db.Reader().QueryRowContext(ctx, `SELECT to_regclass('payments_by_key') IS NOT NULL`).Scan(&s.keyOfAll); err != nil {
			return nil, fmt.Errorf("look for payments_by_key: %w", err)
		}
	}
	texts := []string{sqlInsert, sqlMove, sqlUnwind, sqlNoteUnwinding, sqlUnwound, sqlCosts, sqlDispute, sqlElsewhere, sqlTransfer, sqlExcess, sqlDeclines, sqlWaits, sqlPost, sqlPostedNow, sqlGiveKey, sqlNotePaid, sqlNoteReturned, sqlNoteDispute, sqlNoteRefundFailed, sqlCountFailed, sqlStart, sqlOver, sqlByID, sqlLatest, sqlByKey, sqlKeyTaken, sqlAddRefund, sqlSetCursor, sqlEndRefund, sqlRefundJob, sqlBeginRefundJob, sqlChangeRefundJob, sqlRetryRefund, sqlHandleRefund, sqlHandled, sqlDelayRefund, sqlFailRefund, sqlRefundsOfBooking, sqlSetOff, sqlOwedAgain}
	for _, text := range texts {
		st, err := db.PrepareWrite(ctx, text)
		if err != nil {
			return nil, errors.Join(err, s.closeStatements())
		}
		s.writes[text] = st
	}
	for _, text := range []string{sqlOpenRefunds, sqlPausedEvents, sqlUnwinding, sqlStarted, sqlOpen, sqlWithExcess} {
		st, err := db.PrepareRead(ctx, text)
		if err != nil {
			return nil, errors.Join(err, s.closeStatements())
		}
		s.reads[text] = st
	}
	for text, st := range map[string]**sql.Stmt{sqlByID: &s.byID, sqlLatest: &s.latest, sqlByKey: &s.byKey, sqlFailed: &s.failed} {
		var err error
		if *st, err = db.PrepareRead(ctx, text); err != nil {
			return nil, errors.Join(err, s.closeStatements())
		}
	}
	s.queue = batch.New(maxBatch, maxWaiting, s.run)
	return s, nil
}

func (s *store) close() error {
	s.queue.Close()
	return s.closeStatements()
}

func (s *store) closeStatements() error {
	var err error
	for _, list := range []map[string]*sql.Stmt{s.reads, s.writes} {
		for _, st := range list {
			err = errors.Join(err, st.Close())
		}
	}
	for _, st := range []*sql.Stmt{s.byID, s.latest, s.byKey, s.failed} {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
	}
	return err
}

// do submits a write and waits until it is durable.
func (s *store) do(ctx context.Context, w write) error {
	err := s.queue.Do(ctx, w)
	var full batch.Full
	var closed batch.Closed
	if errors.As(err, &full) || errors.As(err, &closed) || errors.Is(err, errChanged) {
		e := errs.New(errs.Unavailable, "busy", "Payments cannot be taken at the moment. Please try again.").After(1e9)
		e.Err = err
		return e
	}
	return err
}

// run commits a batch. When it fails for a reason that stays, its writes are
// carried out one at a time, so that a bad one spoils no other.
func (s *store) run(items []*batch.Item[write]) {
	if s.db.Dialect() == sqldb.Postgres {
		if items = s.runSets(items); len(items) == 0 {
			return
		}
	}
	err := s.commit(items)
	if err != nil && len(items) > 1 {
		for _, it := range items {
			s.answer(it, s.commit([]*batch.Item[write]{it}))
		}
		return
	}
	for _, it := range items {
		s.answer(it, err)
	}
}

func (s *store) answer(it *batch.Item[write], err error) {
	if err == nil {
		s.after(it.Value)
	}
	it.Done(err)
}

// errChanged fails a write that has read a row which another node has changed, or
// added, before this one could. Its batch is tried again: it sees that row then.
var errChanged = errors.New("a row was changed meanwhile")

// changedTries is how often a batch is tried that meets changes of other nodes.
// They have little to change in one payment, so that two are nearly always enough.
const changedTries = 8

func (s *store) commit(items []*batch.Item[write]) error {
	over := s.takeOver()
	err := s.try(items, over)
	for n := 1; n < changedTries && errors.Is(err, errChanged); n++ {
		err = s.try(items, over)
	}
	if err != nil {
		return fmt.Errorf("write payments: %w", err)
	}
	s.count(len(items))
	return nil
}

// try carries out a batch in one transaction.
func (s *store) try(items []*batch.Item[write], over []rowKey) error {
	ctx := context.Background() // the batch belongs to many requests
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		t := &batchTx{ctx: s.db.Quick(ctx), tx: tx, s: s, stmts: make(map[string]*sql.Stmt, len(s.writes))}
		return jobs.Catch(func() error {
			for _, it := range items {
				if err := it.Value.apply(t); err != nil {
					return err
				}
			}
			return t.note(over)
		})
	})
}

// note writes the rows of what was done, inserted and captured, and of money that went
// back, and deletes those that are over.
func (t *batchTx) note(over []rowKey) error {
	for _, k := range over {
		if _, err := t.exec(sqlOver, k.event, k.id); err != nil {
			return err
		}
	}
	for _, r := range t.s.notePosted(t.posts) {
		if _, err := t.exec(sqlPost, r.event, r.id, r.currency, string(r.postings)); err != nil {
			return err
		}
	}
	for _, r := range notePaid(t.paid) {
		if _, err := t.exec(sqlNotePaid, r.event, r.id, r.payments); err != nil {
			return err
		}
	}
	returned, err := noteReturned(t.back)
	if err != nil {
		return err
	}
	for _, r := range returned {
		if _, err := t.exec(sqlNoteReturned, r.event, r.id, r.payments); err != nil {
			return err
		}
	}
	disputed, err := noteDisputed(t.disputed)
	if err != nil {
		return err
	}
	for _, r := range disputed {
		if _, err := t.exec(sqlNoteDispute, r.event, r.id, r.payments); err != nil {
			return err
		}
	}
	failed, err := noteRefundsFailed(t.refundsFailed)
	if err != nil {
		return err
	}
	for _, r := range failed {
		if _, err := t.exec(sqlNoteRefundFailed, r.event, r.id, r.payments); err != nil {
			return err
		}
	}
	if err := t.countFailed(); err != nil {
		return err
	}
	for _, r := range noteStarted(t.made) {
		if _, err := t.exec(sqlStart, r.event, r.id, r.payments); err != nil {
			return err
		}
	}
	return nil
}

// count notes a commit for the metrics.
func (s *store) count(writes int) {
	s.commits.Add(1)
	s.committed.Add(int64(writes))
}

// payment reads a payment; NotFound when there is none.
func (s *store) payment(ctx context.Context, paymentID string) (record, error) {
	return read(ctx, s.byID, eventOf(paymentID), paymentID)
}

// ofBooking reads a booking's latest payment; NotFound when there is none.
func (s *store) ofBooking(ctx context.Context, bookingID string) (record, error) {
	return read(ctx, s.latest, latestRange(bookingID)...)
}

func read(ctx context.Context, st *sql.Stmt, args ...any) (record, error) {
	var p record
	err := scan(st.QueryRowContext(context.WithoutCancel(ctx), args...), &p) // see sqldb Quick
	if errors.Is(err, sql.ErrNoRows) {
		return p, errs.Missing("payment")
	}
	if err != nil {
		return p, fmt.Errorf("read payment: %w", err)
	}
	return p, nil
}

func scan(row interface{ Scan(...any) error }, p *record, more ...any) error {
	return row.Scan(append([]any{&p.ID, &p.BookingID, &p.EventID, &p.UserID, &p.Attempt, &p.Amount, &p.Currency,
		(*string)(&p.Status), &p.Method, &p.try, &p.voidWanted, &p.Refunded, &p.Reason, &p.reference, &p.Version,
		&p.CreatedAt, &p.UpdatedAt, &p.History, &p.StartedAt, (*string)(&p.end), &p.Lang,
		&p.Fees, &p.Tax, &p.disputed, &p.dispute, &p.approve, &p.Alternatives, &p.posted, &p.elsewhere,
		&p.gateway, &p.account, &p.test, &p.transferred, &p.declines, &p.earlier, &p.excess, &p.excessBack, &p.disputes}, more...)...)
}
