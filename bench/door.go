package main

import (
	"context"
	"fmt"

	"boxoffice/internal/rush"
)

// door rehearses an evening at the doors on both databases.
func (b *bench) door(ctx context.Context) error {
	fmt.Println()
	row("boxoffice rehearse-door", "80,000 tickets, 50 gates, %v", b.long)
	for _, postgres := range []bool{false, true} {
		args := []string{"rehearse-door", "--duration", b.long.String()}
		if postgres {
			server, url, err := database(ctx)
			if err != nil {
				return err
			}
			defer server.Stop()
			args = append(args, "--database-url", url)
		}
		var r rush.DoorReport
		if err := b.report(ctx, &r, args...); err != nil && r.Audit == "" {
			return err
		}
		row("  "+r.Database, "%.0f scans/s, p50 %.1f ms, p99 %.1f ms, %.0f + %.0f µs of CPU per scan", r.FloodPerS, r.FloodP50, r.FloodP99, r.CPUPerScan, r.DatabaseCPU)
		row("    ask; decide alone", "p50 %.1f ms, p99 %.1f ms; p99 %.2f ms", r.AskP50, r.AskP99, r.AloneP99)
		row("    a new device: the list; all of it", "%.0f ms, %d bytes; %.0f ms, %d bytes; %d at once %.0f ms", r.ListMs, r.ListBytes, r.SyncMs, r.SyncBytes, r.Gates, r.SyncAll)
		row("    let in two, known after healing", "%d tickets: p50 %.0f ms, p99 %.0f ms, at most %.0f ms", r.Doubles, r.HealingP50, r.HealingP99, r.HealingMax)
		row("    audit", "%s; %d scans, %d decided alone, %d in histories", r.Audit, r.Scans, r.Alone, r.Checked)
	}
	return nil
}
