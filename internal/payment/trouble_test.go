package payment

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// A trouble lasts while what failed waits for its next try, however well the rest
// goes, and is over once nothing that failed is left.
func TestTroubleLastsBetweenTries(t *testing.T) {
	for name, trouble := range map[string]struct {
		says string
		jam  func(w *world) (clear func())
		job  func(w *world) func(context.Context)
	}{
		"refunds": {"refunds are delayed", jamRefund, func(w *world) func(context.Context) { return w.refunds.run }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var out bytes.Buffer
				w.log = slog.New(slog.NewTextHandler(&out, nil))
				clear := trouble.jam(w)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { trouble.job(w)(ctx) })
				time.Sleep(time.Minute)
				synctest.Wait()
				if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `level=WARN msg="`+trouble.says) {
					t.Errorf("not told once:\n%s", text)
				}
				clear()
				time.Sleep(2 * longestRetry)
				synctest.Wait()
				if text := out.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "over: "+trouble.says) {
					t.Errorf("not over:\n%s", text)
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

// jamRefund makes a refund that fails until it is cleared.
func jamRefund(w *world) (clear func()) {
	w.t.Helper()
	w.bank.refundCut = func(provider.Charge) error { return errors.New("no line") }
	b := w.house.hold(fan.UserID, 1)
	if _, err := w.pay(b, paymentapi.SandboxOK, ""); err != nil {
		w.t.Fatal(err)
	}
	w.house.cancel(b.ID, b.Amount)
	return func() {
		w.bank.mu.Lock()
		defer w.bank.mu.Unlock()
		w.bank.refundCut = nil
	}
}
