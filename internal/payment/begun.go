package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
)

// begun is a row of payments_begun: payments that were inserted together, to be
// found again if nobody brings them to an end. Its id is the least of theirs.
//
// The process that inserted them deletes the row when its drivers have ended the
// last of them. It never learns of one that another node has ended, or that needs
// a person; such a row is recovery's.
type begun struct {
	id   string
	left atomic.Int64 // payments that were not ended here
}

// begin notes payments that are inserted in one transaction, and lists their ids.
func begin(made []*insertion) (*begun, []string) {
	b := &begun{}
	ids := make([]string, len(made))
	for i, w := range made {
		ids[i], w.begun = w.got.ID, b
	}
	b.id = slices.Min(ids)
	b.left.Store(int64(len(ids)))
	return b, ids
}

// ended notes that one of the payments is final. The row of the last goes with
// the next batch.
func (s *store) ended(b *begun) {
	if b.left.Add(-1) == 0 {
		s.mu.Lock()
		s.over = append(s.over, b.id)
		s.mu.Unlock()
	}
}

// takeOver hands out the rows that are to be deleted, once: what becomes of them
// matters little, since recovery deletes those that stay.
func (s *store) takeOver() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.over
	s.over = nil
	return ids
}

// among is a condition that an id is in a JSON array of them, by primary key.
const among = ` id /*sqlite: IN (SELECT value FROM json_each($1))*/ /*postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS JSON))))*/`

const (
	sqlBegin  = `INSERT INTO payments_begun (id, payments) VALUES ($1, $2)`
	sqlOver   = `DELETE FROM payments_begun WHERE` + among
	sqlShrink = `UPDATE payments_begun SET payments = $1 WHERE id = $2` // primary key

	// All by primary key.
	sqlBegun = `SELECT id, payments FROM payments_begun WHERE id > $1 ORDER BY id LIMIT $2`
	sqlOpen  = `SELECT ` + columns + ` FROM payments WHERE` + among + ` AND ` + underWay

	underWay = `status IN ('pending', 'authorized', 'taking_back', 'voiding', 'returning')`
)

// begunRow is a row of payments_begun as recovery reads it.
type begunRow struct {
	id       string
	payments []string // ids
	bad      bool     // it cannot be read
}

// begun lists rows of payments_begun, in the order of their ids.
//
// A row that cannot be read is passed over: it stays, and hides no other.
func (s *store) begun(ctx context.Context, after string, limit int) ([]begunRow, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlBegun), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments begun: %w", err)
	}
	defer rows.Close()
	var list []begunRow
	for rows.Next() {
		var r begunRow
		var ids string
		if err := rows.Scan(&r.id, &ids); err != nil {
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
func (s *store) open(ctx context.Context, ids []string) (map[string]Payment, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlOpen), list(ids))
	if err != nil {
		return nil, fmt.Errorf("read open payments: %w", err)
	}
	defer rows.Close()
	found := map[string]Payment{}
	for rows.Next() {
		var p Payment
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("read open payments: %w", err)
		}
		found[p.ID] = p
	}
	return found, rows.Err()
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
