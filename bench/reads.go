package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"boxoffice/internal/rush"
)

// process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
	say map[string]string // second and third word of the lines it has printed
}

func start(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), say: map[string]string{}}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 3 {
			p.say[f[0]] = f[2]
		}
		if u, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			p.url = u
		}
	}
	if p.url == "" {
		return nil, fmt.Errorf("%s does not start", name)
	}
	return p, nil
}

// login is the token of one of the demo's people, whose password it has printed.
func (p *process) login(name string) (string, error) {
	return post(p.url+"/users/login", "", fmt.Sprintf(`{"email":"%s@demo.example","password":%q}`, name, p.say[name]), "token")
}

func (p *process) stop() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() }

func (p *process) cpu() time.Duration { return rush.CPUTime(p.cmd.Process.Pid) }

// serveBytes is the bare handler: net/http, what comes is read, and the same
// bytes go to everybody.
func serveBytes(file string, status int) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
}

const readers = 32

// request is what load sends: a GET, or a POST when there is a body.
type request struct {
	token, body string
	want        int // status; 0 is 200
}

// load asks for one address for a while over many connections, with a client
// that does no more than it must, and answers the rate.
func load(url string, r request, d time.Duration) (float64, error) {
	addr, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	method := "GET"
	if r.body != "" {
		method = "POST"
	}
	text := method + " /" + path + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if r.token != "" {
		text += "Authorization: Bearer " + r.token + "\r\n"
	}
	if r.body != "" {
		text += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(r.body)) + "\r\n"
	}
	text += "\r\n" + r.body
	status := fmt.Sprintf("HTTP/1.1 %d", max(r.want, 200))
	var n atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range readers {
		wg.Go(func() {
			if err := loop(addr, text, status, end, &n); err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / d.Seconds(), nil
}

func loop(addr, request, status string, end time.Time, n *atomic.Int64) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for time.Now().Before(end) {
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		length, first := -1, true
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return err
			}
			if first && !strings.HasPrefix(string(line), status) {
				return fmt.Errorf("answer: %s", line)
			}
			first = false
			if len(line) == 2 {
				break
			}
			if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if length < 0 {
			return fmt.Errorf("answer without a length")
		}
		if _, err := in.Discard(length); err != nil {
			return err
		}
		n.Add(1)
	}
	return nil
}

// reads compares warm reads with a bare handler that sends the same bytes, and
// says what it costs to know who asks.
func (b *bench) reads(ctx context.Context) error {
	s, err := start(ctx, b.program, "serve", "--addr", "127.0.0.1:0", "--loopback-factor", "1000", "--data", filepath.Join(b.dir, "reads"), "--demo")
	if err != nil {
		return err
	}
	defer s.stop()
	token, err := s.login("buyer")
	if err != nil {
		return err
	}
	event, err := first(s.url + "/events?q=aurora")
	if err != nil {
		return err
	}
	fmt.Println()
	row("warm reads", "%d connections; ratio to net/http sending the same bytes", readers)
	for _, path := range []string{"/events/" + event, "/events/" + event + "/seats?form=compact"} {
		body, err := get(s.url + path)
		if err != nil {
			return err
		}
		ours, ratios, err := b.beside(ctx, s.url+path, request{}, body)
		if err != nil {
			return err
		}
		row(fmt.Sprintf("  %s, %d bytes", strings.ReplaceAll(path, event, "{id}"), len(body)), "%.0f/s, %.2f (%.2f–%.2f)", ours, ratios[2], ratios[0], ratios[4])
	}
	if err := b.refusals(ctx, s, event, token); err != nil {
		return err
	}
	var extra []float64
	for range 5 {
		anonymous, err := perRequest(s, s.url+"/events/"+event, "")
		if err != nil {
			return err
		}
		known, err := perRequest(s, s.url+"/events/"+event, token)
		if err != nil {
			return err
		}
		extra = append(extra, known-anonymous)
	}
	slices.Sort(extra)
	row("  a warm session adds", "%.1f µs of server CPU (%.1f–%.1f)", extra[2], extra[0], extra[4])
	return b.storm(ctx, s, event)
}

// beside measures an address and the bare handler with the same answer in turn,
// and gives the median rate and the five ratios, sorted.
func (b *bench) beside(ctx context.Context, url string, r request, answer []byte) (rate float64, ratios []float64, err error) {
	file := filepath.Join(b.dir, "bytes")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return 0, nil, err
	}
	bare, err := start(ctx, os.Args[0], "-serve-bytes", file, "-serve-status", strconv.Itoa(max(r.want, 200)))
	if err != nil {
		return 0, nil, err
	}
	defer bare.stop()
	var ours []float64
	for range 5 {
		theirs, err := load(bare.url+"/", r, time.Second)
		if err != nil {
			return 0, nil, err
		}
		rate, err := load(url, r, time.Second)
		if err != nil {
			return 0, nil, err
		}
		ratios, ours = append(ratios, rate/theirs), append(ours, rate)
	}
	slices.Sort(ratios)
	slices.Sort(ours)
	return ours[2], ratios, nil
}

// refusals asks again and again for a seat that another fan holds.
func (b *bench) refusals(ctx context.Context, s *process, event, token string) error {
	login := `"email":"faster@example.org","password":"velvet curtain"`
	if _, err := post(s.url+"/users", "", `{"name":"Faster",`+login+`}`, "id"); err != nil {
		return err
	}
	faster, err := post(s.url+"/users/login", "", `{`+login+`}`, "token")
	if err != nil {
		return err
	}
	raw, err := get(s.url + "/events/" + event + "/plan")
	if err != nil {
		return err
	}
	var plan struct{ Seats []struct{ Label string } }
	if err := json.Unmarshal(raw, &plan); err != nil {
		return err
	}
	var hold string
	for i := range plan.Seats { // the first one that is free
		hold = fmt.Sprintf(`{"event_id":%q,"seats":[%q]}`, event, plan.Seats[i].Label)
		if _, err := post(s.url+"/bookings", faster, hold, "id"); err == nil {
			break
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/bookings", strings.NewReader(hold))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusConflict {
		return fmt.Errorf("a taken seat: status %d, %w: %s", res.StatusCode, err, answer)
	}
	rate, ratios, err := b.beside(ctx, s.url+"/bookings", request{token: token, body: hold, want: http.StatusConflict}, answer)
	if err != nil {
		return err
	}
	row("  POST /bookings for a taken seat", "%.0f refusals/s, %.2f (%.2f–%.2f)", rate, ratios[2], ratios[0], ratios[4])
	return nil
}

// perRequest is the server's processor time for one request, in µs.
func perRequest(s *process, url, token string) (float64, error) {
	before := s.cpu()
	rate, err := load(url, request{token: token}, time.Second)
	return float64((s.cpu() - before).Microseconds()) / rate, err
}

const (
	stormLogins   = 10_000
	stormAccounts = 100
)

// stormTokens makes accounts and signs them in.
func stormTokens(s *process) ([]string, error) {
	tokens := make([]string, 0, stormAccounts)
	for i := range stormAccounts {
		login := fmt.Sprintf(`"email":"storm%d@example.org","password":"velvet curtain"`, i)
		if _, err := post(s.url+"/users", "", `{"name":"Storm",`+login+`}`, "id"); err != nil {
			return nil, err
		}
		token, err := post(s.url+"/users/login", "", `{`+login+`}`, "token")
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// storm lets ten thousand people log in at once, and measures how long holds
// take meanwhile.
func (b *bench) storm(ctx context.Context, s *process, event string) error {
	tokens, err := stormTokens(s)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, MaxConnsPerHost: 12_000}}
	send := func(path, token, body string) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode, res.Body.Close()
	}
	var mu sync.Mutex
	answers := map[int]int{}
	var logins sync.WaitGroup
	began := time.Now()
	for i := range stormLogins {
		logins.Go(func() {
			status, err := send("/users/login", "", fmt.Sprintf(`{"email":"storm%d@example.org","password":"velvet curtain"}`, i%stormAccounts))
			if err != nil {
				status = 0
			}
			mu.Lock()
			answers[status]++
			mu.Unlock()
		})
	}
	over := make(chan struct{})
	go func() { logins.Wait(); close(over) }()
	var took []float64
	for i := 0; ; i++ {
		select {
		case <-over:
			slices.Sort(took)
			row("  10,000 log-ins at once", "%d let in, %d asked to come back, %d lost, in %.1f s", answers[200], answers[503]+answers[429], answers[0], time.Since(began).Seconds())
			row("  meanwhile holds: p50, p99", "%.0f ms, %.0f ms (of %d)", took[len(took)/2], took[len(took)*99/100], len(took))
			return nil
		default:
		}
		sent := time.Now()
		if _, err := send("/bookings", tokens[i%len(tokens)], fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event)); err != nil {
			return err
		}
		took = append(took, float64(time.Since(sent).Microseconds())/1000)
	}
}

func get(url string) ([]byte, error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// first is the id of the first item of a list.
func first(url string) (string, error) {
	raw, err := get(url)
	if err != nil {
		return "", err
	}
	var page struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(raw, &page); err != nil || len(page.Items) == 0 {
		return "", fmt.Errorf("%s: %.200s", url, raw)
	}
	return page.Items[0].ID, nil
}
