package bus

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
)

// Outbox holds the messages of one topic until all consumers have taken them. Table is
// one; a service whose rows are messages already implements its own.
type Outbox interface {
	// Topic is the topic of all its messages.
	Topic() string
	// Ordered reports whether the messages of a key are consumed in the order of their
	// ids (as bytes). The service must then commit them in this order, too.
	Ordered() bool
	// Pending returns up to limit messages whose key and id follow those of after, in
	// the order of key and id. The zero Ref is before all.
	Pending(ctx context.Context, after Ref, limit int) ([]Message, error)
	// Remove deletes messages that all consumers have taken. Some may be gone already.
	Remove(ctx context.Context, list []Ref) error
	// Bell rings when this process has committed messages.
	Bell() *Bell
}

// Bell wakes those who wait for messages of this process. The zero value is ready.
type Bell struct {
	mu     sync.Mutex
	sleeps []chan<- struct{}
}

// Ring wakes all listeners. It never waits.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.sleeps {
		select {
		case c <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

// listen makes a channel, which should have a buffer of one, hear the bell.
func (b *Bell) listen(c chan<- struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sleeps = append(b.sleeps, c)
}

// Draft is a message to be added to an outbox.
type Draft struct {
	Key  string // what it is about
	Type string // what has happened
	Body []byte // a JSON object
}

// Table is an outbox in a table of its service, which has these columns:
//
//	CREATE TABLE NAME (
//	    key  TEXT COLLATE "C" NOT NULL,
//	    id   TEXT COLLATE "C" NOT NULL,
//	    type TEXT   NOT NULL,
//	    at   BIGINT NOT NULL, -- µs since 1970
//	    body TEXT   NOT NULL, -- JSON
//	    PRIMARY KEY (key, id)
//	) /*sqlite: WITHOUT ROWID*/;
//
// Its messages are ordered by key: transactions that add messages of one key must
// exclude each other, as they do when they change the same row first.
type Table struct {
	db         *sqldb.DB
	topic      string
	bell       Bell
	sqlLast    string
	sqlAdd     string
	sqlPending string
	sqlRemove  string
}

// NewTable is the outbox of a topic in a table that the service's migrations make.
func NewTable(db *sqldb.DB, topic, table string) *Table {
	return &Table{
		db: db, topic: topic, // all by the primary key
		sqlLast:    `SELECT max(id) FROM ` + table + ` WHERE key = $1`,
		sqlAdd:     `INSERT INTO ` + table + ` (key, id, type, at, body) VALUES ($1, $2, $3, $4, $5)`,
		sqlPending: `SELECT key, id, type, at, body FROM ` + table + ` WHERE (key, id) > ($1, $2) ORDER BY key, id LIMIT $3`,
		sqlRemove:  `DELETE FROM ` + table + ` WHERE key = $1 AND id = $2`,
	}
}

// Add adds messages in the transaction of the change that they tell of. Once that is
// committed, ring the Bell.
func (t *Table) Add(ctx context.Context, tx *sql.Tx, drafts ...Draft) error {
	for _, d := range drafts {
		// The last message of the key may be of a node whose clock is ahead. If it is gone,
		// it was taken, and the order is kept all the same.
		var last sql.NullString
		if err := tx.QueryRowContext(ctx, t.sqlLast, d.Key).Scan(&last); err != nil {
			return fmt.Errorf("outbox %s: %w", t.topic, err)
		}
		at := t.db.Now().UnixMicro()
		n := at
		if last.Valid {
			var before int64
			if _, err := fmt.Sscanf(last.String, "%d-", &before); err != nil {
				return fmt.Errorf("outbox %s: the id %q: %w", t.topic, last.String, err)
			}
			n = max(n, before+1)
		}
		// The second part keeps ids apart that are given out again after a clock went back.
		if _, err := tx.ExecContext(ctx, t.sqlAdd, d.Key, fmt.Sprintf("%017d-%s", n, id.Token()), d.Type, at, string(d.Body)); err != nil {
			return fmt.Errorf("outbox %s: %w", t.topic, err)
		}
	}
	return nil
}

// Topic is the topic of all its messages.
func (t *Table) Topic() string { return t.topic }

// Ordered is true.
func (t *Table) Ordered() bool { return true }

// Bell is to be rung once messages are committed.
func (t *Table) Bell() *Bell { return &t.bell }

// Pending lists messages in the order of key and id.
func (t *Table) Pending(ctx context.Context, after Ref, limit int) ([]Message, error) {
	rows, err := t.db.Query(ctx, t.sqlPending, after.Key, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("outbox %s: %w", t.topic, err)
	}
	defer rows.Close()
	var list []Message
	for rows.Next() {
		m := Message{Topic: t.topic}
		var at int64
		var body string
		if err := rows.Scan(&m.Key, &m.ID, &m.Type, &at, &body); err != nil {
			return nil, fmt.Errorf("outbox %s: %w", t.topic, err)
		}
		m.At, m.Body = time.UnixMicro(at), []byte(body)
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("outbox %s: %w", t.topic, err)
	}
	return list, nil
}

// Remove deletes messages.
func (t *Table) Remove(ctx context.Context, list []Ref) error {
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		for _, r := range list {
			if _, err := tx.ExecContext(ctx, t.sqlRemove, r.Key, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("outbox %s: %w", t.topic, err)
	}
	return nil
}
