package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
)

// rowKey is the key of a row of payments_begun, payments_unwinding or payments_paid.
// Rows of programs that knew only migration 7 have no event.
type rowKey struct{ event, id string }

// noted is a row that notes some payments of an event.
type noted struct {
	rowKey
	payments string // JSON
}

// begun is a row of payments_begun: payments of an event that were inserted together,
// to be found again if nobody brings them to an end. Its id is the least of theirs.
//
// The process that inserted them deletes the row when its drivers have ended the
// last of them. It never learns of one that another node has ended, or that needs
// a person; such a row is recovery's.
type begun struct {
	rowKey
	left atomic.Int64 // payments that were not ended here
}

// begin notes payments that are inserted in one transaction.
func begin(made []*insertion) (rows []noted) {
	byEvent := map[string][]*insertion{}
	for _, w := range made {
		byEvent[w.got.EventID] = append(byEvent[w.got.EventID], w)
	}
	for event, made := range byEvent {
		b := &begun{}
		ids := make([]string, len(made))
		for i, w := range made {
			ids[i], w.begun = w.got.ID, b
		}
		b.rowKey = rowKey{event, slices.Min(ids)}
		b.left.Store(int64(len(ids)))
		rows = append(rows, noted{b.rowKey, list(ids)})
	}
	return rows
}

// ended notes that one of the payments is final. The row of the last goes with
// the next batch.
func (s *store) ended(b *begun) {
	if b.left.Add(-1) == 0 {
		s.mu.Lock()
		s.over = append(s.over, b.rowKey)
		s.mu.Unlock()
	}
}

// takeOver hands out the rows that are to be deleted, once: what becomes of them
// matters little, since recovery deletes those that stay.
func (s *store) takeOver() []rowKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.over
	s.over = nil
	return over
}

const (
	// All by payments_begun_by_event.
	sqlBegin  = `INSERT INTO payments_begun (event_id, id, payments) VALUES ($1, $2, $3)`
	sqlOver   = `DELETE FROM payments_begun WHERE event_id = $1 AND id = $2`
	sqlShrink = `UPDATE payments_begun SET payments = $1 WHERE event_id = $2 AND id = $3`
	sqlBegun  = `SELECT event_id, id, payments FROM payments_begun WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`

	// By payments_by_event.
	sqlOpen = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C"
		AND id /*sqlite: IN (SELECT value FROM json_each($2))*/ /*postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST($2 AS JSON))))*/ AND ` + underWay

	underWay = `status IN ('pending', 'authorized', 'taking_back', 'voiding', 'returning')`
)

// begunRow is a row of payments_begun as recovery reads it.
type begunRow struct {
	rowKey
	payments []string // ids
	bad      bool     // it cannot be read
}

// begun lists rows of payments_begun, in the order of their keys.
//
// A row that cannot be read is passed over: it stays, and hides no other.
func (s *store) begun(ctx context.Context, after rowKey, limit int) ([]begunRow, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlBegun), after.event, after.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments begun: %w", err)
	}
	defer rows.Close()
	var list []begunRow
	for rows.Next() {
		var r begunRow
		var ids string
		if err := rows.Scan(&r.event, &r.id, &ids); err != nil {
			return nil, fmt.Errorf("list payments begun: %w", err)
		}
		if err := json.Unmarshal([]byte(ids), &r.payments); err != nil {
			r.payments, r.bad = nil, true
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// open reads those of some payments that are not final, by id.
func (s *store) open(ctx context.Context, ids []string) (map[string]record, error) {
	byEvent := map[string][]string{}
	for _, id := range ids {
		event := eventOf(id)
		byEvent[event] = append(byEvent[event], id)
	}
	found := map[string]record{}
	for event, ids := range byEvent {
		if err := s.openOf(ctx, event, ids, found); err != nil {
			return nil, fmt.Errorf("read open payments: %w", err)
		}
	}
	return found, nil
}

func (s *store) openOf(ctx context.Context, event string, ids []string, found map[string]record) error {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlOpen), event, list(ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p record
		if err := scan(rows, &p); err != nil {
			return err
		}
		found[p.ID] = p
	}
	return rows.Err()
}

// list is a JSON array of ids; of none, too, since PostgreSQL takes no null for one.
func list(ids []string) string {
	if len(ids) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(ids)
	if err != nil {
		panic(err) // they are strings
	}
	return string(raw)
}
