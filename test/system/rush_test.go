package system

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"boxoffice/internal/app"
	"boxoffice/internal/caller"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// rehearse runs "boxoffice rush" and reads its report.
func rehearse(t *testing.T, args ...string) (rush.Report, error) {
	t.Helper()
	out, err := run(t, append(append([]string{"rush"}, args...), "--json")...)
	var r rush.Report
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if jsonErr := json.Unmarshal([]byte(lines[len(lines)-1]), &r); jsonErr != nil {
		t.Fatalf("rush: %v, %v: %s", err, jsonErr, out)
	}
	return r, err
}

// A whole on-sale, to the last seat, with a clean audit.
func TestRush(t *testing.T) {
	data := storage(t)
	r, err := rehearse(t, on(data, "--fans", "300", "--seats", "500")...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sold != 500 || r.Errors != 0 || r.Audit != "ok" || r.Scope != "database" || r.DoubleSold+r.LostBookings+r.OrphanPayments != 0 || !r.ChainOK || (r.Fsync != "on") != sqldbtest.OnPostgres(t) {
		t.Fatalf("%+v", r)
	}
	if _, err := run(t, on(data, "verify")...); err != nil {
		t.Fatal(err)
	}
	t.Run("audit finds planted faults", func(t *testing.T) { plantFaults(t, data) })
}

// A gateway that is slow, answers with errors before and after it acts, or does not answer
// at all loses no money: the audit is clean, and the gateway's own books agree.
func TestRushWithABadGateway(t *testing.T) {
	data := storage(t)
	r, err := rehearse(t, on(data, "--gateway", "bad", "--fans", "100", "--seats", "150", "--in-flight", "100")...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sold != 150 || r.Charges < 50 || r.Audit != "ok" || r.Scope != "database" || r.DoubleSold+r.LostBookings+r.OrphanPayments != 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := run(t, on(data, "verify")...); err != nil {
		t.Fatal(err)
	}
}

// Whoever watches an on-sale sees the seats as they are, to the end, and takes
// nothing off the promises to those who buy, who are mailed their tickets meanwhile.
func TestRushWatched(t *testing.T) {
	args := []string{"--fans", "300", "--seats", "2000", "--viewers", "50", "--mails"}
	if sqldbtest.OnPostgres(t) {
		args = append(args, "--nodes", "2") // who comes back, comes to the other one
	}
	r, err := rehearse(t, on(storage(t), args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sold != 2000 || r.Viewers != 50 || r.Messages == 0 || r.ViewerErrors != 0 || r.Errors != 0 || r.Audit != "ok" {
		t.Fatalf("%+v", r)
	}
}

// plantFaults tampers with copies of a clean database, one promise after the
// other, and expects the audit to find each.
func plantFaults(t *testing.T, clean settings.Storage) {
	ctx := context.Background()
	var ev, booked, user string
	db := open(t, clean)
	if err := db.Reader().QueryRow(`SELECT event_id, id, user_id FROM bookings WHERE status = 'booked' LIMIT 1`).Scan(&ev, &booked, &user); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, tamper string
		promise      int
		audit        rush.Audit
	}{
		{"nothing", `SELECT 1`, 0, rush.Audit{}},
		{"a seat that was sold twice", `UPDATE ledger SET seats = (SELECT seats FROM ledger WHERE kind = 'booked' ORDER BY seq LIMIT 1)
			WHERE kind = 'held' AND seq = (SELECT max(seq) FROM ledger WHERE kind = 'held')`, 1, rush.Audit{}},
		{"a lost booking", `DELETE FROM bookings WHERE id = '` + booked + `'`, 2, rush.Audit{Acknowledged: map[string]string{booked: user}}},
		{"a booking that was taken back", `UPDATE bookings SET status = 'cancelled' WHERE id = '` + booked + `'`, 2, rush.Audit{Acknowledged: map[string]string{booked: user}}},
		{"a booking whose cancellation got no answer, and that is sold", `SELECT 1`, 0, rush.Audit{
			Acknowledged: map[string]string{booked: user}, Unclear: map[string]bool{booked: true}}},
		{"a booking whose cancellation got no answer, and that has expired", `UPDATE bookings SET status = 'expired' WHERE id = '` + booked + `'`, 2, rush.Audit{
			Acknowledged: map[string]string{booked: user}, Unclear: map[string]bool{booked: true}}},
		{"money for nothing", `UPDATE payments SET booking_id = 'none', id = event_id || id WHERE booking_id = '` + booked + `'`, 3, rush.Audit{}},
		{"a seat for nothing", `DELETE FROM payments WHERE booking_id = '` + booked + `'`, 3, rush.Audit{}},
		{"a seat beyond the plan", `INSERT INTO claims (event_id, seat, booking_id) VALUES ('` + ev + `', 9999, '` + booked + `')`, 4, rush.Audit{}},
		{"a seat that is missing", `DELETE FROM claims WHERE booking_id = '` + booked + `'`, 4, rush.Audit{}},
		{"a rewritten ledger", `UPDATE ledger SET amount = amount + 1 WHERE kind = 'booked' AND booking_id = '` + booked + `'`, 5, rush.Audit{}},
		{"a ledger cut short", `DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)`, 5, rush.Audit{}},
		{"somebody else's booking", `UPDATE bookings SET user_id = 'somebody' WHERE id = '` + booked + `'`, 6, rush.Audit{Acknowledged: map[string]string{booked: user}}},
		{"somebody else's answer", `SELECT 1`, 6, rush.Audit{Strangers: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := copyOf(t, clean)
			db := open(t, copied)
			defer db.Close()
			if err := db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(c.tamper); return err }); err != nil {
				t.Fatal(err)
			}
			if err := c.audit.Check(ctx, db, []string{ev}); err != nil {
				t.Fatal(err)
			}
			for i, f := range c.audit.Findings() {
				if i+1 == c.promise && f.Fault == "" {
					t.Errorf("not found: promise %d, %s: %+v", c.promise, f.Promise, c.audit.Findings())
				}
				if c.promise == 0 && f.Fault != "" {
					t.Errorf("%s: %s", f.Promise, f.Fault)
				}
			}
		})
	}
}

func open(t *testing.T, s settings.Storage) *sqldb.DB {
	t.Helper()
	db, err := s.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// copyOf copies a database that nobody has open.
func copyOf(t *testing.T, s settings.Storage) settings.Storage {
	t.Helper()
	if s.DatabaseURL != "" {
		return settings.Storage{Data: t.TempDir(), DatabaseURL: sqldbtest.Copy(t, s.DatabaseURL)}
	}
	raw, err := os.ReadFile(filepath.Join(s.Data, sqldb.FileName))
	if err != nil {
		t.Fatal(err)
	}
	out := settings.Storage{Data: t.TempDir()}
	if err := os.WriteFile(filepath.Join(out.Data, sqldb.FileName), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// Imported events, shifted and priced, sell out on a server that runs already;
// with its database the audit is whole, without it over HTTP.
func TestImportAndSellOut(t *testing.T) {
	data := storage(t)
	for i, want := range []string{"3 events: 3 new, 0 updated, 0 unchanged", "3 events: 0 new, 0 updated, 3 unchanged"} {
		out, err := run(t, on(data, "import", "--shift-to", "2099-05-01", "--default-price", "50.00USD", "testdata/discovery.json", "testdata/plan.json")...)
		if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "1 seating plan with 8 seats") {
			t.Fatalf("import %d: %s %v", i+1, out, err)
		}
	}
	fans := accounts(t, data, 400, caller.Customer)
	s := serve(t, data)
	c := &client{http: newHTTP(), base: s.url}
	list := c.must(t, 200, "GET", "/events", nil)
	var ev string
	for _, x := range list.body["items"].([]any) {
		e := x.(map[string]any)
		if e["title"] == "Chamber Night" {
			ev = e["id"].(string)
			if e["status"] != "on_sale" || e["event_date"] != "2099-05-03" || e["event_time"] != nil || e["price_per_seat"] != 5000.0 {
				t.Fatalf("imported event: %v", e)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "fans.ndjson")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for _, fan := range fans {
		_, _ = w.WriteString(`{"token":"` + fan.Token + `"}` + "\n")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := rehearse(t, "--target", s.url, "--event", ev, "--fans", "400", "--fans-file", file)
	if err != nil || r.Sold != 2000 || r.Audit != "ok" || r.Scope != "http" {
		t.Fatalf("%+v, %v", r, err)
	}
	if out, err := run(t, on(data, "verify", "--event", ev)...); err != nil {
		t.Fatal(out, err)
	}
	if _, err := rehearse(t, on(data, "--target", s.url, "--event", ev, "--fans", "10")...); err == nil {
		t.Log("a sold-out event can be rushed at, and nobody gets anything")
	}
	s.stop()
}

// Ctrl-C ends the on-sale, and the report tells of the part before it.
func TestRushInterrupted(t *testing.T) {
	cmd := exec.Command(program(t), on(storage(t), "rush", "--fans", "200", "--seats", "20000", "--think", "200ms", "--duration", "10m", "--json")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sold := regexp.MustCompile(`s +[1-9][0-9,]* purchases `)
	interrupted := false
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		if !interrupted && sold.MatchString(lines.Text()) {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v", err)
	}
	var r rush.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if !r.Interrupted || r.Purchases == 0 || r.Audit != "ok" || r.PurchaseP99 <= r.PaymentP99 {
		t.Errorf("%+v", r)
	}
}

// A rehearsal sells an event in public, so it refuses a database that is in use
// before it writes anything; and a folder that a server has.
func TestRushRefused(t *testing.T) {
	inUse, rehearsals := storage(t), storage(t)
	if out, err := run(t, on(inUse, "admin", "create", "--email", "ada@example.org")...); err != nil {
		t.Fatal(out, err)
	}
	refuses := func(data settings.Storage, accounts, events int, says string) {
		t.Helper()
		var wrong *exec.ExitError
		_, err := run(t, on(data, "rush", "--fans", "20", "--seats", "50")...)
		if !errors.As(err, &wrong) || wrong.ExitCode() != 2 || !strings.Contains(err.Error(), says) {
			t.Errorf("rush: %v", err)
		}
		db, err := app.OpenToRead(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var users, shows int
		if err := db.Reader().QueryRow(`SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events)`).Scan(&users, &shows); err != nil || users != accounts || shows != events {
			t.Errorf("%d accounts and %d events afterwards, %v", users, shows, err)
		}
	}
	refuses(inUse, 1, 0, "in use (1 account, 0 events)")
	if out, err := run(t, on(inUse, "import", "--shift-to", "2099-05-01", "--default-price", "50.00USD", "testdata/discovery.json")...); err != nil {
		t.Fatal(out, err)
	}
	refuses(inUse, 1, 3, "in use (1 account, 3 events)")
	for range 2 { // empty, then its own
		if r, err := rehearse(t, on(rehearsals, "--fans", "20", "--seats", "50")...); err != nil || r.Sold != 50 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if rehearsals.DatabaseURL == "" { // PostgreSQL may be shared with another server
		serve(t, rehearsals)
		refuses(rehearsals, 42, 2, "give its address as --target")
	}
}
