package payment

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// A gateway that takes another amount, or another currency, than it was asked for is found
// at once: in the log and in the payment's journal.
func TestTakenOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		takes provider.Sum
		lost  bool // the answer to the capture
		want  string
	}{
		"as asked":         {takes: provider.Sum{Amount: 10000, Currency: "USD"}},
		"it does not say":  {},
		"less":             {takes: provider.Sum{Amount: 4900, Currency: "USD"}, want: "taken-otherwise-4900-usd"},
		"another currency": {takes: provider.Sum{Amount: 10000, Currency: "EUR"}, want: "taken-otherwise-10000-eur"},
		"asked later":      {takes: provider.Sum{Amount: 10001, Currency: "USD"}, lost: true, want: "taken-otherwise-10001-usd"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				log := &said{}
				w.restart(func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(log, nil)) })
				w.bank.instead = c.takes
				if c.lost {
					w.bank.unclear["capture"] = 1
				}
				b := w.house.hold(fan.UserID, 1, 2)
				_, _ = w.pay(b, "tok_ok", "")
				time.Sleep(time.Minute)
				p, err := w.store.payment(t.Context(), b.ID+"-1")
				if err != nil || p.Status != paymentapi.Captured || p.Reason != "" {
					t.Fatalf("%+v %v", p, err)
				}
				story := w.story(p.ID)
				if got := slices.ContainsFunc(story, func(s string) bool { return c.want != "" && strings.HasPrefix(s, "captured "+c.want+" ") }); got != (c.want != "") {
					t.Errorf("%q", story)
				}
				if got := strings.Contains(log.String(), "another amount than it was asked for"); got != (c.want != "") {
					t.Errorf("said: %t", got)
				}
			})
		})
	}
}
