package payment

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// insertion asks for a payment of a booking. It comes to a new payment, or to the
// one that must be answered instead.
type insertion struct {
	want        record // but for id and attempt; pending or authorized
	keyHash     []byte // nil without a key
	fingerprint []byte
	cached      bool   // the booking was not read: see Service.cached
	agreed      *int64 // see paymentapi.PayRequest.Amount

	got    record
	result insertResult
	batch  *startedBatch // of a new payment
	drive  *drive        // of a new payment, from the moment that it is durable
}

type insertResult uint8

const (
	inserted  insertResult = iota // got is new
	replayed                      // got was made with the same key and body
	reused                        // the key was used with another body
	existing                      // got is under way, or has taken the money
	otherKey                      // got is under way, for a request with another key
	exhausted                     // the booking has had paymentapi.MaxAttempts; got is the last
)

func (w *insertion) apply(t *batchTx) error {
	// Nearly always this is the first attempt, and one statement is all.
	if ok, err := w.insert(t, 1); ok || err != nil {
		return err
	}
	if w.keyHash != nil {
		found, err := w.byKey(t.stmt(sqlByKey).QueryRowContext(t.ctx, w.want.EventID, w.keyHash))
		if err == nil && !found {
			err = w.dropTaken(t)
		}
		if found || err != nil {
			return err
		}
	}
	last, found, err := t.one(sqlLatest, latestRange(w.want.BookingID)...)
	if err != nil {
		return fmt.Errorf("read latest payment: %w", err)
	}
	w.got = last
	switch {
	case found && !last.over():
		return w.join(t)
	case last.Attempt >= paymentapi.MaxAttempts:
		w.result = exhausted
		return nil
	}
	ok, err := w.insert(t, last.Attempt+1)
	if err == nil && !ok {
		err = fmt.Errorf("payment %s: %w", paymentID(w.want.BookingID, last.Attempt+1), errChanged)
	}
	return err
}

// dropTaken lets go of a key that payments_by_key has in another event, on PostgreSQL:
// the payment is then one without a key.
func (w *insertion) dropTaken(t *batchTx) error {
	if !t.s.keyOfAll {
		return nil // that index is gone
	}
	var id string
	err := t.stmt(sqlKeyTaken).QueryRowContext(t.ctx, w.keyHash).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	w.keyHash, w.fingerprint = nil, nil
	return err
}

// join answers a request with the payment that is under way, or has paid. Money may
// still not be taken by one that is under way: the request's key is stored with it, so
// that the same request later comes to the same payment and never to a second one.
func (w *insertion) join(t *batchTx) error {
	w.result = existing
	if w.keyHash == nil || w.got.Status.Final() || w.got.Method != w.want.Method || !w.agrees(&w.got) {
		return nil
	}
	n, err := t.exec(sqlGiveKey, w.keyHash, w.fingerprint, w.got.EventID, w.got.ID)
	switch {
	case sqldb.Duplicate(err): // another node has used the key meanwhile
		return fmt.Errorf("payment %s: %w", w.got.ID, errChanged)
	case err != nil:
		return err
	case n == 0:
		w.result = otherKey
	default:
		w.result = replayed
	}
	return nil
}

// agrees reports whether the buyer has agreed to the amount of a payment.
func (w *insertion) agrees(p *record) bool { return w.agreed == nil || *w.agreed == p.Amount }

// byKey reads the payment that was made with the same key, of a row of sqlByKey.
func (w *insertion) byKey(row *sql.Row) (found bool, err error) {
	var print []byte
	err = scan(row, &w.got, &print)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read payment by key: %w", err)
	}
	w.result = replayed
	if !bytes.Equal(print, w.fingerprint) {
		w.result = reused
	}
	return true, nil
}

func (w *insertion) insert(t *batchTx, attempt int64) (bool, error) {
	p := newPayment(w.want, attempt)
	var key, print any // NULL without a key
	if w.keyHash != nil {
		key, print = w.keyHash, w.fingerprint
	}
	n, err := t.exec(sqlInsert, p.ID, p.BookingID, p.EventID, p.UserID, p.Attempt, p.Amount, p.Currency, string(p.Status), p.Method,
		key, print, p.CreatedAt, p.History, p.StartedAt, p.Lang, p.Fees, p.Tax, p.Alternatives, p.gateway, p.account, p.test)
	if err != nil || n == 0 {
		return false, err
	}
	w.got, w.result = p, inserted
	t.made = append(t.made, w)
	return true, nil
}

// firstVersion is the version of a row as it is inserted (see sqlInsert).
const firstVersion = 1

// newPayment is a payment as it is inserted: pending, or authorized if the
// gateway need not be asked.
func newPayment(p record, attempt int64) record {
	p.ID, p.Attempt = paymentID(p.BookingID, attempt), attempt
	p.try, p.Version, p.posted = 1, firstVersion, firstVersion
	p.History = appendStep("", step{Status: paymentapi.Pending, At: p.CreatedAt})
	if p.Status != paymentapi.Pending {
		p.History = appendStep(p.History, step{Status: p.Status, At: p.CreatedAt})
	}
	return p
}

// move is a compare-and-set: the row becomes to, if it is still as from was read.
type move struct {
	from, to record
	cause    event
	by       string // the account that asked for it; "": it follows from the cause
	moved    bool
}

func (w *move) apply(t *batchTx) error {
	if err := w.set(t); err != nil || !w.moved {
		return err
	}
	if w.to.transferred != w.from.transferred {
		if _, err := t.exec(sqlTransfer, w.to.transferred, w.to.EventID, w.to.ID); err != nil {
			return err
		}
	}
	if w.differs() {
		if _, err := t.exec(sqlExcess, w.to.excess, w.to.excessBack, w.to.EventID, w.to.ID); err != nil {
			return err
		}
	}
	if w.to.declines != w.from.declines || w.to.earlier != w.from.earlier {
		if _, err := t.exec(sqlDeclines, w.to.declines, w.to.earlier, w.to.EventID, w.to.ID); err != nil {
			return err
		}
	}
	before := w.from.balance()
	if !w.from.isPosted() {
		var err error
		if before, err = t.inJournal(&w.from); err != nil {
			return err
		}
	}
	t.post(&w.to, w.posting(before))
	for range w.fails() {
		t.failed = append(t.failed, failedMethod{w.from.EventID, w.from.UserID, w.to.UpdatedAt})
	}
	return nil
}

// set changes the row, and notes what follows from that.
func (w *move) set(t *batchTx) error {
	switch {
	case w.costsOther():
		n, err := t.exec(sqlCosts, w.to.Amount, w.to.Method, w.to.UpdatedAt, w.to.History, w.from.EventID, w.from.ID, w.from.Version, string(w.from.Status), w.to.Fees, w.to.Tax)
		w.moved = n == 1
		return err
	case w.waits():
		n, err := t.exec(sqlWaits, w.to.approve, w.to.reference, w.to.UpdatedAt, w.from.EventID, w.from.ID, w.from.Version, string(w.from.Status))
		w.moved = n == 1
		return err
	case w.elsewhere():
		n, err := t.exec(sqlElsewhere, string(w.to.Status), w.to.Refunded, w.to.elsewhere, w.to.UpdatedAt, w.to.History, w.from.EventID, w.from.ID, w.from.Version, string(w.from.Status))
		if w.moved = n == 1; w.moved && w.to.Refunded > w.from.Refunded {
			t.back = append(t.back, w.to.returnedElsewhere(w.to.Refunded-w.from.Refunded))
		}
		if err == nil && w.moved {
			err = t.setOff(&w.to, w.to.elsewhere-w.from.elsewhere)
		}
		if err == nil && w.moved && w.to.elsewhere < w.from.elsewhere {
			err = t.owedAgain(&w.to)
		}
		return err
	case w.disputes():
		n, err := t.exec(sqlDispute, w.to.disputed, w.to.dispute, w.to.UpdatedAt, w.to.History, w.from.EventID, w.from.ID, w.from.Version, string(w.from.Status), w.to.disputes)
		w.moved = n == 1
		if step, further := w.disputeStep(); w.moved && further {
			t.disputed = append(t.disputed, w.dispute(step))
		}
		if err == nil && w.moved && w.to.disputed < w.from.disputed {
			err = t.owedAgain(&w.to)
		}
		return err
	}
	args := []any{string(w.to.Status), w.to.Method, w.to.try, w.to.Refunded, w.to.Reason,
		w.to.reference, w.to.UpdatedAt, w.to.History, w.from.EventID, w.from.ID, w.from.Version, string(w.from.Status)}
	if !w.unwinds() {
		n, err := t.exec(sqlMove, args...)
		if w.moved = n == 1; w.moved && w.captures() {
			t.paid = append(t.paid, w.to.asCapture())
		}
		return err
	}
	n, err := t.exec(sqlUnwind, append(args, string(w.to.end))...)
	if w.moved = n == 1; err != nil || !w.moved {
		return err
	}
	if r, ok := w.returns(); ok {
		t.back = append(t.back, r)
	}
	note := sqlNoteUnwinding
	if w.to.Status.Final() && !leaves[w.to.Reason] {
		note = sqlUnwound
	}
	_, err = t.exec(note, w.to.EventID, w.to.ID)
	return err
}

// unwound forgets a payment that was given up.
type unwound struct{ rowKey }

func (w *unwound) apply(t *batchTx) error {
	_, err := t.exec(sqlUnwound, w.event, w.id)
	return err
}

// captures reports whether the move says that the money was taken.
func (w *move) captures() bool {
	return w.from.Status == paymentapi.Authorized && w.to.Status == paymentapi.Captured
}

// costsOther reports whether the payment comes to another amount, and does nothing
// else.
func (w *move) costsOther() bool { return w.from.Amount != w.to.Amount }

// waits reports whether the gateway has said how it waits for the buyer, and nothing else.
func (w *move) waits() bool {
	from := w.from.state()
	from.declines = w.to.declines
	return w.cause.kind == evWaiting && from == w.to.state()
}

// disputes reports whether the buyer's bank has said something else of the payment.
func (w *move) disputes() bool {
	return w.from.dispute != w.to.dispute || w.from.disputed != w.to.disputed || w.from.disputes != w.to.disputes
}

// disputeStep is disputeStep of the move.
func (w *move) disputeStep() (step paymentapi.Status, further bool) {
	return disputeStep(w.from.state(), w.to.state(), w.cause)
}

// elsewhere reports whether something was given back on the gateway's own pages.
func (w *move) elsewhere() bool { return w.from.elsewhere != w.to.elsewhere }

// differs reports whether the move says something of another amount that was taken.
func (w *move) differs() bool {
	return w.from.excess != w.to.excess || w.from.excessBack != w.to.excessBack
}

// unwinds reports whether the payment is being given up.
func (w *move) unwinds() bool { return w.from.Status.Unwinding() || w.to.Status.Unwinding() }

// ownerChange is a change that the owner asks for: to void the payment, or to pay by another method.
// The state machine decides inside the transaction whether it is too late.
type ownerChange struct {
	id      string
	event   event
	method  string // evAmended
	version int64  // which the owner has seen; 0: any
	by      string // who asks
	now     int64

	idle  int64  // µs that the row had not changed before
	got   record // as it is after the change, or as it is if it was refused
	drive *drive // which carries the change out
	found bool
	late  bool // it has gone on too far
	stale bool // it has another version
	many  bool // it has had as many methods as it may
}

func (w *ownerChange) apply(t *batchTx) error {
	w.late, w.stale, w.many = false, false, false
	p, found, err := t.one(sqlByID, eventOf(w.id), w.id)
	w.got, w.found, w.idle = p, found, w.now-p.UpdatedAt
	if err != nil || !found {
		return err
	}
	if w.version != 0 && w.version != p.Version {
		w.stale = true
		return nil
	}
	s, _, err := next(p.state(), w.event)
	if err != nil {
		w.late, w.many = errors.Is(err, errTooLate), errors.Is(err, errTooMany)
		if w.late || w.many {
			return nil
		}
		return err
	}
	if s == p.state() { // it is what the owner wants already
		return nil
	}
	to := p.moved(s, w.event, w.now)
	if w.event.kind == evAmended {
		to.Method, to.reference = w.method, ""
	}
	m := move{from: p, to: to, cause: w.event, by: w.by}
	if err := m.apply(t); err != nil {
		return err
	}
	if !m.moved {
		return fmt.Errorf("payment %s: %w", w.id, errChanged)
	}
	w.got = to
	return nil
}
