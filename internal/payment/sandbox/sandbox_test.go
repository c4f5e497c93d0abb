package sandbox

import (
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/provider/providertest"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

func TestContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Setup {
		const delay = 3 * time.Second
		now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
		db := sqldbtest.Open(t)
		g, err := New(t.Context(), db, func() time.Time { return now }, delay)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			g.Close()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return providertest.Setup{
			Gateway: g, Now: func() time.Time { return now },
			Declines: paymentapi.SandboxDecline, Sure: paymentapi.SandboxOK, Slow: paymentapi.SandboxSlow,
			Settle: func(*testing.T, provider.Charge) { now = now.Add(delay) },
		}
	})
}
