package event

import (
	"log/slog"
	"testing"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/eventapi/eventtest"
	"boxoffice/internal/sqldb/sqldbtest"
)

func TestContract(t *testing.T) {
	eventtest.Test(t, func(t *testing.T, w *eventtest.World) eventapi.Service {
		db := sqldbtest.Open(t)
		t.Cleanup(func() { _ = db.Close() })
		s, err := New(t.Context(), Config{DB: db, Sales: w, Now: w.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
