package sandbox

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/batch"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/sqldb"
)

// The kinds of entries.
const (
	kindSlow    = "slow"    // a slow authorization has begun
	kindCapture = "capture" // of a slow authorization; older versions wrote none
	kindVoid    = "void"    // the charge is let go
	kindRefund  = "refund"  // a part of it went back
)

// entry is a row of sandbox_entries.
type entry struct {
	charge, step, kind string
	amount, at         int64
}

// books is the state of a charge after its entries.
type books struct {
	entries   []entry
	captured  bool
	voided    bool
	refunds   int64 // minor units
	slowSince int64 // µs since 1970; 0: not slow
}

func (b *books) add(e entry) {
	b.entries = append(b.entries, e)
	switch e.kind {
	case kindSlow:
		b.slowSince = e.at
	case kindCapture:
		b.captured = true
	case kindVoid:
		b.voided = true
	case kindRefund:
		b.refunds += e.amount
	}
}

// judge decides the outcome of a job, and whether to write its entry.
func (b *books) judge(j *job) (o provider.Outcome, write bool) {
	e := j.entry
	done := provider.Outcome{Verdict: provider.Approved}
	for _, was := range b.entries {
		if was.step != e.step {
			continue
		}
		if was.kind != e.kind || was.amount != e.amount {
			return declined("key_reused"), false
		}
		return done, false
	}
	switch {
	case e.kind == kindVoid && b.voided:
		return done, false
	case e.kind == kindVoid && (b.captured || b.refunds > 0):
		return declined("captured"), false
	case e.kind != kindVoid && b.voided:
		return declined("voided"), false
	case e.kind == kindCapture && b.captured:
		return done, false
	case e.kind == kindCapture && (b.slowSince == 0 || b.slowSince > j.ripeAt):
		return declined("not_authorized"), false
	case e.kind == kindRefund && (e.amount <= 0 || e.amount > j.limit-b.refunds):
		return declined("more_than_captured"), false
	}
	return done, true
}

// job is an entry that is being written.
type job struct {
	entry   entry
	limit   int64 // the charge's amount in minor units
	ripeAt  int64 // µs since 1970; what is slow and began until then is approved
	outcome provider.Outcome
}

const (
	// By a range of the primary key.
	sqlBooks = `SELECT step, kind, amount, at FROM sandbox_entries WHERE charge = $1 ORDER BY step`
	sqlEnter = `INSERT INTO sandbox_entries (charge, step, kind, amount, at) VALUES ($1, $2, $3, $4, $5)`
	sqlKnown = `SELECT DISTINCT charge FROM sandbox_entries`
)

// commit writes a batch of entries in one transaction.
func (g *Gateway) commit(items []*batch.Item[*job]) {
	ctx := context.Background() // the batch belongs to many requests
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		for _, it := range items {
			j := it.Value
			b, err := readBooks(ctx, tx, g.db.Text(sqlBooks), j.entry.charge)
			if err != nil {
				return err
			}
			var write bool
			if j.outcome, write = b.judge(j); !write {
				continue
			}
			e := j.entry
			if _, err := tx.ExecContext(ctx, g.db.Text(sqlEnter), e.charge, e.step, e.kind, e.amount, e.at); err != nil {
				return fmt.Errorf("enter %s of %s: %w", e.kind, e.charge, err)
			}
		}
		return nil
	})
	for _, it := range items {
		it.Done(err)
	}
}

func (g *Gateway) books(ctx context.Context, charge string) (books, error) {
	return readBooks(ctx, g.db.Reader(), g.db.Text(sqlBooks), charge)
}

func readBooks(ctx context.Context, q sqldb.Querier, text, charge string) (books, error) {
	var b books
	rows, err := q.QueryContext(ctx, text, charge)
	if err != nil {
		return b, fmt.Errorf("books of %s: %w", charge, err)
	}
	defer rows.Close()
	for rows.Next() {
		e := entry{charge: charge}
		if err := rows.Scan(&e.step, &e.kind, &e.amount, &e.at); err != nil {
			return b, fmt.Errorf("books of %s: %w", charge, err)
		}
		b.add(e)
	}
	return b, rows.Err()
}

// load reads the set of charges that have entries.
func (g *Gateway) load(ctx context.Context) error {
	rows, err := g.db.Reader().QueryContext(ctx, g.db.Text(sqlKnown))
	if err != nil {
		return fmt.Errorf("read sandbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var charge string
		if err := rows.Scan(&charge); err != nil {
			return fmt.Errorf("read sandbox: %w", err)
		}
		g.know(charge)
	}
	return rows.Err()
}
