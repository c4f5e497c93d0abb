package payment

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// A payment has a bounded number of methods, also after a restart.
func TestMethodsAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.patience = time.Millisecond
	p, err := w.pay(b, "tok_never", "")
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= paymentapi.MaxMethods; n++ {
		if n == 6 {
			w.crash()
			w.boot()
			w.patience = time.Millisecond
		}
		if _, err = w.amend(t.Context(), fan, p.ID, "tok_never"+strings.Repeat("_", n), 0); err != nil {
			t.Fatal(n, err)
		}
	}
	_, err = w.amend(t.Context(), fan, p.ID, paymentapi.SandboxOK, 0)
	if !errs.Is(err, "too-many-methods") || errs.KindOf(err) != errs.Conflict {
		t.Error(err)
	}
	if p, err = w.store.payment(t.Context(), p.ID); err != nil || p.try != paymentapi.MaxMethods {
		t.Error(p.try, err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
		t.Error(err)
	}
	if n := w.failedMethods(); n != 0 {
		t.Errorf("%d methods count that nobody has declined", n)
	}
}

// failedMethods is how many failed methods of the fan count.
func (w *world) failedMethods() (n int64) {
	w.t.Helper()
	err := w.db.Reader().QueryRowContext(context.Background(), `SELECT coalesce(sum(failed), 0) FROM payments_failed_methods WHERE user_id = $1`, fan.UserID).Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Only declines of the method itself count.
func TestWhichFailuresCount(t *testing.T) {
	for _, c := range []struct {
		cause  eventKind
		from   paymentapi.Status
		reason string
		counts bool
	}{
		{evDeclined, paymentapi.Pending, "card_declined", true},
		{evDeclined, paymentapi.Pending, "stolen_card", true},
		{evDeclined, paymentapi.Pending, "authentication", true},
		{evDeclined, paymentapi.Pending, "authorization_expired", false},
		{evDeclined, paymentapi.Pending, "processing_error", false},
		{evDeclined, paymentapi.Pending, "amount_not_payable", false},
		{evDeclined, paymentapi.Authorized, "card_declined", false}, // it was reserved before
		{evAmended, paymentapi.Pending, "", false},
		{evWished, paymentapi.Pending, givenUp, false},
	} {
		m := move{from: record{Status: c.from, try: 1}, to: record{Reason: c.reason, try: 2}, cause: event{kind: c.cause}}
		if (m.fails() == 1) != c.counts {
			t.Errorf("%+v", c)
		}
	}
}

// A request that was made before is answered as before, with its key or with the payment
// that is under way, however many methods have failed since.
func TestRepeatedThoughTooManyFailed(t *testing.T) {
	w := newWorld(t)
	w.patience = time.Millisecond
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, "tok_never", "key")
	if err != nil {
		t.Fatal(err)
	}
	change(t, w.db, fmt.Sprintf(`INSERT INTO payments_failed_methods (event_id, user_id, since, failed) VALUES ('%s', '%s', $1, %d)`, event1, fan.UserID, paymentapi.MaxFailed), time.Now().UnixMicro())
	for _, key := range []string{"key", ""} {
		if again, err := w.pay(b, "tok_never", key); err != nil || again.ID != p.ID {
			t.Errorf("with the key %q: %+v %v", key, again, err)
		}
	}
	if _, err := w.pay(b, "tok_never", "another"); !errs.Is(err, "payment-under-way") {
		t.Error(err)
	}
	if _, err := w.pay(w.house.hold(fan.UserID, 3), paymentapi.SandboxOK, "key3"); !errs.Is(err, "too-many-failed-payments") {
		t.Error(err)
	}
	if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
		t.Error(err)
	}
}

// When too many methods of a person have failed for an event, that person waits until
// tomorrow, with any booking and on any node; others do not wait.
func TestFailedMethodsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	decline := func() error {
		_, err := w.pay(w.house.hold(fan.UserID, 1), paymentapi.SandboxDecline, "")
		return err
	}
	for range paymentapi.MaxFailed {
		if err := decline(); !errs.Is(err, "payment-declined") {
			t.Fatal(err)
		}
	}
	w.crash()
	w.boot()
	w.patience = patience.Long
	b := w.house.hold(fan.UserID, 1)
	for _, method := range []string{paymentapi.SandboxDecline, paymentapi.SandboxOK} {
		_, err := w.pay(b, method, "")
		if wait := errs.Of(err).RetryAfter; !errs.Is(err, "too-many-failed-payments") || errs.KindOf(err) != errs.TooMany || wait <= 0 || wait > paymentapi.FailedFor {
			t.Errorf("%s: %v, %v", method, err, wait)
		}
	}
	other := fan
	other.UserID = "fan0000000000002"
	if p, err := w.Service.pay(t.Context(), other, ask(w.house.hold(other.UserID, 2).ID, paymentapi.SandboxOK, "", nil)); err != nil || !p.Status.Final() {
		t.Error(p.Status, err)
	}
	change(t, w.db, `UPDATE payments_failed_methods SET since = since - $1`, (paymentapi.FailedFor + time.Second).Microseconds())
	for n := range 2 { // the count begins anew
		if err := decline(); !errs.Is(err, "payment-declined") {
			t.Fatal(n, err)
		}
	}
	if n := w.failedMethods(); n != 2 {
		t.Error(n)
	}
}

func change(t *testing.T, db *sqldb.DB, text string, by int64) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), text, by)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
