package booking

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

var parameter = regexp.MustCompile(`\$(\d+)`)

// On PostgreSQL every hot statement uses an index, whatever the planner assumes about the
// sizes of tables. None copies the arrays with its rows, as a function scan would.
func TestHotStatementsGoByIndex(t *testing.T) {
	db := sqldbtest.Again(t, sqldb.Config{URL: sqldbtest.Postgres(t)})
	t.Cleanup(func() { _ = db.Close() })
	if err := Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	statements := map[string]struct{ statement, index string }{ // "" is without an index
		"head":            {pgHead, "sales_pkey"},
		"claims":          {pgClaims, "claims_pkey"},
		"bookings":        {pgBookings, "bookings_by_event"},
		"shown":           {pgShown, "bookings_by_event"},
		"one shown":       {sqlShown, "bookings_by_event"},
		"buyers":          {pgBuyers, "bookings_by_user"},
		"buyers by email": {pgBuyersByEmail, "bookings_by_email"},
		"in use":          {pgInUse, "claims_pkey"},
		"entries":         {pgEntries, "ledger_pkey"},
		"head update":     {pgHeadSeq, "sales_pkey"},
		"booking update":  {pgBookingsSet, "bookings_by_event"},
		"booking paid":    {pgBookingsBooked, "bookings_by_event"},
		"claim delete":    {pgClaimsFree, "claims_pkey"},
		"claim update":    {pgClaimsMove, "claims_pkey"},
		"due":             {sqlDue, "lapsing_pkey"},
		"expired":         {sqlExpired, "bookings_by_event"},
		"forget":          {sqlForget, "lapsing_"},
		"new bookings":    {pgBookingsNew, ""},
		"new claims":      {pgClaimsNew, ""},
		"new entries":     {pgLedger, ""},
	}
	for i, rows := range []int{0, 1, 3, 30, 30, 2000} { // of one event; 3 and the second 30 are analyzed
		fill(t, db, rows)
		if i == 2 || i == 4 {
			if err := db.Raw(t.Context(), func(conn *pgx.Conn) error { _, err := conn.Exec(t.Context(), "ANALYZE bookings, sales"); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range statements {
			t.Run(fmt.Sprintf("%s, %d rows", name, rows), func(t *testing.T) {
				plan := explain(t, db, want.statement)
				if strings.Contains(plan, "Seq Scan") || want.index != "" && !strings.Contains(plan, "Index") || !strings.Contains(plan, want.index) {
					t.Errorf("not by %s:\n%s", want.index, plan)
				}
				if strings.Contains(plan, "Function Scan") {
					t.Errorf("copies its arrays:\n%s", plan)
				}
				if by := byEvent.FindStringSubmatch(plan); by != nil && name != "in use" && !strings.Contains(by[1], " AND (") {
					t.Errorf("reads all bookings of the event:\n%s", plan)
				}
			})
		}
	}
}

var byEvent = regexp.MustCompile(`(?s)using bookings_by_event.*?Index Cond: ([^\n]*)`)

// fill makes bookings of one event, until there are as many as rows, and its sale.
func fill(t *testing.T, db *sqldb.DB, rows int) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if rows == 1 {
			if _, err := tx.Exec(`INSERT INTO sales (event_id, seq, hash, at, status, opens_at, closes_at, plan_id, plan_version, price_version, currency, seats,
				limit_per_customer, hold_for, organizer_id, event_version) VALUES ('e', 1, '', 1, 'on_sale', 0, 0, 'p', 1, 1, 'USD', 9, 9, 9, 'o', 1)`); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO bookings (id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency, plan_id, plan_version, price_version, extended, seq)
			SELECT 'e' || n, 'e', 'u' || n, 'booked', '[1]', 1, NULL, 1, 0, 'USD', 'p', 1, 1, FALSE, n FROM generate_series((SELECT count(*) FROM bookings) + 1, $1) AS n`, rows)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// explain returns the plan that a hot connection uses for a prepared statement.
func explain(t *testing.T, db *sqldb.DB, statement string) string {
	t.Helper()
	most := 0
	for _, m := range parameter.FindAllStringSubmatch(statement, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	var lines []string
	err := db.Raw(t.Context(), func(conn *pgx.Conn) error {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, "PREPARE pinned AS "+statement); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, fmt.Sprintf("EXPLAIN EXECUTE pinned(%s)", strings.TrimSuffix(strings.Repeat("NULL,", most), ",")), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "DEALLOCATE pinned")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// A booking written as only paid has no change in any other column.
func TestOnlyPaid(t *testing.T) {
	held := record{Row: tables.Row{Booking: bookingapi.Booking{ID: "b", Status: bookingapi.Pending, Seats: []int32{1, 2}, ExpiresAt: 5, Amount: 10, Fees: 1, PlanID: "p", PlanVersion: 1, PriceVersion: 1, Seq: 1}}}
	paid := func(change func(*record)) *record {
		b := held
		b.Status, b.ExpiresAt, b.PaymentID, b.Seq, b.Left = bookingapi.Booked, 0, "pay", 2, b.Amount
		change(&b)
		return &b
	}
	if !paid(func(*record) {}).onlyPaidSince(&held) {
		t.Error("a booking that was paid is written whole")
	}
	for column, change := range map[string]func(*record){
		"status":        func(b *record) { b.Status = bookingapi.Cancelled },
		"seats":         func(b *record) { b.Seats = []int32{1} },
		"expires_at":    func(b *record) { b.ExpiresAt = 6 },
		"amount":        func(b *record) { b.Amount++ },
		"fees":          func(b *record) { b.Fees++ },
		"plan_id":       func(b *record) { b.PlanID = "other" },
		"plan_version":  func(b *record) { b.PlanVersion++ },
		"price_version": func(b *record) { b.PriceVersion++ },
		"extended":      func(b *record) { b.Extended = true },
		"released_at":   func(b *record) { b.ReleasedAt = 7 },
		"paid_left":     func(b *record) { b.Left = 3 },
		"given_back":    func(b *record) { b.GivenBack = []int32{3} },
	} {
		if paid(change).onlyPaidSince(&held) {
			t.Errorf("a change of %s is not written", column)
		}
		if !regexp.MustCompile(`\s` + column + " = ").MatchString(pgBookingsSet) {
			t.Errorf("%s is no column that changes", column)
		}
	}
	if n := strings.Count(pgBookingsSet, " = ") - strings.Count(pgBookingsBooked, " = "); n != 10 {
		t.Errorf("%d columns are written only where more than the payment has changed, and this test knows 10", n)
	}
}

// A node that was killed inside the migration of new tables can be started again.
func TestKilledInsideANewTablesMigration(t *testing.T) {
	db := sqldbtest.Again(t, sqldb.Config{URL: sqldbtest.Postgres(t)})
	t.Cleanup(func() { _ = db.Close() })
	if err := Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sql.Tx) error { // as they are just before migration 5 is recorded
		for _, text := range []string{
			`DELETE FROM migrations_booking WHERE version_id >= 5`, `DELETE FROM schema_versions WHERE service = 'booking'`,
			`DROP TABLE booking_reasons`, `ALTER TABLE bookings DROP COLUMN paid_left, DROP COLUMN late`, `ALTER TABLE sales DROP COLUMN terms`, `DROP TABLE sale_answers`, `DROP TABLE booking_taken`,
		} {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), db); err != nil {
		t.Error(err)
	}
}
