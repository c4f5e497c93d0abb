package link

import (
	"context"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb/sqldbtest"
)

// A token opens its own order only. A new link ends those before it, also on
// another node on the same database.
func TestRenewedLinks(t *testing.T) {
	ctx := context.Background()
	cfg := sqldbtest.Fresh(t)
	cfg.Together = true
	one, err := New(ctx, sqldbtest.Again(t, cfg), []byte("key"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	two, err := New(ctx, sqldbtest.Again(t, cfg), []byte("key"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	good := func(l *Links, id, token string, want bool) {
		t.Helper()
		if err := l.Check(ctx, id, token); (err == nil) != want || err != nil && errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s %s: %v", id, token, err)
		}
	}
	token := func(id string) string {
		t.Helper()
		s, err := one.Token(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := []string{token("a")}
	for range 3 {
		now := before[len(before)-1]
		good(two, "a", now, true)
		good(two, "b", now, false)
		for _, bad := range []string{"", "x", now[:len(now)-1], now + "A"} {
			good(one, "a", bad, false)
		}
		for range 2 { // the second time it has been replaced
			if err := two.Renew(ctx, "a", now); err != nil {
				t.Fatal(err)
			}
		}
		for _, old := range before {
			good(one, "a", old, false)
			good(two, "a", old, false)
		}
		before = append(before, token("a"))
	}
	if err := one.Renew(ctx, "a", ""); err != nil {
		t.Fatal(err)
	}
	good(two, "a", before[len(before)-1], false)
	all, err := one.Tokens(ctx, []string{"a", "b"})
	if err != nil || len(all) != 2 || all["a"] != token("a") || all["b"] != token("b") {
		t.Errorf("%v %v", all, err)
	}
}
