package payment

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
)

// outbox is a table of messages as the bus reads it. Each row is a message; its key is an
// event's id.
type outbox struct {
	s            *store
	topic, kind  string
	list, remove string // statements
	body         func(text string) any
	bell         bus.Bell
}

func (o *outbox) Topic() string   { return o.topic }
func (o *outbox) Ordered() bool   { return false }
func (o *outbox) Bell() *bus.Bell { return &o.bell }

// Pending lists rows in the order of their keys.
func (o *outbox) Pending(ctx context.Context, after bus.Ref, limit int) ([]bus.Message, error) {
	fail := func(err error) ([]bus.Message, error) { return nil, fmt.Errorf("outbox %s: %w", o.topic, err) }
	rows, err := o.s.db.Query(ctx, o.list, after.Key, after.ID, limit)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	var list []bus.Message
	for rows.Next() {
		m := bus.Message{Topic: o.topic, Type: o.kind}
		var text string
		if err := rows.Scan(&m.Key, &m.ID, &text); err != nil {
			return fail(err)
		}
		m.At = notedAt(m.ID)
		if m.Body, err = codec.Marshal(o.body(text)); err != nil {
			return fail(err)
		}
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return list, nil
}

// Remove deletes rows that all consumers have taken.
func (o *outbox) Remove(ctx context.Context, list []bus.Ref) error {
	err := o.s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, r := range list {
			if _, err := tx.ExecContext(ctx, o.remove, r.Key, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("outbox %s: %w", o.topic, err)
	}
	return nil
}
