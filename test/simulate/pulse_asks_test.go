package simulate

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/sqldb/sqldbtest"
)

// A beat that fails costs one beat: the next one asks on a new connection, so that
// what the program does wrong later is not excused by a slow machine.
func TestPulseAsksAgain(t *testing.T) {
	ctx, url := t.Context(), sqldbtest.Postgres(t)
	var conn *pgx.Conn
	if err := ask(ctx, &conn, url); err != nil {
		t.Fatal(err)
	}
	other, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	if _, err := other.Exec(ctx, "SELECT pg_terminate_backend($1, 5000)", int32(conn.PgConn().PID())); err != nil {
		t.Fatal(err)
	}
	if err := ask(ctx, &conn, url); err == nil || conn != nil {
		t.Errorf("on a connection that was ended: %v", err)
	}
	if err := ask(ctx, &conn, url); err != nil {
		t.Fatalf("the next one: %v", err)
	}
	_ = conn.Close(ctx)
}
