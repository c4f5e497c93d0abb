package booking

import (
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bookingapi/bookingtest"
	"boxoffice/internal/sqldb/sqldbtest"
)

// The service in process passes the contract suite.
func TestContract(t *testing.T) {
	bookingtest.Test(t, func(t *testing.T, w *bookingtest.World) bookingapi.Service {
		db := sqldbtest.Open(t)
		s, err := New(t.Context(), Config{DB: db, Plans: w, Now: w.Now, MyClock: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.Close()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
