// Command bench measures boxoffice beside the textbook way of selling a seat,
// on this machine, in one run, on private servers that it starts and stops:
// pgbench with the textbook transaction, a textbook server over the same HTTP
// calls, and boxoffice on its embedded database and on PostgreSQL with one node
// and with two. The load generator runs on the same processors.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"boxoffice/internal/rush"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	short, long time.Duration
	dir         string // temporary
	program     string
}

func run(ctx context.Context) error {
	b := &bench{}
	flag.DurationVar(&b.short, "short", 5*time.Second, "how long each try of a series runs")
	flag.DurationVar(&b.long, "long", 15*time.Second, "how long a rehearsal runs")
	only := flag.String("only", "", "sales, gateway, reads, door or growth: leave everything else out; growth is in no other run")
	// These are for the processes that it starts.
	bytesOf := flag.String("serve-bytes", "", "serve this file to everybody: the bare handler of the comparison")
	status := flag.Int("serve-status", http.StatusOK, "with --serve-bytes, the status")
	textbookURL := flag.String("serve-textbook", "", "serve the textbook server on this database")
	pool := flag.Int("pool", 8, "with --serve-textbook, connections")
	seats := flag.Int("seats", hotSeats, "with --serve-textbook, seats")
	flag.Parse()
	switch {
	case *bytesOf != "":
		return serveBytes(*bytesOf, *status)
	case *textbookURL != "":
		return serveTextbook(ctx, *textbookURL, *pool, *seats)
	}
	dir, err := os.MkdirTemp("", "boxoffice-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir, b.program = dir, filepath.Join(dir, "boxoffice")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.program, "boxoffice/cmd/boxoffice").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	fmt.Printf("boxoffice bench, %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 MST"))
	row("machine", "%s, %d CPUs, %s", cpuName(), runtime.NumCPU(), runtime.Version())
	parts := []struct {
		name string
		fn   func(context.Context) error
	}{{"sales", b.sales}, {"gateway", b.gateway}, {"reads", b.reads}, {"door", b.door}, {"size", b.size}, {"growth", b.growth}}
	for _, p := range parts {
		if *only == p.name || *only == "" && p.name != "growth" {
			if err := p.fn(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

func row(name, format string, args ...any) {
	fmt.Printf("  %-44s %s\n", name, fmt.Sprintf(format, args...))
}

// rehearse runs "boxoffice rush" and reads its last line.
func (b *bench) rehearse(ctx context.Context, args ...string) (rush.Report, error) {
	var r rush.Report
	err := b.report(ctx, &r, append([]string{"rush"}, args...)...)
	if r.Audit != "ok" || r.Errors > 0 {
		row("  !", "audit %s, %d errors", r.Audit, r.Errors)
	}
	return r, err
}

// report runs a command of boxoffice with --json, and reads its last line.
func (b *bench) report(ctx context.Context, into any, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, b.program, append(args, "--json")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout = &out
	err := cmd.Run()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if jsonErr := json.Unmarshal([]byte(lines[len(lines)-1]), into); jsonErr != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, out.String())
	}
	return err
}

// size measures a node that has nothing to do, and a very large event.
func (b *bench) size(ctx context.Context) error {
	s, err := start(ctx, b.program, "serve", "--addr", "127.0.0.1:0", "--loopback-factor", "1000", "--data", filepath.Join(b.dir, "data"), "--demo")
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Println()
	row("size", "serve --demo")
	token, err := s.login("organizer")
	if err != nil {
		return err
	}
	event := `{"title":"Large","event_time":"2100-01-01T20:00:00Z","venue":{"name":"V","time_zone":"UTC"},"plan":{"template":"stadium","seats":80000},"currency":"EUR","price":5000,"status":"on_sale"}`
	start := time.Now()
	id, err := post(s.url+"/events", token, event, "id")
	if err != nil {
		return err
	}
	row("  event with 80,000 seats created in", "%.1f ms", float64(time.Since(start).Microseconds())/1000)
	var summary time.Duration
	for range 20 {
		start := time.Now()
		if _, err := get(s.url + "/events/" + id + "/seats"); err != nil {
			return err
		}
		summary = time.Since(start)
	}
	row("  its section summary in", "%.2f ms", float64(summary.Microseconds())/1000)
	return b.idle(ctx)
}

// idle is the memory of a fresh node that has nothing to do.
func (b *bench) idle(ctx context.Context) error {
	s, err := start(ctx, b.program, "serve", "--addr", "127.0.0.1:0", "--loopback-factor", "1000", "--data", filepath.Join(b.dir, "idle"))
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(2 * time.Second)
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(raw), "\n") {
		var kib int64 // the kernel writes kB
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			row("  serve idle, resident memory", "%.0f MB", float64(kib)*1024/1e6)
		}
	}
	return nil
}

func post(url, token, body, field string) (string, error) {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return "", err
	}
	s, ok := v[field].(string)
	if !ok {
		return "", fmt.Errorf("POST %s: %v", url, v)
	}
	return s, nil
}

func cpuName() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}
