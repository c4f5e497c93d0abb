package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"boxoffice/internal/rush"
)

// hotSeats is an event so large that nobody sells it out while measuring.
const hotSeats = 200_000

// sales measures purchases, the textbook's beside ours.
func (b *bench) sales(ctx context.Context) error {
	if err := b.ceiling(ctx); err != nil {
		return err
	}
	simple, prepared, err := b.pgbench(ctx)
	if err != nil {
		return err
	}
	textbook, err := b.textbookServer(ctx)
	if err != nil {
		return err
	}
	fmt.Println()
	row("boxoffice: complete purchases", "closed loop, 256 fans at a time, %v each; hold p50, p99; CPU of servers + database a purchase", b.long)
	hot := []string{"--seats", fmt.Sprint(hotSeats)}
	many := []string{"--seats", "20000"}
	measured := map[string]rush.Report{}
	for _, s := range []struct {
		name     string
		postgres bool
		args     []string
	}{
		{"SQLite, events of 20,000", false, many},
		{"SQLite, one event", false, hot},
		{"PostgreSQL, events of 20,000", true, many},
		{"PostgreSQL, one event", true, hot},
		{"PostgreSQL, 2 nodes, events of 20,000", true, append(many, "--nodes", "2")},
		{"PostgreSQL, 2 nodes, one event", true, append(hot, "--nodes", "2")},
	} {
		r, err := b.sell(ctx, s.postgres, append(s.args, "--duration", b.long.String())...)
		if err != nil {
			return err
		}
		measured[s.name] = r
		row("  "+s.name, "%s", figures(r))
	}
	lite, pg, pgHot := measured["SQLite, events of 20,000"], measured["PostgreSQL, events of 20,000"], measured["PostgreSQL, one event"]
	fmt.Println()
	row("ratios", "")
	row("  PostgreSQL ÷ pgbench", "%.2f (÷ prepared statements: %.2f)", pg.PurchasesPerS/simple, pg.PurchasesPerS/prepared)
	row("  PostgreSQL ÷ textbook server, one event", "%.2f", pgHot.PurchasesPerS/textbook.PurchasesPerS)
	row("  SQLite ÷ pgbench", "%.2f (÷ prepared statements: %.2f)", lite.PurchasesPerS/simple, lite.PurchasesPerS/prepared)
	row("  two nodes ÷ one", "%.2f; on one event %.2f", measured["PostgreSQL, 2 nodes, events of 20,000"].PurchasesPerS/pg.PurchasesPerS,
		measured["PostgreSQL, 2 nodes, one event"].PurchasesPerS/pgHot.PurchasesPerS)
	if err := b.burstAndQuiet(ctx, "SQLite", false, lite.PurchasesPerS, many); err != nil {
		return err
	}
	return b.burstAndQuiet(ctx, "PostgreSQL", true, pg.PurchasesPerS, many)
}

// burstAndQuiet measures a rush of all fans at once, and half the top rate in
// purchases per second.
func (b *bench) burstAndQuiet(ctx context.Context, name string, postgres bool, top float64, args []string) error {
	fmt.Println()
	row("bursts and quiet, "+name, "")
	burst, err := b.sell(ctx, postgres, append(args, "--burst")...)
	if err != nil {
		return err
	}
	row("  10,000 fans hold within a second", "%.0f held/s, %.0f refused/s, 99 %% answered within %.0f ms", burst.HoldsPerS, burst.RejectsPerS, burst.P99)
	half := fmt.Sprintf("%.0f", top/2)
	open, err := b.sell(ctx, postgres, append(args, "--duration", "10s", "--rate", half)...)
	if err != nil {
		return err
	}
	row("  open loop at half the top rate, "+half+"/s", "hold p50 %.1f ms, p99 %.1f ms", open.P50, open.P99)
	return nil
}

func figures(r rush.Report) string {
	return fmt.Sprintf("%.0f/s; %.1f ms, %.0f ms; %.0f + %.0f µs; %.0f holds/s, %.0f refusals/s", r.PurchasesPerS, r.P50, r.P99, r.CPUPerPurchase, r.DatabaseCPU, r.HoldsPerS, r.RejectsPerS)
}

// sell rehearses on a fresh database.
func (b *bench) sell(ctx context.Context, postgres bool, args ...string) (rush.Report, error) {
	args = append([]string{"--fans", "10000"}, args...)
	if postgres {
		pg, url, err := database(ctx)
		if err != nil {
			return rush.Report{}, err
		}
		defer pg.Stop()
		args = append(args, "--database-url", url)
	}
	return b.rehearse(ctx, args...)
}

// ceiling is what the load generator reaches against a handler that does nothing.
func (b *bench) ceiling(ctx context.Context) error {
	file := filepath.Join(b.dir, "nothing")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		return err
	}
	bare, err := start(ctx, os.Args[0], "-serve-bytes", file)
	if err != nil {
		return err
	}
	defer bare.stop()
	rate, err := rush.Ceiling(bare.url, 256, b.short)
	row("load generator, empty handler", "%.0f requests/s", rate)
	return err
}

// textbookServer finds the pool with which the textbook server is best.
func (b *bench) textbookServer(ctx context.Context) (best rush.Report, err error) {
	fmt.Println()
	row("textbook server: complete purchases", "one transaction a request, one event of %d seats", hotSeats)
	fans := filepath.Join(b.dir, "fans")
	var tokens strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&tokens, "{\"token\": \"fan%d\", \"user_id\": \"fan%d\"}\n", i, i)
	}
	if err := os.WriteFile(fans, []byte(tokens.String()), 0o600); err != nil {
		return best, err
	}
	for _, conns := range []int{4, 8, 16, 32, 64} {
		r, err := b.textbookOnce(ctx, fans, conns)
		if err != nil {
			return best, err
		}
		row(fmt.Sprintf("  %d connections", conns), "%s", figures(r))
		if r.PurchasesPerS > best.PurchasesPerS {
			best = r
		}
	}
	return best, nil
}

func (b *bench) textbookOnce(ctx context.Context, fans string, conns int) (rush.Report, error) {
	pg, url, err := database(ctx)
	if err != nil {
		return rush.Report{}, err
	}
	defer pg.Stop()
	s, err := start(ctx, os.Args[0], "-serve-textbook", url, "-pool", fmt.Sprint(conns))
	if err != nil {
		return rush.Report{}, err
	}
	defer s.stop()
	server, base := s.cpu(), rush.CPUTime(pg.PID())
	r, err := b.rehearse(ctx, "--target", s.url, "--event", textbookEvent, "--fans", "10000", "--fans-file", fans, "--duration", (2 * b.short).String())
	if err == nil && r.Purchases > 0 {
		r.CPUPerPurchase = float64((s.cpu() - server).Microseconds()) / float64(r.Purchases)
		r.DatabaseCPU = float64((rush.CPUTime(pg.PID()) - base).Microseconds()) / float64(r.Purchases)
	}
	return r, err
}

// growth asks whether a purchase costs more once much has been sold, when the
// event is large, and when there are many events.
func (b *bench) growth(ctx context.Context) error {
	cost := func(r rush.Report) float64 { return r.CPUPerPurchase + r.DatabaseCPU }
	for _, postgres := range []bool{false, true} {
		where := []string{"--data", filepath.Join(b.dir, "growth")}
		name := "SQLite"
		if postgres {
			pg, url, err := database(ctx)
			if err != nil {
				return err
			}
			defer pg.Stop()
			where, name = []string{"--database-url", url}, "PostgreSQL"
		}
		if err := b.events(ctx, where, 0); err != nil { // a demo's database from the beginning
			return err
		}
		try := func(args ...string) (rush.Report, error) {
			return b.rehearse(ctx, append(append([]string{"--fans", "10000"}, where...), args...)...)
		}
		fmt.Println()
		row("growth, "+name, "CPU of servers + database a purchase")
		var small, large rush.Report
		var err error
		if small, err = try("--seats", "1000", "--duration", "10s"); err != nil {
			return err
		}
		if large, err = try("--seats", "100000", "--duration", "10s"); err != nil {
			return err
		}
		row("  100,000 seats ÷ 1,000", "%.0f µs ÷ %.0f µs = %.2f", cost(large), cost(small), cost(large)/cost(small))
		few, err := try("--seats", "20000", "--duration", "10s")
		if err != nil {
			return err
		}
		if err := b.events(ctx, where, 10_000); err != nil {
			return err
		}
		many, err := try("--seats", "20000", "--duration", "10s")
		if err != nil {
			return err
		}
		row("  10,000 events ÷ 10", "%.0f µs ÷ %.0f µs = %.2f", cost(many), cost(few), cost(many)/cost(few))
		sold := few.Purchases + many.Purchases + small.Purchases + large.Purchases
		for sold < 1_000_000 {
			r, err := try("--seats", "50000", "--duration", "60s")
			if err != nil {
				return err
			}
			sold += r.Purchases
		}
		after, err := try("--seats", "20000", "--duration", "10s")
		if err != nil {
			return err
		}
		row(fmt.Sprintf("  after %d bookings ÷ after few", sold), "%.0f µs ÷ %.0f µs = %.2f", cost(after), cost(few), cost(after)/cost(few))
	}
	return nil
}

// events fills a database with so many small events.
func (b *bench) events(ctx context.Context, where []string, n int) error {
	s, err := start(ctx, b.program, append([]string{"serve", "--addr", "127.0.0.1:0", "--loopback-factor", "1000", "--demo"}, where...)...)
	if err != nil {
		return err
	}
	defer s.stop()
	token, err := s.login("organizer")
	if err != nil {
		return err
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 8
	began := time.Now()
	for i := range n {
		event := fmt.Sprintf(`{"title":"Small %d","event_time":"2100-01-01T20:00:00Z","venue":{"name":"V","time_zone":"UTC"},"plan":{"template":"theatre","seats":100},"currency":"EUR","price":5000,"status":"on_sale"}`, i)
		if _, err := post(s.url+"/events", token, event, "id"); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	row("  events created", "%.0f/s", float64(n)/time.Since(began).Seconds())
	return nil
}
