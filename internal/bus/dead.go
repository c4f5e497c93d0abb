package bus

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

// DeadLetter is a message that a consumer could not consume.
type DeadLetter struct {
	Consumer string
	Message  Message
	Failure  string    // the last error
	Tries    int       // how often it was tried
	At       time.Time // of the last try
	Replay   bool      // it is to be consumed again, and was not yet
}

// DeadRef names a dead letter.
type DeadRef struct {
	Consumer string
	Ref
}

// Filter chooses dead letters; empty fields choose all.
type Filter struct{ Consumer, Topic, Key, ID string }

// DeadLetters is the table of dead letters.
type DeadLetters struct{ db *sqldb.DB }

// OpenDead opens the table of dead letters, after bringing it up to date.
func OpenDead(ctx context.Context, db *sqldb.DB) (*DeadLetters, error) {
	return &DeadLetters{db}, db.Migrate(ctx, "bus", migrations)
}

const (
	// All by the primary key; there are few rows.
	sqlBury = `INSERT INTO bus_dead (consumer, topic, key, id, message, failure, tries, at, replay)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE)
		ON CONFLICT (consumer, topic, key, id) DO UPDATE SET failure = excluded.failure, tries = bus_dead.tries + excluded.tries, at = excluded.at, replay = FALSE`
	sqlDead = `SELECT consumer, message, failure, tries, at, replay FROM bus_dead
		WHERE ($1 = '' OR consumer = $1) AND ($2 = '' OR topic = $2) AND ($3 = '' OR key = $3) AND ($4 = '' OR id = $4)
			AND (consumer, topic, key, id) > ($5, $6, $7, $8) AND (NOT $9 OR replay)
		ORDER BY consumer, topic, key, id LIMIT $10`
	sqlReplay = `UPDATE bus_dead SET replay = TRUE WHERE ($1 = '' OR consumer = $1) AND ($2 = '' OR topic = $2) AND ($3 = '' OR key = $3) AND ($4 = '' OR id = $4)`
	sqlDrop   = `DELETE FROM bus_dead WHERE ($1 = '' OR consumer = $1) AND ($2 = '' OR topic = $2) AND ($3 = '' OR key = $3) AND ($4 = '' OR id = $4)`
)

func (f Filter) args() []any { return []any{f.Consumer, f.Topic, f.Key, f.ID} }

// List returns up to limit dead letters that follow after, in the order of their
// names.
func (d *DeadLetters) List(ctx context.Context, f Filter, after DeadRef, limit int) ([]DeadLetter, error) {
	return d.list(ctx, f, after, false, limit)
}

func (d *DeadLetters) list(ctx context.Context, f Filter, after DeadRef, replay bool, limit int) ([]DeadLetter, error) {
	rows, err := d.db.Query(ctx, sqlDead, append(f.args(), after.Consumer, after.Topic, after.Key, after.ID, replay, limit)...)
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	defer rows.Close()
	var list []DeadLetter
	for rows.Next() {
		var l DeadLetter
		var message string
		var at int64
		if err := rows.Scan(&l.Consumer, &message, &l.Failure, &l.Tries, &at, &l.Replay); err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
		if l.Message, err = Decode([]byte(message)); err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
		l.At = time.UnixMicro(at)
		list = append(list, l)
	}
	return list, rows.Err()
}

// Replay has dead letters consumed again, by the server, within seconds. It returns
// how many.
func (d *DeadLetters) Replay(ctx context.Context, f Filter) (int64, error) {
	return d.change(ctx, sqlReplay, f.args()...)
}

// Drop deletes dead letters: they are never consumed. It returns how many.
func (d *DeadLetters) Drop(ctx context.Context, f Filter) (int64, error) {
	return d.change(ctx, sqlDrop, f.args()...)
}

// bury keeps a message that could not be consumed.
func (d *DeadLetters) bury(ctx context.Context, consumer string, m *Message, why error, tries int, now time.Time) error {
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = d.change(ctx, sqlBury, consumer, m.Topic, m.Key, m.ID, string(raw), why.Error(), tries, now.UnixMicro())
	return err
}

func (d *DeadLetters) change(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = d.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("dead letters: %w", err)
	}
	return n, nil
}

// refs names the dead letters of a consumer.
func (d *DeadLetters) refs(ctx context.Context, consumer string) (map[Ref]bool, error) {
	rows, err := d.db.Reader().QueryContext(ctx, `SELECT topic, key, id FROM bus_dead WHERE consumer = $1`, consumer) // primary key
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	defer rows.Close()
	list := map[Ref]bool{}
	for rows.Next() {
		var r Ref
		if err := rows.Scan(&r.Topic, &r.Key, &r.ID); err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
		list[r] = true
	}
	return list, rows.Err()
}

// count is how many dead letters each consumer has.
func (d *DeadLetters) count(ctx context.Context) (map[string]int, error) {
	rows, err := d.db.Reader().QueryContext(ctx, `SELECT consumer, count(*) FROM bus_dead GROUP BY consumer`)
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var consumer string
		var n int
		if err := rows.Scan(&consumer, &n); err != nil {
			return nil, errors.Join(err)
		}
		counts[consumer] = n
	}
	return counts, rows.Err()
}
