package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/rush"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// audited is an event with a booking that was paid, and one that was cancelled
// whose money has gone back.
type audited struct {
	*house
	event      string
	kept, gone string // bookings
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	h := newHouse(t)
	organizer := h.account(t, "organizer")
	a := &audited{house: h, event: h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")}
	ann, bob := h.visitor(t, "ann"), h.visitor(t, "bob")
	a.kept, a.gone = a.buy(t, ann), a.buy(t, bob)
	h.must(t, bob, "DELETE", "/bookings/"+a.gone, "", "id")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Payments.Run(ctx) }()
	for n := 0; n < 1; {
		if err := h.DB.Reader().QueryRow(`SELECT count(*) FROM refunds WHERE status = 'done'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-done
	return a
}

func (a *audited) buy(t *testing.T, who userapi.Fan) string {
	t.Helper()
	id := a.must(t, who, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, a.event), "id")
	a.must(t, who, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, id), "id")
	return id
}

// What is under way when a rehearsal is audited is no orphan once it has ended, and
// what has ended is one if it should not have.
func TestAuditWaitsForMoney(t *testing.T) {
	a := newAudited(t)
	for _, c := range []struct{ name, now, then, fault string }{
		{"a payment that is captured", `UPDATE payments SET status = 'authorized' WHERE booking_id = '` + a.kept + `'`,
			`UPDATE payments SET status = 'captured' WHERE booking_id = '` + a.kept + `'`, ""},
		{"a payment that fails", `UPDATE payments SET status = 'authorized' WHERE booking_id = '` + a.kept + `'`,
			`UPDATE payments SET status = 'failed' WHERE booking_id = '` + a.kept + `'`, "but 0 was paid"},
		{"a refund that is made", `UPDATE payments SET status = 'captured', refunded = 0 WHERE booking_id = '` + a.gone + `'; UPDATE refunds SET status = 'pending'`,
			`UPDATE payments SET status = 'refunded', refunded = amount WHERE booking_id = '` + a.gone + `'; UPDATE refunds SET status = 'done'`, ""},
		{"a refund that fails", `UPDATE payments SET status = 'captured', refunded = 0 WHERE booking_id = '` + a.gone + `'; UPDATE refunds SET status = 'pending'`,
			`UPDATE refunds SET status = 'failed'`, "its booking is not sold"},
		{"a refund without a row", `UPDATE payments SET status = 'captured', refunded = 0 WHERE booking_id = '` + a.gone + `';
			UPDATE refunds SET id = 'later'; UPDATE refund_cursors SET seq = 1`,
			`UPDATE payments SET status = 'refunded', refunded = amount WHERE booking_id = '` + a.gone + `';
			UPDATE refunds SET id = '` + a.event + `:' || CAST(seq AS TEXT)`, ""},
		{"a refund that is forgotten", `UPDATE payments SET status = 'captured', refunded = 0 WHERE booking_id = '` + a.gone + `'; UPDATE refunds SET id = 'lost'`,
			"", "its booking is not sold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.saved(t, func() {
				var before int64
				if err := a.DB.Reader().QueryRow(`SELECT seq FROM refund_cursors`).Scan(&before); err != nil {
					t.Fatal(err)
				}
				a.each(t, c.now)
				defer a.write(t, `UPDATE refund_cursors SET seq = $1`, before)
				audit := rush.Audit{Pause: func(context.Context) error { a.each(t, c.then); return nil }}
				if err := audit.Check(t.Context(), a.DB, []string{a.event}); err != nil {
					t.Fatal(err)
				}
				if verdict := audit.Verdict(); c.fault == "" && verdict != "ok" || !strings.Contains(verdict, c.fault) || (audit.OrphanPayments == 0) != (c.fault == "") {
					t.Errorf("%s, %d orphans; want %q", verdict, audit.OrphanPayments, c.fault)
				}
			})
		})
	}
	t.Run("a payment that hangs", func(t *testing.T) {
		a.saved(t, func() {
			a.each(t, `UPDATE payments SET status = 'authorized' WHERE booking_id = '`+a.kept+`'`)
			audit := rush.Audit{Pause: func(context.Context) error { return nil }}
			if err := audit.Check(t.Context(), a.DB, []string{a.event}); err == nil || !strings.Contains(err.Error(), "still under way") {
				t.Error(err)
			}
			enough := errors.New("enough")
			audit.Pause = func(context.Context) error { return enough }
			if err := audit.Check(t.Context(), a.DB, []string{a.event}); !errors.Is(err, enough) {
				t.Error(err)
			}
		})
	})
}

// each carries statements out.
func (a *audited) each(t *testing.T, texts string) {
	t.Helper()
	for text := range strings.SplitSeq(texts, ";") {
		if text != "" {
			a.write(t, text)
		}
	}
}

// meanwhile does something when the payments are about to be read.
type meanwhile struct {
	sqldb.Querier
	do func()
}

func (m *meanwhile) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if strings.Contains(query, "FROM payments") && m.do != nil {
		do := m.do
		m.do = nil
		do()
	}
	return m.Querier.QueryContext(ctx, query, args...)
}

// Bookings and payments are read as of one moment, whatever is bought and given
// back in between.
func TestAuditIsOfOneMoment(t *testing.T) {
	a := newAudited(t)
	tx, err := a.DB.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // it was only read
	late := ""
	audit := rush.Audit{}
	beside := &meanwhile{tx, func() { late = a.buy(t, a.visitor(t, "cleo")) }}
	if err := audit.In(t.Context(), beside, a.event); err != nil {
		t.Fatal(err)
	}
	if audit.Verdict() != "ok" || audit.OrphanPayments != 0 || late == "" {
		t.Errorf("%s, %d orphans; bought meanwhile: %q", audit.Verdict(), audit.OrphanPayments, late)
	}
	whole := rush.Audit{Acknowledged: map[string]string{late: ""}}
	if err := whole.Check(t.Context(), a.DB, []string{a.event}); err != nil || whole.Verdict() != "ok" {
		t.Errorf("%s, %v", whole.Verdict(), err)
	}
}
