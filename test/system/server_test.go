package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/user"
	"boxoffice/internal/userapi"
)

var binary struct {
	once sync.Once
	path string
	err  error
}

// program builds the binary, once for all tests.
func program(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		dir, err := os.MkdirTemp("", "boxoffice-system")
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "boxoffice")
		out, err := exec.Command("go", "build", "-o", binary.path, "boxoffice/cmd/boxoffice").CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.path != "" {
		_ = os.RemoveAll(filepath.Dir(binary.path))
	}
	os.Exit(code)
}

// run runs a sub-command to its end.
func run(t testing.TB, args ...string) (stdout string, err error) {
	t.Helper()
	return runBy(program(t), args...)
}

// runBy is run with a program of the caller's choice.
func runBy(program string, args ...string) (stdout string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience.Long)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String(), err
}

// server is a running node.
type server struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	log  bytes.Buffer
	done chan struct{}
}

// storage is where a test's database is to be: in a temporary folder or, when
// this run of the tests is on PostgreSQL, on a server of their own.
func storage(t testing.TB) settings.Storage {
	t.Helper()
	s := settings.Storage{Data: t.TempDir()}
	if sqldbtest.OnPostgres(t) {
		s.DatabaseURL = sqldbtest.Postgres(t)
	}
	return s
}

// on adds the flags that say where the database is.
func on(s settings.Storage, args ...string) []string {
	if s.DatabaseURL != "" {
		return append(args, "--database-url", s.DatabaseURL)
	}
	return append(args, "--data", s.Data)
}

// serve starts a node on a database and waits until it is ready.
func serve(t testing.TB, data settings.Storage, args ...string) *server {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", data, args...)
}

// serveAt is serve on an address.
func serveAt(t testing.TB, addr string, data settings.Storage, args ...string) *server {
	t.Helper()
	return serveBy(t, program(t), addr, data, args...)
}

// serveBy is serveAt with a program of the caller's choice.
func serveBy(t testing.TB, program, addr string, data settings.Storage, args ...string) *server {
	t.Helper()
	if data.DatabaseURL != "" {
		args = append(args, "--data", data.Data) // for the mails
	}
	return launch(t, program, append(on(data, "serve", "--addr", addr, "--loopback-factor", "1000"), args...)...)
}

// launch starts a server and waits until it listens.
func launch(t testing.TB, program string, args ...string) *server {
	t.Helper()
	s := &server{t: t, done: make(chan struct{})}
	s.cmd = exec.Command(program, args...)
	s.cmd.Env = append(os.Environ(), "BOXOFFICE_PAYMENTS=sandbox") // an earlier version knows no such flag
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				ready <- url
			}
		}
		_ = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(s.kill)
	select {
	case s.url = <-ready:
	case <-s.done:
		t.Fatalf("%s ended: %s", args[0], s.log.String())
	case <-time.After(patience.Long):
		t.Fatalf("%s is not ready: %s", args[0], s.log.String())
	}
	return s
}

// kill ends the node as a power cut would, as far as the process goes.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stop asks the node to end and waits for it.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(patience.Long):
		s.t.Fatal("serve does not end")
	}
}

// client speaks to a node as one account.
type client struct {
	http  *http.Client
	base  string
	token string
	user  string
}

func newHTTP() *http.Client {
	return &http.Client{Timeout: patience.Long, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
}

// reply is an answer: its status and its JSON.
type reply struct {
	status int
	body   map[string]any
	header http.Header
}

func (r reply) str(key string) string { s, _ := r.body[key].(string); return s }

// problem is the slug of a problem document.
func (r reply) problem() string { return strings.TrimPrefix(r.str("type"), "/problems/") }

// do sends a request; an error means that no answer came.
func (c *client) do(method, path string, body any, header ...string) (reply, error) {
	var in io.Reader
	if body != nil {
		raw, ok := body.(string)
		if !ok {
			b, err := json.Marshal(body)
			if err != nil {
				return reply{}, err
			}
			raw = string(b)
		}
		in = strings.NewReader(raw)
	}
	req, err := http.NewRequest(method, c.base+path, in)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: res.StatusCode, header: res.Header}
	if len(raw) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &r.body); err != nil {
			return r, fmt.Errorf("answer is not an object: %w", err)
		}
	}
	return r, nil
}

// must sends a request that has to be answered with a status.
func (c *client) must(t testing.TB, status int, method, path string, body any, header ...string) reply {
	t.Helper()
	r, err := c.do(method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if r.status != status {
		t.Fatalf("%s %s: status %d, want %d: %v", method, path, r.status, status, r.body)
	}
	return r
}

// accounts makes n accounts of a role with live sessions, straight in the database.
func accounts(t testing.TB, data settings.Storage, n int, role caller.Role) []userapi.Fan {
	t.Helper()
	ctx := context.Background()
	db, err := data.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	users, err := user.New(ctx, user.Config{DB: db, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	fans, err := users.CreateFans(ctx, n, role, false)
	if err != nil {
		t.Fatal(err)
	}
	return fans
}

// as is a client for an account.
func (s *server) as(f userapi.Fan) *client {
	return &client{http: newHTTP(), base: s.url, token: f.Token, user: f.UserID}
}

// event creates an event on sale and returns its id.
func (c *client) event(t testing.TB, template string, seats int, more ...any) string {
	t.Helper()
	body := map[string]any{
		"title": "Test Night", "event_time": time.Now().Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"venue": map[string]any{"name": "Test Hall", "city": "Berlin", "country": "DE", "time_zone": "Europe/Berlin"},
		"plan":  map[string]any{"template": template, "seats": seats}, "currency": "EUR", "price": 2500, "status": "on_sale",
	}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return c.must(t, http.StatusCreated, "POST", "/events", body).str("id")
}

// labels lists the seats that can be chosen, section by section.
func (c *client) labels(t testing.TB, eventID string) []string {
	t.Helper()
	var out []string
	sum := c.must(t, http.StatusOK, "GET", "/events/"+eventID+"/seats", nil)
	for _, s := range sum.body["sections"].([]any) {
		sec := s.(map[string]any)
		if ga, _ := sec["general_admission"].(bool); ga {
			continue
		}
		seats := c.must(t, http.StatusOK, "GET", "/events/"+eventID+"/seats?section="+sec["id"].(string), nil)
		for _, x := range seats.body["seats"].([]any) {
			out = append(out, x.(map[string]any)["label"].(string))
		}
	}
	return out
}
