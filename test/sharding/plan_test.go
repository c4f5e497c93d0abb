package sharding

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/sqldb"
)

var (
	parameter = regexp.MustCompile(`\$(\d+)`)
	inserted  = regexp.MustCompile(`\bINSERT INTO (\w+) \(([^)]*)\)`)
	aliased   = regexp.MustCompile(`\b(?:FROM|JOIN|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?([a-z]\w?)\b)?`)
	searched  = regexp.MustCompile(`^(?:SEARCH|SCAN) (\w+)`)
	equals    = regexp.MustCompile(`\bevent_id\)?(?:::text)? = `)
	several   = regexp.MustCompile(`\bevent_id\)?(?:::text)? = ANY`)
)

// strays says why a statement may touch the rows of more than the events that it
// names; "" when it cannot.
func (w *world) strays(text string) (why string, err error) {
	for _, m := range inserted.FindAllStringSubmatch(text, -1) {
		if slices.Contains(hot, m[1]) && !slices.Contains(strings.Fields(strings.ReplaceAll(m[2], ",", " ")), "event_id") {
			return "it inserts into " + m[1] + " without event_id", nil
		}
	}
	if w.db.Dialect() == sqldb.Postgres {
		return w.straysOnPostgres(text)
	}
	return w.straysOnSQLite(text)
}

func parameters(text string) int {
	most := 0
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	return most
}

// straysOnSQLite looks at the query plan: SEARCH table USING INDEX name (event_id=? AND …).
func (w *world) straysOnSQLite(text string) (why string, err error) {
	table := map[string]string{}
	for _, m := range aliased.FindAllStringSubmatch(text, -1) {
		table[m[1]] = m[1]
		if m[2] != "" {
			table[m[2]] = m[1]
		}
	}
	err = w.rows("EXPLAIN QUERY PLAN "+text, make([]any, parameters(text)), func(scan func(...any)) {
		var a, b, c any
		var step string
		scan(&a, &b, &c, &step)
		m := searched.FindStringSubmatch(step)
		if m != nil && slices.Contains(hot, table[m[1]]) && !strings.Contains(step, "event_id=?") {
			why += step + "\n"
		}
	})
	return why, err
}

// node is a step of PostgreSQL's plan.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	Plans    []node
}

// straysOnPostgres looks at the plan of a hot connection: an index scan with a
// condition on event_id, which is one value at a time.
func (w *world) straysOnPostgres(text string) (why string, err error) {
	var raw string
	err = w.db.Raw(w.t.Context(), func(conn *pgx.Conn) error {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, "PREPARE pinned AS "+text); err != nil {
			return err
		}
		call := "pinned"
		if n := parameters(text); n > 0 {
			call = fmt.Sprintf("pinned(%s)", strings.TrimSuffix(strings.Repeat("NULL,", n), ","))
		}
		if err := conn.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE "+call, pgx.QueryExecModeSimpleProtocol).Scan(&raw); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "DEALLOCATE pinned")
		return err
	})
	if err != nil {
		return "", err
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal([]byte(raw), &plans); err != nil {
		return "", err
	}
	var look func(n *node)
	look = func(n *node) {
		if slices.Contains(hot, n.Relation) && n.Type != "ModifyTable" && (!equals.MatchString(n.Cond) || several.MatchString(n.Cond)) {
			why += fmt.Sprintf("%s on %s by %s: %s\n", n.Type, n.Relation, n.Index, n.Cond)
		}
		for i := range n.Plans {
			look(&n.Plans[i])
		}
	}
	for i := range plans {
		look(&plans[i].Plan)
	}
	return why, nil
}
