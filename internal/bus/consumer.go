package bus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/sqldb"
)

// Consumer consumes the messages of some topics.
type Consumer struct {
	Name   string // stays the same for good, as it is part of dead letters
	Topics []string
	Taken  *Taken // which messages it has consumed

	// Consume works out what is to become of up to MostAtOnce messages, and returns what
	// is to be written: write runs in the transaction that records the messages as taken,
	// so they are consumed exactly once. It may be nil. Messages of one key of an ordered
	// topic are in order. Consume is called again for the same messages when the
	// transaction did not come about, and for each key or message alone when it fails for
	// several. A failed message is tried again, later each time, and becomes a dead
	// letter after MaxTries; one that can never succeed (see Impossible) does so at once,
	// and one that waits for something else (see NotNow) never does. It is not called
	// concurrently, except by ConsumeNow.
	Consume func(ctx context.Context, list []Message) (write func(ctx context.Context, tx *sql.Tx) error, err error)

	// Consumed is called after messages were consumed, when what write has written is
	// committed. It must return at once. nil: nothing is called.
	Consumed func()
}

// MostAtOnce is how many messages are consumed together at most.
const MostAtOnce = 64

// impossible marks an error that trying again does not change.
type impossible struct{ error }

func (e impossible) Unwrap() error { return e.error }

// Impossible says that a message can never be consumed: it is not tried again.
func Impossible(err error) error { return impossible{err} }

// notNow marks an error that is not the message's.
type notNow struct{ error }

func (e notNow) Unwrap() error { return e.error }

// NotNow says that the consumer cannot work now, for example because a server that it
// needs is away. The message is tried again until it can, however long that takes.
func NotNow(err error) error { return notNow{err} }

// Taken records which messages a consumer has taken, in a table of its service:
//
//	CREATE TABLE NAME (
//	    topic TEXT COLLATE "C" NOT NULL,
//	    key   TEXT COLLATE "C" NOT NULL,
//	    id    TEXT COLLATE "C" NOT NULL,
//	    at    BIGINT  NOT NULL, -- µs since 1970
//	    dead  BOOLEAN NOT NULL, -- it became a dead letter
//	    PRIMARY KEY (topic, key, id)
//	) /*sqlite: WITHOUT ROWID*/;
//
// It is a set, not a cursor: messages are committed in another order than that of
// their ids.
type Taken struct {
	db                                             *sqldb.DB
	sqlWhich, sqlTake, sqlRevive, sqlOld, sqlPrune string
}

// references are the names of messages as a set for the FROM of a statement, as w.
const (
	references = `(SELECT /*sqlite: json_extract(value, '$[0]') AS topic, json_extract(value, '$[1]') AS key, json_extract(value, '$[2]') AS id FROM json_each($1)*/
		/*postgres: r->>0 AS topic, r->>1 AS key, r->>2 AS id FROM json_array_elements(CAST($1 AS JSON)) AS r*/) AS w`
)

// NewTaken is the record of a consumer in a table that its service's migrations make.
func NewTaken(db *sqldb.DB, table string) *Taken {
	return &Taken{
		db: db, // by the primary key, if nothing else is said
		sqlWhich: db.Text(`SELECT t.topic, t.key, t.id FROM ` + references + ` CROSS JOIN ` + table + ` AS t
			WHERE t.topic = w.topic AND t.key = w.key AND t.id = w.id`),
		sqlTake: db.Text(`INSERT INTO ` + table + ` (topic, key, id, at, dead) SELECT w.topic, w.key, w.id, CAST($2 AS BIGINT), CAST($3 AS BOOLEAN)
			FROM ` + references + ` WHERE TRUE ON CONFLICT DO NOTHING`),
		sqlRevive: `UPDATE ` + table + ` SET dead = FALSE, at = $1 WHERE topic = $2 AND key = $3 AND id = $4 AND dead`,
		sqlOld:    `SELECT topic, key, id, dead FROM ` + table + ` WHERE at < $1 AND (topic, key, id) > ($2, $3, $4) ORDER BY topic, key, id LIMIT $5`,
		sqlPrune:  `DELETE FROM ` + table + ` WHERE topic = $1 AND key = $2 AND id = $3 AND at < $4 AND dead = $5`,
	}
}

// asJSON is the names of messages as the statements take them.
func asJSON(refs []Ref) (string, error) {
	list := make([][3]string, len(refs))
	for i, r := range refs {
		list[i] = [3]string{r.Topic, r.Key, r.ID}
	}
	raw, err := codec.Marshal(list)
	return string(raw), err
}

// which returns those of some messages that were taken.
func (t *Taken) which(ctx context.Context, refs []Ref) (map[Ref]bool, error) {
	taken := map[Ref]bool{}
	if len(refs) == 0 {
		return taken, nil
	}
	list, err := asJSON(refs)
	if err != nil {
		return nil, err
	}
	rows, err := t.db.Query(ctx, t.sqlWhich, list)
	if err != nil {
		return nil, fmt.Errorf("taken messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Ref
		if err := rows.Scan(&r.Topic, &r.Key, &r.ID); err != nil {
			return nil, fmt.Errorf("taken messages: %w", err)
		}
		taken[r] = true
	}
	return taken, rows.Err()
}

// errTaken says that some of the messages were taken meanwhile.
var errTaken = errors.New("bus: some of the messages were taken meanwhile")

// take records messages as taken in one transaction with write. If any was taken
// already nothing is written, and the error is errTaken.
func (t *Taken) take(ctx context.Context, refs []Ref, now time.Time, dead bool, write func(context.Context, *sql.Tx) error) error {
	list, err := asJSON(refs)
	if err != nil {
		return err
	}
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, t.sqlTake, list, now.UnixMicro(), dead)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != int64(len(refs)) {
			return errors.Join(err, errTaken)
		}
		if write == nil {
			return nil
		}
		return write(ctx, tx)
	})
}

// revive turns a dead letter into a taken message, in one transaction with write.
func (t *Taken) revive(ctx context.Context, r Ref, now time.Time, write func(context.Context, *sql.Tx) error) error {
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, t.sqlRevive, now.UnixMicro(), r.Topic, r.Key, r.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errTaken)
		}
		if write == nil {
			return nil
		}
		return write(ctx, tx)
	})
}

// old is a message that was taken a while ago.
type old struct {
	Ref
	dead bool // it became a dead letter
}

// prune forgets messages that were taken before a time, but for those that are to stay.
func (t *Taken) prune(ctx context.Context, before time.Time, stays func(m old) bool) error {
	for after := (Ref{}); ; {
		list, err := t.before(ctx, before, after)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].Ref
		err = t.db.Write(ctx, func(tx *sql.Tx) error {
			for _, m := range list {
				if stays(m) {
					continue
				}
				if _, err := tx.ExecContext(ctx, t.sqlPrune, m.Topic, m.Key, m.ID, before.UnixMicro(), m.dead); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("taken messages: %w", err)
		}
	}
}

// before lists some of the messages that were taken before a time.
func (t *Taken) before(ctx context.Context, before time.Time, after Ref) (list []old, err error) {
	rows, err := t.db.Reader().QueryContext(ctx, t.sqlOld, before.UnixMicro(), after.Topic, after.Key, after.ID, pageSize)
	if err != nil {
		return nil, fmt.Errorf("taken messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m old
		if err := rows.Scan(&m.Topic, &m.Key, &m.ID, &m.dead); err != nil {
			return nil, fmt.Errorf("taken messages: %w", err)
		}
		list = append(list, m)
	}
	return list, rows.Err()
}
