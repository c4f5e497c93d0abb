package notify

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/notifyapi"
)

func newFolder(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mail")
	clock := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	f, err := NewFolder(dir, func() time.Time { clock = clock.Add(time.Second); return clock }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func deliver(t *testing.T, f *Folder, to, subject, text string) {
	t.Helper()
	if err := f.Deliver(t.Context(), notifyapi.Mail{To: to, Subject: subject, Text: text}); err != nil {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	f, dir := newFolder(t)
	text := "Grüße, Zoë <b>!\n\nOpen http://127.0.0.1:1/verify?token=abc&x=1 soon.\nA line of some length, so that an encoding which breaks lines has something to break and to join again."
	deliver(t, f, "zoe@example.org", "Willkommen, Zoë ✓", text)
	deliver(t, f, "ann@example.org", "Second", "Short.")
	deliver(t, f, "not an address", "Nobody", "gets this")
	list, err := f.List(t.Context(), 10)
	if err != nil || len(list) != 2 || list[0].Subject != "Second" || list[1].Subject != "Willkommen, Zoë ✓" || list[1].To != "zoe@example.org" || list[1].Date.Year() != 2027 {
		t.Fatalf("%+v %v", list, err)
	}
	m, err := f.Read(list[1].Name)
	if err != nil || strings.TrimSpace(strings.ReplaceAll(m.Text, "\r\n", "\n")) != text {
		t.Errorf("%q %v", m.Text, err)
	}
	if !strings.Contains(string(m.Raw), "multipart/alternative") || !strings.Contains(string(m.Raw), "Message-ID: <") {
		t.Errorf("%s", m.Raw)
	}
	for _, name := range []string{"", ".", "..", "../x.eml", "x.eml", ".mail-1", "/etc/passwd"} {
		if _, err := f.Read(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestAsHTML(t *testing.T) {
	got := asHTML("<T>", "a <script> & b\nc\n\nsee:\nhttps://x.example/?a=1&b=2\n\nHello http://evil.example/x,")
	if strings.Contains(got, `href="http://evil`) {
		t.Errorf("a name became a link: %s", got)
	}
	for _, want := range []string{"&lt;T&gt;", "a &lt;script&gt; &amp; b<br>c", `<a href="https://x.example/?a=1&amp;b=2">`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s has no %s", got, want)
		}
	}
}

func TestPages(t *testing.T) {
	f, _ := newFolder(t)
	mux := http.NewServeMux()
	mux.Handle("GET /dev/mail", f)
	mux.Handle("GET /dev/mail/{name}", f)
	get := func(path string, code int, part string) {
		t.Helper()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != code || !strings.Contains(rec.Body.String(), part) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	get("/dev/mail", 200, "There is none yet")
	deliver(t, f, "ann@example.org", "<i>Hello</i>", "Text & more")
	list, err := f.List(t.Context(), 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	get("/dev/mail", 200, "&lt;i&gt;Hello&lt;/i&gt;")
	get("/dev/mail/"+list[0].Name, 200, "Text &amp; more")
	get("/dev/mail/"+list[0].Name+"?raw", 200, "Subject: ")
	get("/dev/mail/none.eml", 404, "no such mail")
}
