package sharding

import (
	"slices"
	"testing"

	"boxoffice/internal/sqldb"
)

// hot are the tables of a purchase: all of the services booking and payment.
var hot = []string{"sales", "claims", "bookings", "booking_reasons", "ledger", "lapsing", "payments", "payments_begun", "payments_unwinding", "payments_paid", "payments_returned", "payments_disputes", "payments_refunds_failed", "payments_journal", "payments_failed_methods", "refunds", "refund_cursors", "payments_refund_jobs"}

// cold are their other tables: messages about changes of events, by the bus's keys, and
// which days were compared with the gateway.
var cold = []string{"booking_taken", "sale_answers", "payments_days"}

func both(t *testing.T, test func(t *testing.T, dialect sqldb.Dialect)) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}

// All that a purchase asks of hot tables is found by a key that begins with the
// event, and no transaction touches the tables of two services.
func TestPurchasesStayWithTheirEvent(t *testing.T) {
	var worlds []*world
	run := map[string]bool{}
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		w := newWorld(t, dialect)
		worlds = append(worlds, w)
		w.purchases()
		seen := w.record.seen()
		for _, text := range seen {
			if !touches(text, hot) {
				continue
			}
			run[flat(text)] = true
			why, err := w.strays(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if why != "" && !aside("", text) {
				t.Errorf("on %s this looks beyond its event:\n%s\n%s", dialect, text, why)
			}
		}
		w.apart()
	}
	everyStatement(t, run, worlds)
}

// The unique keys of hot tables begin with the event, in one collation, but for those
// that are leaving.
func TestKeysBeginWithTheEvent(t *testing.T) {
	both(t, func(t *testing.T, dialect sqldb.Dialect) {
		w := newWorld(t, dialect)
		owned := slices.DeleteFunc(w.tablesOf("booking", "payment"), func(table string) bool { return slices.Contains(cold, table) })
		if !slices.Equal(owned, slices.Sorted(slices.Values(hot))) {
			t.Errorf("the booking and payment services have the tables %v, and this test knows %v", owned, hot)
		}
		for _, table := range owned {
			keys := w.uniqueKeys(table)
			begins := 0
			for _, key := range keys {
				switch {
				case key.columns[0] == "event_id" && (dialect == sqldb.SQLite || key.collation == "C"):
					begins++
				case dialect == sqldb.SQLite || !slices.ContainsFunc(leaving[table], func(old []string) bool { return slices.Equal(old, key.columns) }):
					t.Errorf("%s: the key %s is of %v, collation %q", table, key.name, key.columns, key.collation)
				}
			}
			if begins < max(1, len(leaving[table])) {
				t.Errorf("%s: %d of its keys begin with the event: %+v", table, begins, keys)
			}
		}
	})
}

// leaving are the keys on PostgreSQL that nodes of the version before need, and that
// the next version drops: see booking migration 5, payment migrations 8 and 9.
var leaving = map[string][][]string{
	"bookings":           {{"id"}},
	"lapsing":            {{"expires_at", "event_id", "first_seq"}},
	"payments":           {{"id"}, {"key_hash"}},
	"payments_begun":     {{"id"}},
	"payments_unwinding": {{"id"}},
	"payments_paid":      {{"id"}},
	"refunds":            {{"id"}},
}
