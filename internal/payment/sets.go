package payment

import (
	"fmt"

	"boxoffice/internal/batch"
)

// On PostgreSQL a statement is a journey, so the two kinds of writes that nearly
// all payments consist of are carried out as sets, one statement for all that
// wait: first attempts to pay, and moves. What such a statement has not done has
// a story of its own and is carried out one by one, as on SQLite.
const (
	sqlInsertSet = `WITH made AS (INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
			try, void_wanted, refunded, reason, reference, key_hash, fingerprint, version, created_at, updated_at, history)
		SELECT id, booking_id, event_id, user_id, 1, amount, currency, 'pending', method,
			1, FALSE, 0, '', '', nullif(key_hash, ''), nullif(fingerprint, ''), 1, created_at, created_at, history
		FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]),
			CAST($7 AS TEXT[]), CAST($8 AS BYTEA[]), CAST($9 AS BYTEA[]), CAST($10 AS BIGINT[]), CAST($11 AS TEXT[]))
			AS w (id, booking_id, event_id, user_id, amount, currency, method, key_hash, fingerprint, created_at, history)
		ON CONFLICT DO NOTHING RETURNING id), opened AS (INSERT INTO payments_open (id) SELECT id FROM made)
		SELECT id FROM made`

	sqlMoveSet = `WITH moved AS (UPDATE payments p SET status = w.status, method = w.method, try = w.try, void_wanted = w.void_wanted, refunded = w.refunded,
			reason = w.reason, reference = w.reference, updated_at = w.updated_at, history = w.history, version = p.version + 1
		FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS BOOLEAN[]), CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]),
			CAST($7 AS TEXT[]), CAST($8 AS BIGINT[]), CAST($9 AS TEXT[]), CAST($10 AS TEXT[]), CAST($11 AS BIGINT[]), CAST($12 AS TEXT[]))
			AS w (status, method, try, void_wanted, refunded, reason, reference, updated_at, history, id, was, status_was)
		WHERE p.id = w.id AND p.version = w.was AND p.status = w.status_was RETURNING p.id),
		ended AS (DELETE FROM payments_open WHERE id = ANY($13) AND id IN (SELECT id FROM moved))
		SELECT id FROM moved`
)

type waiting = []*batch.Item[write]

// sets carries out what goes in sets and answers the rest. Of several writes to
// one payment the first is in a set.
func (t *batchTx) sets(items waiting) (rest waiting, err error) {
	insertions, moves := map[string]*insertion{}, map[string]*move{}
	for _, it := range items {
		switch w := it.Value.(type) {
		case *insertion:
			w.want.ID = paymentID(w.want.BookingID, 1)
			if insertions[w.want.ID] == nil {
				insertions[w.want.ID] = w
				continue
			}
		case *move:
			if moves[w.from.ID] == nil && insertions[w.from.ID] == nil {
				w.moved = false
				moves[w.from.ID] = w
				continue
			}
		}
		rest = append(rest, it)
	}
	if err := t.insertSet(insertions); err != nil {
		return nil, err
	}
	if err := t.moveSet(moves); err != nil {
		return nil, err
	}
	for _, it := range items { // those that met a row
		if w, ok := it.Value.(*insertion); ok && insertions[w.want.ID] == w && w.got.ID == "" {
			rest = append(rest, it)
		}
	}
	return rest, nil
}

func (t *batchTx) insertSet(set map[string]*insertion) error {
	if len(set) == 0 {
		return nil
	}
	var id, booking, event, user, currency, method, history []string
	var amount, created []int64
	var key, print [][]byte
	for _, w := range set {
		p := newPayment(w.want, 1)
		w.got = Payment{}
		id, booking, event, user = append(id, p.ID), append(booking, p.BookingID), append(event, p.EventID), append(user, p.UserID)
		amount, currency, method = append(amount, p.Amount), append(currency, p.Currency), append(method, p.Method)
		key, print = append(key, w.keyHash), append(print, w.fingerprint)
		created, history = append(created, p.CreatedAt), append(history, p.History)
	}
	return t.each(sqlInsertSet, func(id string) {
		w := set[id]
		w.got, w.result = newPayment(w.want, 1), inserted
	}, id, booking, event, user, amount, currency, method, key, print, created, history)
}

func (t *batchTx) moveSet(set map[string]*move) error {
	if len(set) == 0 {
		return nil
	}
	var status, method, reason, reference, history, id, statusWas []string
	ended := []string{}
	var try, refunded, updated, was []int64
	var void []bool
	for _, w := range set {
		p := &w.to
		status, method, try, void = append(status, string(p.Status)), append(method, p.Method), append(try, p.try), append(void, p.voidWanted)
		refunded, reason, reference = append(refunded, p.Refunded), append(reason, p.Reason), append(reference, p.reference)
		updated, history, id = append(updated, p.UpdatedAt), append(history, p.History), append(id, w.from.ID)
		was, statusWas = append(was, w.from.Version), append(statusWas, string(w.from.Status))
		if w.ends() {
			ended = append(ended, w.from.ID)
		}
	}
	return t.each(sqlMoveSet, func(id string) { set[id].moved = true },
		status, method, try, void, refunded, reason, reference, updated, history, id, was, statusWas, ended)
}

// each runs a statement and hears of the ids that it has changed.
func (t *batchTx) each(text string, changed func(id string), args ...any) error {
	rows, err := t.stmt(text).QueryContext(t.ctx, args...)
	if err != nil {
		return fmt.Errorf("%.30q: %w", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("%.30q: %w", text, err)
		}
		changed(id)
	}
	return rows.Err()
}
