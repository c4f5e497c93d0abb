package sqldb

import (
	"errors"
	"sync"
	"testing"
)

// A text that is used at the same time by many is prepared once, sees what was written
// before, and outlives a change of its table.
func TestQuery(t *testing.T) {
	db := open(t)
	exec(t, db, `CREATE TABLE t (a BIGINT)`)
	const text = `SELECT a FROM t WHERE a > $1 ORDER BY a`
	read := func(above int64) (list []int64) {
		rows, err := db.Query(t.Context(), text, above)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer rows.Close()
		for rows.Next() {
			var a int64
			if err := rows.Scan(&a); err != nil {
				t.Error(err)
			}
			list = append(list, a)
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
		return list
	}
	for n := range int64(5) {
		exec(t, db, `INSERT INTO t VALUES ($1)`, n)
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				if got := read(1); len(got) != max(0, int(n)-1) {
					t.Errorf("after %d: %v", n, got)
				}
			})
		}
		readers.Wait()
	}
	exec(t, db, `ALTER TABLE t ADD COLUMN b TEXT`)
	if got := read(3); len(got) != 1 {
		t.Error(got)
	}
	made := 0
	db.prepared.Range(func(any, any) bool { made++; return true })
	if made != 1 {
		t.Errorf("%d statements are kept", made)
	}
	if rows, err := db.Query(t.Context(), `SELECT nothing FROM t`); err == nil {
		t.Error(errors.Join(rows.Close(), errors.New("a column that is not there was read")))
	}
}
