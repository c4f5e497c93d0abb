package bustest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/id"
	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// World is a database with an outbox, and tables for two consumers, a and b.
type World struct {
	*testing.T
	DB     *sqldb.DB
	Outbox *bus.Table
	Name   string // of the database
	sent   map[string]int
	open   Open
}

// Open connects a node on a database to the transport, until the test ends.
type Open func(t *testing.T, database string) bus.Transport

// Start makes a database. open may be nil: there is no transport.
func Start(t *testing.T, open Open) *World {
	w := &World{T: t, DB: sqldbtest.Open(t), Name: id.Token(), sent: map[string]int{}, open: open}
	t.Cleanup(func() { _ = w.DB.Close() })
	w.Outbox = w.Another()
	err := w.DB.Write(t.Context(), func(tx *sql.Tx) error {
		const taken = ` (topic TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, at BIGINT NOT NULL, dead BOOLEAN NOT NULL, PRIMARY KEY (topic, key, id))`
		for _, statement := range []string{
			`CREATE TABLE things_outbox (key TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, type TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (key, id))`,
			`CREATE TABLE a_taken` + taken, `CREATE TABLE b_taken` + taken,
			`CREATE TABLE keys (key TEXT PRIMARY KEY, n BIGINT NOT NULL)`,
			`CREATE TABLE got (consumer TEXT NOT NULL, n BIGINT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (consumer, key, n))`,
		} {
			if _, err := tx.ExecContext(t.Context(), w.DB.Text(statement)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Another is the outbox as another node has it, with a bell of its own.
func (w *World) Another() *bus.Table { return bus.NewTable(w.DB, "things", "things_outbox") }

// Send adds n messages of a key, each in a transaction that changes the key's row
// first, and rings the bell of Outbox.
func (w *World) Send(key string, n int) {
	w.Helper()
	for range n {
		w.sent[key]++
		err := w.DB.Write(w.Context(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(w.Context(), `INSERT INTO keys (key, n) VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET n = keys.n + 1`, key); err != nil {
				return err
			}
			return w.Outbox.Add(w.Context(), tx, bus.Draft{Key: key, Type: "thing", Body: fmt.Appendf(nil, `{"n":%d}`, w.sent[key])})
		})
		if err != nil {
			w.Fatal(err)
		}
		w.Outbox.Bell().Ring()
	}
}

// Consumer writes down what it gets. refuse may be nil.
func (w *World) Consumer(name string, refuse func(m *bus.Message) error) bus.Consumer {
	return bus.Consumer{
		Name: name, Topics: []string{"things"}, Taken: bus.NewTaken(w.DB, name+"_taken"),
		Consume: func(_ context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
			for i := range list {
				if refuse != nil {
					if err := refuse(&list[i]); err != nil {
						return nil, err
					}
				}
			}
			return func(ctx context.Context, tx *sql.Tx) error {
				for _, m := range list {
					if _, err := tx.ExecContext(ctx, `INSERT INTO got (consumer, n, key, body)
						SELECT CAST($1 AS TEXT), 1 + count(*), CAST($2 AS TEXT), $3 FROM got WHERE consumer = $1 AND key = $2`, name, m.Key, string(m.Body)); err != nil {
						return err
					}
				}
				return nil
			}, nil
		},
	}
}

// Node runs a bus until the test ends or the returned function is called. What cfg
// leaves out is quick.
func (w *World) Node(cfg bus.Config, consumers ...bus.Consumer) (*bus.Bus, func()) {
	w.Helper()
	cfg.DB, cfg.Consumers, cfg.Now, cfg.Log = w.DB, consumers, time.Now, slog.New(slog.DiscardHandler)
	if cfg.Outboxes == nil {
		cfg.Outboxes = []bus.Outbox{w.Outbox}
	}
	if cfg.Transport == nil && w.open != nil {
		cfg.Transport = w.open(w.T, w.Name)
	}
	for d, quick := range map[*time.Duration]time.Duration{
		&cfg.First: time.Millisecond, &cfg.Longest: 4 * time.Millisecond, &cfg.Pause: time.Millisecond, &cfg.Poll: 5 * time.Millisecond,
		&cfg.PollConnected: 20 * time.Millisecond, &cfg.RelayEvery: 10 * time.Millisecond, &cfg.RelayAgain: 500 * time.Millisecond,
	} {
		if *d == 0 {
			*d = quick
		}
	}
	b, err := bus.New(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			w.Error(err)
		}
	})
	end := func() { cancel(); running.Wait() }
	w.Cleanup(end)
	return b, end
}

// Got is what a consumer has written down of a key.
func (w *World) Got(consumer, key string) []string {
	w.Helper()
	list, err := sqldb.Texts(w.Context(), w.DB.Reader(), `SELECT body FROM got WHERE consumer = $1 AND key = $2 ORDER BY n`, consumer, key)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

// Until waits for something.
func (w *World) Until(what string, done func() bool) {
	w.Helper()
	patience.Until(w.T, what, done)
}

// Pending is how many messages are in the outbox.
func (w *World) Pending() int {
	w.Helper()
	list, err := w.Outbox.Pending(w.Context(), bus.Ref{}, 10_000)
	if err != nil {
		w.Fatal(err)
	}
	return len(list)
}

// Empty waits until the outbox is empty.
func (w *World) Empty() {
	w.Helper()
	w.Until("the outbox is empty", func() bool { return w.Pending() == 0 })
}

// Complete checks that a consumer got all messages of all keys, once and in order.
func (w *World) Complete(consumer string) {
	w.Helper()
	for key, n := range w.sent {
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf(`{"n":%d}`, i+1)
		}
		if got := w.Got(consumer, key); !slices.Equal(got, want) {
			w.Errorf("%s got of %s: %v", consumer, key, got)
		}
	}
}
