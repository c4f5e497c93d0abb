package payment

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

// meets carries out do while another node has changed a row and not committed yet,
// and commits that once do waits for it.
func (w *world) meets(change string, args []any, do func() error) error {
	w.t.Helper()
	done := make(chan error, 1)
	err := w.db.Write(context.Background(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(change, args...); err != nil {
			return err
		}
		go func() { done <- do() }()
		for waits := 0; waits == 0; {
			if err := tx.QueryRow(`SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()
				AND transactionid IS NOT NULL`).Scan(&waits); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return <-done
}

// A change by the owner that meets another node's change of the payment is decided anew, and so is
// a second attempt that another node has begun.
func TestOtherNodesChangeTheRow(t *testing.T) {
	if !sqldbtest.OnPostgres(t) {
		t.Skip("SQLite has one writer")
	}
	w := newWorld(t)
	ctx := t.Context()
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, paymentapi.SandboxDecline, "")
	if err == nil {
		t.Fatalf("%+v", p)
	}
	second := b.ID + "-2"
	const begin = `INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method, try, void_wanted,
			refunded, reason, reference, version, created_at, updated_at, history, started_at, ends_as)
		SELECT $1, booking_id, event_id, user_id, 2, amount, currency, 'captured', 'tok_ok', try, void_wanted,
			0, '', '', 1, created_at, updated_at, history, started_at, '' FROM payments WHERE id = $2`
	err = w.meets(begin, []any{second, b.ID + "-1"}, func() error {
		got, err := w.pay(b, paymentapi.SandboxOK, "")
		if got.ID != second {
			t.Errorf("it pays by %q", got.ID)
		}
		return err
	})
	if err != nil {
		t.Errorf("a second attempt that another node has begun: %v", err)
	}

	other := w.house.hold("fan0000000000002", 2)
	slow, err := w.pay(other, "tok_never", "")
	if err != nil || slow.Status != paymentapi.Pending {
		t.Fatal(slow, err)
	}
	owner := caller.Caller{UserID: other.UserID, Role: caller.Customer, Verified: true}
	err = w.meets(`UPDATE payments SET version = version + 1 WHERE id = $1`, []any{slow.ID}, func() error {
		got, err := w.void(ctx, owner, slow.ID, 0)
		if got.Status != paymentapi.Voided {
			t.Errorf("it is %s", got.Status)
		}
		return err
	})
	if err != nil {
		t.Errorf("voided while another node changes it: %v", err)
	}
}

// A write that meets changes again and again is given up in the end.
func TestChangesAreMetOnlySoOften(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		fails, tries int
		fine         bool
	}{{1, 2, true}, {changedTries - 1, changedTries, true}, {1000, changedTries, false}} {
		m := &meeting{fails: c.fails}
		if err := w.store.do(t.Context(), m); (err == nil) != c.fine || m.tries != c.tries {
			t.Errorf("%d changes: tried %d times: %v", c.fails, m.tries, err)
		}
	}
}

// meeting is a write that meets so many changes.
type meeting struct{ fails, tries int }

func (w *meeting) apply(*batchTx) error {
	if w.tries++; w.tries <= w.fails {
		return errChanged
	}
	return nil
}

// What cost nothing is given back at once: no money is on its way.
func TestGivingBackWhatCostNothing(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID)
	p, err := w.pay(b, "", "")
	if err != nil || p.Status != paymentapi.Captured {
		t.Fatal(p, err)
	}
	p, err = w.void(t.Context(), fan, p.ID, 0)
	shown, err := show(p, err)
	if r, err := respond(shown, err, 200); err != nil || r.Status != 200 || p.owes() {
		t.Errorf("%+v %v, money on its way: %v", r, err, p.owes())
	}
	if b, err := w.house.Recent(t.Context(), b.ID); err != nil || b.Status != bookingapi.Cancelled {
		t.Errorf("%+v %v", b, err)
	}
}
