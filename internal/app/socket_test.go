package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"boxoffice/internal/admin"
	"boxoffice/internal/commands"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// serving is a node of this process that serves until the test ends.
func serving(t *testing.T, s settings.Server) string {
	t.Helper()
	s.Addr, s.Loopback, s.Payments = "127.0.0.1:0", 1, "sandbox"
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, s, w, slog.New(slog.DiscardHandler))
		_ = w.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	ready := make(chan string, 1)
	go func() { // to the end: whoever writes must not wait
		defer close(ready)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				ready <- at
			}
		}
	}()
	url, ok := <-ready
	if !ok {
		t.Fatal("the node does not listen")
	}
	return url
}

// fetched is the body of an answer of 200.
func fetched(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, res.StatusCode, err)
	}
	return string(raw)
}

// written is a file with an event at a price.
func written(t *testing.T, price int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "events.json")
	text := fmt.Sprintf(`{"boxoffice": 1, "events": [{"source_id": "one", "title": "Evening", "venue": {"name": "Hall", "time_zone": "Europe/Berlin"},
		"event_time": "2099-05-01T20:00:00+02:00", "plan": {"template": "theatre", "seats": 60}, "currency": "EUR", "price": %d, "status": "on_sale"}]}`, price)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The embedded folder belongs to one process. Commands that write go through it,
// so that it knows of what they did at once; commands that read go beside it.
func TestCommandsBesideAServer(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("the embedded folder")
	}
	for name, dir := range map[string]string{"short": t.TempDir(), "a path too long for a socket": filepath.Join(t.TempDir(), strings.Repeat("long", 30))} {
		t.Run(name, func(t *testing.T) { besideAServer(t, settings.Storage{Data: dir}) })
	}
}

func besideAServer(t *testing.T, at settings.Storage) {
	quiet := slog.New(slog.DiscardHandler)
	url := serving(t, settings.Server{Storage: at})
	err := Serve(t.Context(), settings.Server{Storage: at, Addr: "127.0.0.1:0", Loopback: 1}, io.Discard, quiet)
	if !errors.Is(err, sqldb.ErrInUse) || !strings.Contains(err.Error(), at.Data+" is in use by another boxoffice") {
		t.Errorf("a second server is told %v", err)
	}
	imported(t, at, 2500, "1 new")
	ev := listed(t, url)
	imported(t, at, 3500, "1 updated")
	if after := listed(t, url); ev.Price != 2500 || after.Price != 3500 || after.ID != ev.ID {
		t.Errorf("the server's prices: %+v, then %+v", ev, after)
	}
	keys := fetched(t, url+"/tickets/keys.json")
	var out bytes.Buffer
	if err := (commands.TicketKeys{Storage: at, New: true}).Run(t.Context(), Office, &out); err != nil {
		t.Fatal(err)
	}
	if now := fetched(t, url+"/tickets/keys.json"); now != out.String() || now == keys {
		t.Errorf("the server's keys after a new one: %s, told %s", now, out.String())
	}
	ada := commands.CreateAdmin{Storage: at, Email: "ada@example.org"}
	out.Reset()
	if err := ada.Run(t.Context(), Office, &out); err != nil || !strings.Contains(out.String(), "password") {
		t.Errorf("%v %s", err, out.String())
	}
	resetsTwoFactor(t, at, url, ada.Email, strings.TrimSpace(out.String()[strings.LastIndex(out.String(), " "):]))
	// What goes wrong there is said here, with its status.
	if err := ada.Run(t.Context(), Office, io.Discard); settings.ExitStatus(err) != 1 || errors.Is(err, sqldb.ErrInUse) {
		t.Errorf("the same again: %v", err)
	}
	for _, run := range []func() error{
		func() error { return commands.Verify{Storage: at}.Run(t.Context(), Office, io.Discard) },
		func() error { return commands.Export{Storage: at, Event: ev.ID}.Run(t.Context(), Office, io.Discard) },
		func() error { return commands.TicketKeys{Storage: at}.Run(t.Context(), Office, io.Discard) },
	} {
		if err := run(); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(at.Data, admin.SocketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info, err)
	}
}

// resetsTwoFactor has an account set a second factor up, and the command take it away.
func resetsTwoFactor(t *testing.T, at settings.Storage, url, email, password string) {
	t.Helper()
	var token string
	ask := func(method, path, body string, to any) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(to); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	logIn := fmt.Sprintf(`{"email": %q, "password": %q}`, email, password)
	var in struct {
		Token string `json:"token"`
		User  struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if status := ask("POST", "/users/login", logIn, &in); status != http.StatusOK {
		t.Fatalf("log-in: %d", status)
	}
	token = in.Token
	var app struct {
		Secret string `json:"secret"`
	}
	ask("POST", "/users/"+in.User.ID+"/totp", fmt.Sprintf(`{"current_password": %q}`, password), &app)
	digits, err := totp.GenerateCode(app.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if status := ask("PUT", "/users/"+in.User.ID+"/totp", fmt.Sprintf(`{"code": %q}`, digits), &answer); status != http.StatusOK {
		t.Fatalf("second factor: %d %v", status, answer)
	}
	var out bytes.Buffer
	if err := (commands.ResetTwoFactor{Storage: at, Email: email, User: ""}).Run(t.Context(), Office, &out); err != nil || !strings.Contains(out.String(), email+": the second factor and its recovery codes are gone, and 1 session has ended") {
		t.Errorf("%v %s", err, out.String())
	}
	if status := ask("GET", "/users/"+in.User.ID, "", &answer); status != http.StatusUnauthorized {
		t.Errorf("its session: %d", status)
	}
	token = ""
	if status := ask("POST", "/users/login", logIn, &answer); status != http.StatusOK {
		t.Errorf("log-in by the password: %d", status)
	}
	if err := (commands.ResetTwoFactor{Storage: at, Email: "", User: in.User.ID}).Run(t.Context(), Office, io.Discard); settings.ExitStatus(err) != 1 || !strings.HasPrefix(err.Error(), "--user: ") {
		t.Errorf("by the id, which has no factor any more: %v", err)
	}
	if err := (commands.ResetTwoFactor{Storage: at, Email: "", User: ""}).Run(t.Context(), Office, io.Discard); settings.ExitStatus(err) != 2 {
		t.Errorf("of nobody: %v", err)
	}
	for _, other := range []string{email, "nobody@example.org"} {
		if err := (commands.ResetTwoFactor{Storage: at, Email: other, User: ""}).Run(t.Context(), Office, io.Discard); settings.ExitStatus(err) != 1 || !strings.HasPrefix(err.Error(), "--email: ") {
			t.Errorf("%s: %v", other, err)
		}
	}
}

func imported(t *testing.T, at settings.Storage, price int, says string) {
	t.Helper()
	var out bytes.Buffer
	err := commands.Import{Storage: at, Files: []string{written(t, price)}}.Run(t.Context(), Office, &out, slog.New(slog.DiscardHandler))
	if err != nil || !strings.Contains(out.String(), says) {
		t.Fatalf("import: %v\n%s", err, out.String())
	}
}

type listedEvent struct {
	ID    string `json:"id"`
	Price int    `json:"price_per_seat"`
}

// listed is the one event of a server.
func listed(t *testing.T, url string) listedEvent {
	t.Helper()
	var list struct{ Items []listedEvent }
	if err := json.Unmarshal([]byte(fetched(t, url+"/events")), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	var ev listedEvent
	if err := json.Unmarshal([]byte(fetched(t, url+"/events/"+list.Items[0].ID)), &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// Without a server a command takes the folder itself, and leaves it. What a
// killed server left of its socket is in nobody's way.
func TestCommandsWithoutAServer(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("the embedded folder")
	}
	at := settings.Storage{Data: t.TempDir()}
	imported(t, at, 2500, "1 new")
	if err := os.WriteFile(filepath.Join(at.Data, admin.SocketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	imported(t, at, 2600, "1 updated")
	if ev := listed(t, serving(t, settings.Server{Storage: at})); ev.Price != 2600 {
		t.Errorf("%+v", ev)
	}
}
