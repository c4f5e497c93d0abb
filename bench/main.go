// Command bench measures boxoffice beside the textbook way of selling a seat,
// on this machine, in one run: first PostgreSQL with pgbench, then boxoffice on
// its embedded database with the load generator on the same processors.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{}
	flag.DurationVar(&b.pg, "pgbench", 6*time.Second, "how long pgbench runs with each number of clients")
	flag.DurationVar(&b.rush, "rush", 20*time.Second, "how long the rehearsal runs")
	only := flag.String("only", "", "reads: leave everything else out")
	bytesOf := flag.String("serve-bytes", "", "serve this file to everybody: the bare handler of the comparison")
	flag.Parse()
	if *bytesOf != "" {
		if err := serveBytes(*bytesOf); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	b.only = *only
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	pg, rush time.Duration
	program  string
	only     string
}

// report is what of rush's JSON is shown here.
type report struct {
	Purchases   int64   `json:"purchases"`
	PerS        float64 `json:"purchases_per_s"`
	Holds       float64 `json:"holds_per_s"`
	Rejects     float64 `json:"rejects_per_s"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	PurchaseP99 float64 `json:"purchase_p99_ms"`
	CPU         float64 `json:"server_cpu_us_per_purchase"`
	Errors      int64   `json:"errors"`
	Audit       string  `json:"audit"`
	Database    string  `json:"database"`
	Fsync       string  `json:"fsync"`
}

func row(name, format string, args ...any) {
	fmt.Printf("  %-44s %s\n", name, fmt.Sprintf(format, args...))
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "boxoffice-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.program = filepath.Join(dir, "boxoffice")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.program, "boxoffice/cmd/boxoffice").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	fmt.Printf("boxoffice bench, %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 MST"))
	row("machine", "%s, %d CPUs, %s", cpuName(), runtime.NumCPU(), runtime.Version())
	if b.only == "reads" {
		return b.reads(ctx, dir)
	}
	simple, prepared, err := b.textbook(ctx)
	if err != nil {
		return err
	}
	top, err := b.rehearse(ctx, "rush, closed loop", "--fans", "10000", "--seats", "20000", "--duration", b.rush.String())
	if err != nil {
		return err
	}
	row("  purchases/s", "%.0f   (%.2f of the textbook's transactions/s, %.2f of them prepared)", top.PerS, top.PerS/simple, top.PerS/prepared)
	row("  hold p50, p99; pay p99", "%.1f ms, %.1f ms; %.1f ms", top.P50, top.P99, top.PurchaseP99)
	row("  server CPU per purchase", "%.0f µs", top.CPU)
	row("  database", "%s, fsync %s", top.Database, top.Fsync)
	burst, err := b.rehearse(ctx, "burst: 10,000 fans hold within a second", "--fans", "10000", "--seats", "20000", "--burst")
	if err != nil {
		return err
	}
	row("  answers", "%.0f held/s, %.0f refused/s, 99 %% within %.0f ms", burst.Holds, burst.Rejects, burst.P99)
	half := fmt.Sprintf("%.0f", top.PerS/2)
	open, err := b.rehearse(ctx, "open loop at half the top rate, "+half+"/s", "--fans", "10000", "--seats", "20000", "--duration", "10s", "--rate", half)
	if err != nil {
		return err
	}
	row("  hold p50, p99", "%.1f ms, %.1f ms", open.P50, open.P99)
	if err := b.reads(ctx, dir); err != nil {
		return err
	}
	return b.size(ctx, dir)
}

// textbook is the best rate that the textbook transaction reaches, with
// pgbench's default protocol and with prepared statements.
func (b *bench) textbook(ctx context.Context) (simple, prepared float64, err error) {
	p, err := startPostgres(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	version, err := p.command(ctx, "postgres", "--version").Output()
	if err != nil {
		return 0, 0, err
	}
	fmt.Println()
	row("pgbench: SELECT … FOR UPDATE, UPDATE, INSERT", "%s, fsync on", strings.TrimSpace(string(version)))
	best := map[string]float64{}
	for _, protocol := range []string{"simple", "prepared"} {
		for _, clients := range []int{8, 16, 32, 64} {
			rate, err := p.run(ctx, protocol, clients, b.pg)
			if err != nil {
				return 0, 0, err
			}
			row(fmt.Sprintf("  %s, %d clients", protocol, clients), "%.0f transactions/s", rate)
			best[protocol] = max(best[protocol], rate)
		}
	}
	return best["simple"], best["prepared"], nil
}

// rehearse runs "boxoffice rush" and reads its last line.
func (b *bench) rehearse(ctx context.Context, name string, args ...string) (report, error) {
	fmt.Println()
	row(name, "%s", strings.Join(args, " "))
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, b.program, append(append([]string{"rush"}, args...), "--json")...)
	cmd.Stdout = &out
	err := cmd.Run()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r report
	if jsonErr := json.Unmarshal([]byte(lines[len(lines)-1]), &r); jsonErr != nil {
		return r, fmt.Errorf("rush: %w: %s", err, out.String())
	}
	row("  errors, audit", "%d, %s", r.Errors, r.Audit)
	return r, err
}

// size measures a node that has nothing to do, and a very large event.
func (b *bench) size(ctx context.Context, dir string) error {
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, b.program, "serve", "--addr", "127.0.0.1:0", "--data", data, "--demo")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var url, password string
	lines := bufio.NewScanner(out)
	for url == "" && lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "organizer" {
			password = f[2]
		}
		if u, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			url = u
		}
	}
	fmt.Println()
	row("size", "serve --demo")
	token, err := post(url+"/users/login", "", fmt.Sprintf(`{"email":"organizer@demo.example","password":%q}`, password), "token")
	if err != nil {
		return err
	}
	event := `{"title":"Large","event_time":"2100-01-01T20:00:00Z","venue":{"name":"V","time_zone":"UTC"},"plan":{"template":"stadium","seats":80000},"currency":"EUR","price":5000,"status":"on_sale"}`
	start := time.Now()
	id, err := post(url+"/events", token, event, "id")
	if err != nil {
		return err
	}
	row("  event with 80,000 seats created in", "%.1f ms", float64(time.Since(start).Microseconds())/1000)
	var summary time.Duration
	for range 20 {
		start := time.Now()
		res, err := http.Get(url + "/events/" + id + "/seats")
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		summary = time.Since(start)
	}
	row("  its section summary in", "%.2f ms", float64(summary.Microseconds())/1000)
	return b.idle(ctx, dir)
}

// idle is the memory of a fresh node that has nothing to do.
func (b *bench) idle(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, b.program, "serve", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "idle"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if !bufio.NewScanner(out).Scan() {
		return fmt.Errorf("serve does not start")
	}
	time.Sleep(2 * time.Second)
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			row("  serve idle, resident memory", "%s", strings.TrimSpace(kib))
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
