package link

import (
	"database/sql"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/sqldb/sqldbtest"
)

// Of two people to whom two nodes give the same order at once, the first one's link
// opens it no more.
func TestGivenToTwoPeopleAtOnce(t *testing.T) {
	if !sqldbtest.OnPostgres(t) {
		t.Skip("SQLite has one writer")
	}
	ctx, db := t.Context(), sqldbtest.Open(t)
	t.Cleanup(func() { _ = db.Close() })
	l, err := New(ctx, db, []byte("key"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	before, err := l.Token(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	err = db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO recipients (booking_id, name, email, mailed_at) VALUES ('a', 'Ann', 'ann@example.org', 0)`); err != nil {
			return err
		}
		go func() { second <- l.Give(ctx, "a", caller.Person{Name: "Bob", Email: "bob@example.org"}, NotAgain) }()
		for waits := 0; waits == 0; {
			if err := tx.QueryRow(`SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND transactionid IS NOT NULL`).Scan(&waits); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	if err := l.Check(ctx, "a", before); err == nil {
		t.Error("the link of the first opens what the second was given")
	}
	due, err := l.Due(ctx, "", 10)
	to, unread := l.Recipients(ctx, []string{"a"})
	if err != nil || unread != nil || len(due) != 1 || to["a"].Email != "bob@example.org" {
		t.Errorf("%v %v, %v %v", due, to, err, unread)
	}
}
