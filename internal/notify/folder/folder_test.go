package folder

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

	"boxoffice/internal/notify/mail"
)

func newFolder(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mail")
	f, err := New(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// send writes a mail, each a second after the one before.
func send(t *testing.T, f *Folder, m mail.Mail) {
	t.Helper()
	files, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Date = time.Date(2027, 3, 1, 12, 0, len(files), 0, time.UTC)
	if answer, err := f.Send(t.Context(), &m); err != nil || !strings.HasPrefix(answer, "written to 2027") {
		t.Error(answer, err)
	}
}

func TestFolder(t *testing.T) {
	f, dir := newFolder(t)
	text := "Grüße, Zoë <b>!\n\nOpen http://127.0.0.1:1/verify?token=abc&x=1 soon.\nA line of some length, so that an encoding which breaks lines has something to break and to join again."
	html := "<p>Grüße, Zoë</p>"
	send(t, f, mail.Mail{ID: "1", To: "zoe@example.org", Lang: "de", Subject: "Willkommen, Zoë ✓", Text: text, HTML: html, Files: []mail.File{
		{Name: "tickets.pdf", Type: "application/pdf", Body: []byte("%PDF-1.7\x00\xff")}, {Name: "event.ics", Type: "text/calendar; charset=utf-8; method=PUBLISH", Body: []byte("BEGIN:VCALENDAR\r\n")},
	}})
	send(t, f, mail.Mail{ID: "2", To: "ann@example.org", Subject: "Second", Text: "Short.", HTML: "<p>Short."})
	list, err := f.List(t.Context(), 10)
	if err != nil || len(list) != 2 || list[0].Subject != "Second" || list[1].Subject != "Willkommen, Zoë ✓" || list[1].To != "zoe@example.org" || list[1].Date.Year() != 2027 {
		t.Fatalf("%+v %v", list, err)
	}
	m, err := f.Read(list[1].Name)
	if err != nil || strings.TrimSpace(strings.ReplaceAll(m.Text, "\r\n", "\n")) != text || strings.TrimSpace(m.HTML) != html {
		t.Errorf("%q %q %v", m.Text, m.HTML, err)
	}
	if len(m.Files) != 2 || m.Files[0].Name != "tickets.pdf" || string(m.Files[0].Body) != "%PDF-1.7\x00\xff" || m.Files[1].Name != "event.ics" || !strings.HasPrefix(m.Files[1].Type, "text/calendar") {
		t.Errorf("%+v", m.Files)
	}
	for _, part := range []string{"multipart/mixed", "multipart/alternative", "Message-ID: <", "Auto-Submitted: auto-generated", "Content-Language: de"} {
		if !strings.Contains(string(m.Raw), part) {
			t.Errorf("no %s in %s", part, m.Raw)
		}
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

// A folder that cannot be written to is no reason to give mails up.
func TestFolderIsGone(t *testing.T) {
	f, dir := newFolder(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err := f.Send(t.Context(), &mail.Mail{ID: "1", To: "ann@example.org", Subject: "S", Text: "T", HTML: "H", Date: time.Now()})
	var away *mail.Unavailable
	if !errors.As(err, &away) {
		t.Error(err)
	}
}

func TestPages(t *testing.T) {
	f, _ := newFolder(t)
	mux := http.NewServeMux()
	mux.Handle("GET /dev/mail", f)
	mux.Handle("GET /dev/mail/{name}", f)
	get := func(path string, code int, part string) http.Header {
		t.Helper()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != code || !strings.Contains(rec.Body.String(), part) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		return rec.Header()
	}
	get("/dev/mail", 200, "There is none yet")
	send(t, f, mail.Mail{ID: "1", To: "ann@example.org", Subject: "<i>Hello</i>", Text: "Text & more", HTML: "<p>Text &amp; <b>more</b>", Files: []mail.File{{Name: "event.ics", Type: "text/calendar", Body: []byte("BEGIN:VCALENDAR")}}})
	for name, text := range map[string]string{"zz-none.eml": "", "zz-no-mail.eml": "no header", "zz-type.eml": "Content-Type: /\r\n\r\nx"} {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.List(t.Context(), 1) // the others cannot be read
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	at := "/dev/mail/" + list[0].Name
	get("/dev/mail", 200, "&lt;i&gt;Hello&lt;/i&gt;")
	get(at, 200, "Text &amp; more")
	get(at, 200, ">event.ics</a>")
	get(at+"?raw", 200, "Subject: ")
	if h := get(at+"?html", 200, "<b>more</b>"); !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Error("the mail could run scripts")
	}
	get(at+"?file=0", 200, "BEGIN:VCALENDAR")
	get(at+"?file=1", 404, "no such file")
	get("/dev/mail/none.eml", 404, "no such mail")
}
