package payment

import (
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// A refund waits until a dispute is decided, which takes weeks. Meanwhile the gateway is
// asked now and then; and once it is decided, the refund is made.
func TestRefundsWaitForDisputesQuietly(t *testing.T) {
	for name, amount := range map[string]int64{"all": 10000, "a part": 2000} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var asked atomic.Int64
				w.restart(func(cfg *Config) {
					cfg.Gateway = &watchedBank{w.bank, func(step string) error {
						if step == "find" {
							asked.Add(1)
						}
						return nil
					}}
				})
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.bank.disputes(p.ID+".1", provider.DisputeOpen, 4000)
				w.asks(p.ID)
				w.house.cancel(b.ID, amount)
				asked.Store(0)
				time.Sleep(time.Hour)
				if n := asked.Load(); n > 100 {
					t.Errorf("the gateway was asked %d times in an hour", n)
				}
				w.bank.disputes(p.ID+".1", provider.DisputeWon, 4000)
				w.asks(p.ID)
				time.Sleep(2 * longestRetry)
				if r := w.lastRefund(); r.Status != refundDone {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}
