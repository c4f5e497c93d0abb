package payment

import (
	"context"

	"boxoffice/internal/batch"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// On PostgreSQL each statement is a network round trip, so the two kinds of writes
// that nearly all payments consist of run as sets: first attempts to pay, and moves.
// Both sets of a batch form one message, which is a transaction. All other writes
// run one by one, as on SQLite, and so does the whole batch if its sets fail. An
// attempt that meets an existing row makes them fail; ON CONFLICT DO NOTHING would
// allow it, but would cost each of the others a quarter more.
var (
	sqlInsertSet = `INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
			try, void_wanted, refunded, reason, reference, key_hash, fingerprint, version, created_at, updated_at, history, started_at, ends_as, lang, fees, tax, alternatives, posted, gateway, account, test)
		SELECT id, booking_id, event_id, user_id, 1, amount, currency, status, method,
			1, FALSE, 0, '', '', nullif(key_hash, ''), nullif(fingerprint, ''), 1, created_at, created_at, history, started_at, '', lang, fees, tax, alternatives, 1, gateway, account, test
		FROM ` + sqldb.Rows(`id TEXT, booking_id TEXT, event_id TEXT, user_id TEXT, amount BIGINT, currency TEXT,
			status TEXT, method TEXT, key_hash BYTEA, fingerprint BYTEA, created_at BIGINT, history TEXT, started_at BIGINT, lang TEXT, fees BIGINT, tax BIGINT, alternatives BOOLEAN,
			gateway TEXT, account TEXT, test BOOLEAN`)

	// By payments_by_event. Only what has moved is posted.
	sqlMoveSet = `WITH moved AS (UPDATE payments p SET status = w.status, method = w.method, try = w.try, refunded = w.refunded,
			reason = w.reason, reference = w.reference, updated_at = w.updated_at, history = w.history, version = p.version + 1, posted = p.version + 1
		FROM ` + sqldb.Rows(`status TEXT, method TEXT, try BIGINT, refunded BIGINT, reason TEXT,
			reference TEXT, updated_at BIGINT, history TEXT, event_id TEXT, id TEXT, was BIGINT, status_was TEXT, currency TEXT, posting TEXT`) + `
		WHERE p.event_id = w.event_id COLLATE "C" AND p.id = w.id AND p.version = w.was AND p.status = w.status_was
		RETURNING w.event_id, p.id, w.currency, w.posting),
	posted AS (INSERT INTO payments_journal (event_id, id, currency, postings)
		SELECT event_id, CAST($15 AS TEXT), currency, '[' || string_agg(posting, ',') || ']' FROM moved WHERE posting <> '' GROUP BY event_id, currency)
	SELECT id FROM moved`
	// By payments_begun_by_event.
	sqlOverSet     = `DELETE FROM payments_begun b USING ` + sqldb.Rows(`event_id TEXT, id TEXT`) + ` WHERE b.event_id = w.event_id AND b.id = w.id`
	sqlStartSet    = `INSERT INTO payments_begun (event_id, id, payments) SELECT event_id, id, payments FROM ` + sqldb.Rows(`event_id TEXT, id TEXT, payments TEXT`)
	sqlNotePaidSet = `INSERT INTO payments_paid (event_id, id, payments) SELECT event_id, id, payments FROM ` + sqldb.Rows(`event_id TEXT, id TEXT, payments TEXT`)
)

type waiting = []*batch.Item[write]

// runSets runs and answers the writes that can go into sets, and returns the rest:
// all of them if the sets fail. Of several writes to one payment, only the first
// goes into a set.
func (s *store) runSets(items waiting) (rest waiting) {
	insertions, moves := map[string]*insertion{}, map[string]*move{}
	var done waiting
	for _, it := range items {
		switch w := it.Value.(type) {
		case *insertion:
			w.want.ID = paymentID(w.want.BookingID, 1)
			if !s.tried.before(w.want.BookingID) {
				insertions[w.want.ID] = w
				done = append(done, it)
				continue
			}
		case *move:
			if moves[w.from.ID] == nil && insertions[w.from.ID] == nil && !w.unwinds() && !w.costsOther() && !w.waits() && !w.disputes() && w.fails() == 0 && !w.elsewhere() && !w.differs() && w.to.account == "" && w.from.isPosted() {
				moves[w.from.ID] = w
				done = append(done, it)
				continue
			}
		}
		rest = append(rest, it)
	}
	var sets []sqldb.Set
	if len(insertions) > 0 {
		sets = insertSets(insertions)
	}
	if len(moves) > 0 {
		sets = append(sets, s.moveSet(moves))
		if paid := captured(moves); len(paid) > 0 {
			sets = append(sets, noteSet(sqlNotePaidSet, notePaid(paid)))
		}
	}
	if len(sets) == 0 {
		return items
	}
	if over := s.takeOver(); len(over) > 0 {
		events, ids := columnsOf(over)
		sets = append(sets, sqldb.Set{Text: sqlOverSet, Args: []any{events, ids}})
	}
	if s.db.Sets(context.Background(), sets...) != nil {
		return items // the reason shows when they are written one by one
	}
	for _, it := range done {
		s.answer(it, nil)
	}
	s.count(len(done))
	return rest
}

// tried remembers bookings for which a payment was requested lately, since a second
// request would meet the first one's row. Only the queue's worker uses it.
type tried struct{ recent, older map[string]struct{} }

const triedMost = 10_000

// before remembers a booking and reports whether it was remembered already.
func (t *tried) before(bookingID string) bool {
	_, recent := t.recent[bookingID]
	_, older := t.older[bookingID]
	if len(t.recent) >= triedMost || t.recent == nil {
		t.recent, t.older = make(map[string]struct{}, triedMost), t.recent
	}
	t.recent[bookingID] = struct{}{}
	return recent || older
}

// insertSets inserts new payments, and the rows of payments_begun that lead recovery
// to them.
func insertSets(set map[string]*insertion) []sqldb.Set {
	var id, booking, event, user, currency, status, method, history, lang, gateway, account []string
	var others, test []bool
	var amount, created, started, fees, tax []int64
	var key, print [][]byte
	made := make([]*insertion, 0, len(set))
	sqldb.Room(len(set), &id, &booking, &event, &user, &currency, &status, &method, &history, &lang, &gateway, &account)
	sqldb.Room(len(set), &amount, &created, &started, &fees, &tax)
	sqldb.Room(len(set), &others, &test)
	sqldb.Room(len(set), &key, &print)
	for _, w := range set {
		p := newPayment(w.want, 1)
		w.got, w.result = p, inserted
		made = append(made, w)
		id, booking, event, user = append(id, p.ID), append(booking, p.BookingID), append(event, p.EventID), append(user, p.UserID)
		amount, currency, status, method = append(amount, p.Amount), append(currency, p.Currency), append(status, string(p.Status)), append(method, p.Method)
		key, print = append(key, w.keyHash), append(print, w.fingerprint)
		created, history, started = append(created, p.CreatedAt), append(history, p.History), append(started, p.StartedAt)
		lang, fees, tax = append(lang, p.Lang), append(fees, p.Fees), append(tax, p.Tax)
		others, gateway, account, test = append(others, p.Alternatives), append(gateway, p.gateway), append(account, p.account), append(test, p.test)
	}
	return []sqldb.Set{
		{Text: sqlInsertSet, Args: []any{id, booking, event, user, amount, currency, status, method, key, print, created, history, started, lang, fees, tax, others, gateway, account, test}},
		noteSet(sqlStartSet, noteStarted(made)),
	}
}

// noteSet inserts rows of payments_begun or payments_paid.
func noteSet(text string, rows []noted) sqldb.Set {
	var event, id, payments []string
	for _, r := range rows {
		event, id, payments = append(event, r.event), append(id, r.id), append(payments, r.payments)
	}
	return sqldb.Set{Text: text, Args: []any{event, id, payments}}
}

func columnsOf(keys []rowKey) (events, ids []string) {
	for _, k := range keys {
		events, ids = append(events, k.event), append(ids, k.id)
	}
	return events, ids
}

// captured returns the payments that some moves capture if they succeed. A move that
// fails was overtaken by another node, or the payment was given up; Tell finds that
// out.
func captured(moves map[string]*move) []paymentapi.Capture {
	var list []paymentapi.Capture
	for _, w := range moves {
		if w.captures() {
			list = append(list, w.to.asCapture())
		}
	}
	return list
}

func (s *store) moveSet(set map[string]*move) sqldb.Set {
	var status, method, reason, reference, history, event, id, statusWas, currency, posting []string
	var try, refunded, updated, was []int64
	sqldb.Room(len(set), &status, &method, &reason, &reference, &history, &event, &id, &statusWas, &currency, &posting)
	sqldb.Room(len(set), &try, &refunded, &updated, &was)
	for _, w := range set {
		p := &w.to
		w.moved = false
		status, method, try = append(status, string(p.Status)), append(method, p.Method), append(try, p.try)
		refunded, reason, reference = append(refunded, p.Refunded), append(reason, p.Reason), append(reference, p.reference)
		updated, history, event, id = append(updated, p.UpdatedAt), append(history, p.History), append(event, w.from.EventID), append(id, w.from.ID)
		was, statusWas = append(was, w.from.Version), append(statusWas, string(w.from.Status))
		currency, posting = append(currency, p.Currency), append(posting, w.posting(w.from.balance()))
	}
	return sqldb.Set{Text: sqlMoveSet, Each: func(id string) { set[id].moved = true },
		Args: []any{status, method, try, refunded, reason, reference, updated, history, event, id, was, statusWas, currency, posting, s.newPostID()}}
}
