package event

import (
	"testing"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/eventapi/eventtest"
	"boxoffice/internal/sqldb/sqldbtest"
)

func TestContract(t *testing.T) {
	eventtest.Test(t, func(t *testing.T, w *eventtest.World) eventapi.Service {
		db := sqldbtest.Open(t)
		t.Cleanup(func() { _ = db.Close() })
		s, _ := newService(t, db, w, w.Now)
		return s
	})
}
