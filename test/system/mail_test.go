package system

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
)

var smtpd struct {
	once sync.Once
	path string
	err  error
}

// mailServer is a real SMTP server (test/brokers/smtpd) with STARTTLS and a log-in.
type mailServer struct {
	t               *testing.T
	addr, dir, cert string
	cmd             *exec.Cmd
}

// newMailServer starts one, and makes this process's children trust it.
func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	m := newMailServerIn(t, t.TempDir(), filepath.Join(t.TempDir(), "cert.pem"))
	t.Setenv("SSL_CERT_FILE", m.cert)
	return m
}

// newMailServerIn starts one that keeps its mails in a folder, and writes its certificate
// to a file; without one it knows no TLS, and needs no log-in.
func newMailServerIn(t *testing.T, dir, cert string) *mailServer {
	t.Helper()
	smtpd.once.Do(func() {
		dir := filepath.Dir(program(t))
		smtpd.path = filepath.Join(dir, "smtpd")
		if out, err := exec.Command("go", "build", "-C", "../brokers/smtpd", "-o", smtpd.path, ".").CombinedOutput(); err != nil {
			smtpd.err = fmt.Errorf("build smtpd: %w\n%s", err, out)
		}
	})
	if smtpd.err != nil {
		t.Fatal(smtpd.err)
	}
	m := &mailServer{t: t, addr: "127.0.0.1:0", dir: dir, cert: cert}
	m.start()
	t.Cleanup(m.kill)
	return m
}

// start starts the server, at its address of before if it had one. Its certificate is a
// new one then, which nodes that run do not trust: without TLS, if so wanted.
func (m *mailServer) start() {
	m.t.Helper()
	args := []string{"-addr", m.addr, "-dir", m.dir}
	if m.cert != "" {
		args = append(args, "-cert", m.cert, "-user", "tickets", "-password", "secret")
	}
	m.cmd = exec.Command(smtpd.path, args...)
	m.cmd.Stderr = os.Stderr
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		m.t.Fatalf("smtpd: %q %v", line, err)
	}
	m.addr = addr
}

func (m *mailServer) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

func (m *mailServer) url() string { return m.urlAt(m.addr) }

// urlAt is how a node reaches it at some other address.
func (m *mailServer) urlAt(addr string) string {
	if m.cert == "" {
		return "smtp://" + addr + "?from=Old+Hall+<tickets@hall.example>"
	}
	return "smtp://tickets:secret@" + addr + "?from=Old+Hall+<tickets@hall.example>&tls=required"
}

// letter is a mail that the server has taken.
type letter struct {
	to, id, subject, text, html string
	files                       map[string]string // by name
}

// letters reads all mails to an address.
func (m *mailServer) letters(to string) (list []letter) {
	m.t.Helper()
	files, err := filepath.Glob(filepath.Join(m.dir, "*.eml"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			m.t.Fatal(err)
		}
		msg, err := netmail.ReadMessage(f)
		if err != nil {
			m.t.Fatal(err)
		}
		l := letter{to: msg.Header.Get("Delivered-To"), id: msg.Header.Get("Message-ID"), files: map[string]string{}}
		if l.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
			m.t.Fatal(err)
		}
		m.part(&l, msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Header.Get("Content-Disposition"), msg.Body)
		_ = f.Close()
		if l.to == to {
			list = append(list, l)
		}
	}
	return list
}

func (m *mailServer) part(l *letter, contentType, encoding, disposition string, body io.Reader) {
	m.t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		m.t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				m.t.Fatal(err)
			}
			m.part(l, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"), p)
		}
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		m.t.Fatal(err)
	}
	switch _, names, _ := mime.ParseMediaType(disposition); {
	case names["filename"] != "":
		l.files[names["filename"]] = string(raw)
	case kind == "text/html":
		l.html = string(raw)
	default:
		l.text = strings.ReplaceAll(string(raw), "\r\n", "\n")
	}
}

// wait waits for a mail to an address whose subject and text match, and returns it with
// the match.
func (m *mailServer) wait(to, want string) (letter, []string) {
	m.t.Helper()
	re := regexp.MustCompile(want)
	for deadline := time.Now().Add(patience.Long); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, l := range m.letters(to) {
			if found := re.FindStringSubmatch(l.subject + "\n" + l.text); found != nil {
				return l, found
			}
		}
	}
	m.t.Fatalf("no mail to %s has %s", to, want)
	return letter{}, nil
}

// buyer is a guest with a confirmed address, who reads a language.
func buyer(t *testing.T, s *server, m *mailServer, address, lang, code string) *client {
	t.Helper()
	c := &client{http: newHTTP(), base: s.url}
	in := c.must(t, http.StatusCreated, "POST", "/users/guest", map[string]any{"name": "Ada", "email": address}, "Accept-Language", lang)
	c.token = in.str("token")
	_, found := m.wait(address, code)
	in = c.must(t, http.StatusOK, "POST", "/users/guest/verify", map[string]any{"code": found[1]}, "Accept-Language", lang)
	c.token = in.str("token")
	return c
}

// buy buys a seat and returns the booking's reference. The payment has the headers.
func (c *client) buy(t *testing.T, event string, header ...string) string {
	t.Helper()
	b := c.must(t, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": event, "quantity": 1})
	c.must(t, http.StatusCreated, "POST", "/payments", map[string]any{"booking_id": b.str("id"), "method": "tok_ok"}, header...)
	return b.str("reference")
}

// A purchase is told by a real SMTP server's mails: over TLS, with a log-in, in the
// buyer's language, with the tickets. While the server is away, and while nodes die,
// purchases go on; every mail arrives afterwards, once.
func TestMailsOverSMTP(t *testing.T) {
	m := newMailServer(t)
	data := storage(t)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	s := serve(t, data, "--smtp-url", m.url())
	if ready := page(t, s.url+"/readyz"); strings.Contains(ready, "smtp") {
		t.Error(ready)
	}
	event := s.as(organizer).event(t, "theatre", 200)
	ada := buyer(t, s, m, "ada@example.org", "en", `your code is ([0-9A-Z-]+)`)
	bea := buyer(t, s, m, "bea@example.org", "de-AT, de;q=0.9", `Ihr Code ist ([0-9A-Z-]+)`)
	first := ada.buy(t, event)
	l, _ := m.wait("ada@example.org", "Your tickets for Test Night .*"+first)
	if !strings.HasPrefix(l.files["tickets-"+first+".pdf"], "JVBER") || l.files["event-"+first+".ics"] == "" || !strings.Contains(l.html, "Test Hall") {
		t.Errorf("%v %s", l.files, l.html)
	}
	second := bea.buy(t, event)
	m.wait("bea@example.org", "Ihre Tickets für Test Night .*"+second+"(?s:.*)25,00\u00a0€")
	third := ada.buy(t, event, "Accept-Language", "de") // on the fast path
	m.wait("ada@example.org", "Ihre Tickets für Test Night .*"+third)

	var bought []string
	m.kill() // refused
	for range 2 {
		bought = append(bought, ada.buy(t, event))
	}
	hole, err := net.Listen("tcp", m.addr) // a black hole: it takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		bought = append(bought, ada.buy(t, event))
	}
	s.kill()
	s = serve(t, data, "--smtp-url", m.url())
	ada.base = s.url
	bought = append(bought, ada.buy(t, event))
	s.kill()
	_ = hole.Close()
	m.start()
	s = serve(t, data, "--smtp-url", m.url())
	ada.base = s.url
	bought = append(bought, ada.buy(t, event))
	for _, reference := range bought {
		m.wait("ada@example.org", "Your tickets for Test Night .*"+reference)
	}
	s.stop()
	var subjects, ids []string
	for _, l := range m.letters("ada@example.org") {
		subjects, ids = append(subjects, l.subject), append(ids, l.id)
	}
	slices.Sort(subjects)
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) || len(ids) != 3+len(bought) {
		t.Errorf("%d mails, %d different ones, for %d purchases: %v", len(ids), n, 2+len(bought), subjects)
	}
}
