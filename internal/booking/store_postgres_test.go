package booking

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
		"heads":           {pgHeads, "sales_pkey"},
		"claims":          {pgClaims, "claims_pkey"},
		"bookings":        {pgBookings, "bookings_pkey"},
		"buyers":          {pgBuyers, "bookings_by_user"},
		"buyers by email": {pgBuyersByEmail, "bookings_by_email"},
		"in use":          {pgInUse, "claims_pkey"},
		"entries":         {pgEntries, "ledger_pkey"},
		"head update":     {pgHeadSeq, "sales_pkey"},
		"booking update":  {pgBookingsSet, "bookings_pkey"},
		"claim delete":    {pgClaimsFree, "claims_pkey"},
		"claim update":    {pgClaimsMove, "claims_pkey"},
		"due":             {sqlDue, "lapsing_pkey"},
		"lapsed":          {sqlLapsed, "bookings_pkey"},
		"forget":          {sqlForget, "lapsing_pkey"},
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
