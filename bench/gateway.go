package main

import (
	"context"
	"fmt"

	"boxoffice/internal/rush"
)

// gatewayPairs is how often both gateways are measured, each time one after the other.
const gatewayPairs = 2

// gateway measures purchases that are paid over HTTP: with a gateway that is only slow,
// and with one that also fails.
func (b *bench) gateway(ctx context.Context) error {
	fmt.Println()
	row("boxoffice: a slow gateway over HTTP", "SQLite, 256 fans at a time, %v each; whoever waits for a payment longer than 2 s waits aside", b.long)
	var rate, mean [2]float64
	for range gatewayPairs {
		for i, kind := range []string{"good", "bad"} {
			r, err := b.sell(ctx, false, "--gateway", kind, "--seats", "20000", "--duration", b.long.String())
			if err != nil {
				return err
			}
			row("  "+kind, "%s", paid(r))
			rate[i] += r.PurchasesPerS
			mean[i] += r.CapturedMean
		}
	}
	row("  bad ÷ good", "%.2f purchases/s; money is taken after %.2f times as long", rate[1]/rate[0], mean[1]/mean[0])
	return nil
}

func paid(r rush.Report) string {
	return fmt.Sprintf("%.0f/s; paid after %.0f ms, p99 %.0f ms; hold p50 %.1f ms; %d charges, audit %s", r.PurchasesPerS, r.CapturedMean, r.CapturedP99, r.P50, r.Charges, r.Audit)
}
