package payment

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"boxoffice/internal/codec"
)

// rowKey is the key of a row of payments_begun, payments_unwinding or payments_paid.
// Rows written by programs older than migration 8 have no event.
type rowKey struct{ event, id string }

// noted is a row that lists payments of an event.
type noted struct {
	rowKey
	payments string // JSON
}

// startedBatch is a row of payments_begun. It lists payments of an event that were
// inserted together, so that recovery finds those that are not finished. Its id is the
// smallest of theirs.
//
// The process that inserted them deletes the row when its drivers have finished the last
// one. It does not notice payments that another node has finished, or that need a
// person; recovery deletes such rows.
type startedBatch struct {
	rowKey
	left atomic.Int64 // payments that were not ended here
}

// noteStarted makes the rows for payments inserted in one transaction.
func noteStarted(made []*insertion) (rows []noted) {
	byEvent := map[string][]*insertion{}
	for _, w := range made {
		byEvent[w.got.EventID] = append(byEvent[w.got.EventID], w)
	}
	for event, made := range byEvent {
		b := &startedBatch{}
		ids := make([]string, len(made))
		for i, w := range made {
			ids[i], w.batch = w.got.ID, b
		}
		b.rowKey = rowKey{event, slices.Min(ids)}
		b.left.Store(int64(len(ids)))
		rows = append(rows, noted{b.rowKey, list(ids)})
	}
	return rows
}

// ended records that one of the payments is final. After the last one, the next
// batch deletes the row.
func (s *store) ended(b *startedBatch) {
	if b.left.Add(-1) == 0 {
		s.mu.Lock()
		s.over = append(s.over, b.rowKey)
		s.mu.Unlock()
	}
}

// takeOver returns the rows to delete, once. If they are not deleted, recovery does
// it.
func (s *store) takeOver() []rowKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.over
	s.over = nil
	return over
}

const (
	// All by payments_begun_by_event.
	sqlStart   = `INSERT INTO payments_begun (event_id, id, payments) VALUES ($1, $2, $3)`
	sqlOver    = `DELETE FROM payments_begun WHERE event_id = $1 AND id = $2`
	sqlShrink  = `UPDATE payments_begun SET payments = $1 WHERE event_id = $2 AND id = $3`
	sqlStarted = `SELECT event_id, id, payments FROM payments_begun WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`

	// By payments_by_event.
	sqlOpen = `SELECT ` + columns + ` FROM payments WHERE event_id = $1 COLLATE "C"
		AND id /*sqlite: IN (SELECT value FROM json_each($2))*/ /*postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST($2 AS JSON))))*/ AND ` + underWay

	underWay = `status IN ('pending', 'authorized', 'taking_back', 'voiding', 'returning')`
)

// startedRow is a row of payments_begun as recovery reads it.
type startedRow struct {
	rowKey
	payments []string // ids
	bad      bool     // it cannot be read
}

// startedBatches lists rows of payments_begun, in the order of their keys. Rows that
// cannot be read are marked bad and kept.
func (s *store) startedBatches(ctx context.Context, after rowKey, limit int) ([]startedRow, error) {
	rows, err := s.reads[sqlStarted].QueryContext(ctx, after.event, after.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments begun: %w", err)
	}
	defer rows.Close()
	var list []startedRow
	for rows.Next() {
		var r startedRow
		var ids string
		if err := rows.Scan(&r.event, &r.id, &ids); err != nil {
			return nil, fmt.Errorf("list payments begun: %w", err)
		}
		if err := codec.ReadKnown([]byte(ids), &r.payments); err != nil {
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
	rows, err := s.reads[sqlOpen].QueryContext(ctx, event, list(ids))
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

// list encodes ids as a JSON array: [] for none, since PostgreSQL does not accept
// null.
func list(ids []string) string {
	if len(ids) == 0 {
		return "[]"
	}
	raw, err := codec.Marshal(ids)
	if err != nil {
		panic(err) // they are strings
	}
	return string(raw)
}
