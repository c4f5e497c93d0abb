package booking

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

var parameter = regexp.MustCompile(`\$(\d+)`)

// On PostgreSQL no hot statement reads more than it names: each goes by an
// index, whatever the planner thinks of the tables' sizes. And none copies the
// arrays that its rows come in, as a scan of a function would.
func TestHotStatementsGoByIndex(t *testing.T) {
	db := sqldbtest.Again(t, sqldb.Config{URL: sqldbtest.Postgres(t)})
	t.Cleanup(func() { _ = db.Close() })
	if err := Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ statement, index string }{ // "" is without an index
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
		"lapsed":          {sqlLapsed, "bookings_by_event"},
		"forget":          {sqlForget, "lapsing_"},
		"new bookings":    {pgBookingsNew, ""},
		"new claims":      {pgClaimsNew, ""},
		"new entries":     {pgLedger, ""},
	} {
		t.Run(name, func(t *testing.T) {
			plan := explain(t, db, want.statement)
			if strings.Contains(plan, "Seq Scan") || want.index != "" && !strings.Contains(plan, "Index") || !strings.Contains(plan, want.index) {
				t.Errorf("not by %s:\n%s", want.index, plan)
			}
			if strings.Contains(plan, "Function Scan") {
				t.Errorf("copies its arrays:\n%s", plan)
			}
		})
	}
}

// explain is the plan that a hot connection uses for a prepared statement.
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

// What is written as merely paid is so in every other column of its row.
func TestOnlyPaid(t *testing.T) {
	held := record{Booking: bookingapi.Booking{ID: "b", Status: bookingapi.Pending, Seats: []int32{1, 2}, ExpiresAt: 5, Amount: 10, Fees: 1, PlanID: "p", PlanVersion: 1, PriceVersion: 1, Seq: 1}}
	paid := func(change func(*record)) *record {
		b := held
		b.Status, b.ExpiresAt, b.PaymentID, b.Seq = bookingapi.Booked, 0, "pay", 2
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
		"given_back":    func(b *record) { b.GivenBack = []int32{3} },
	} {
		if paid(change).onlyPaidSince(&held) {
			t.Errorf("a change of %s is not written", column)
		}
		if !regexp.MustCompile(`\s` + column + " = ").MatchString(pgBookingsSet) {
			t.Errorf("%s is no column that changes", column)
		}
	}
	if n := strings.Count(pgBookingsSet, " = ") - strings.Count(pgBookingsBooked, " = "); n != 9 {
		t.Errorf("%d columns are written only where more than the payment has changed, and this test knows 9", n)
	}
}
