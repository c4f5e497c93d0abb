package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/ticket"
)

// line is the way from a house to the box office: a proxy that can be cut.
type line struct {
	to string
	l  net.Listener

	mu     sync.Mutex
	cut    bool
	frozen bool // nothing comes through, and nobody is told
	conns  map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{to: to, l: l, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); p.set(true, false) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(c)
		}
	}()
	return p
}

func (p *line) url() string { return "http://" + p.l.Addr().String() }

func (p *line) carry(c net.Conn) {
	defer c.Close()
	if p.isCut() {
		return
	}
	up, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer up.Close()
	p.mu.Lock()
	p.conns[c], p.conns[up] = true, true
	p.mu.Unlock()
	done := make(chan struct{}, 2)
	go func() { p.copy(up, c); done <- struct{}{} }()
	go func() { p.copy(c, up); done <- struct{}{} }()
	<-done
	p.mu.Lock()
	delete(p.conns, c)
	delete(p.conns, up)
	p.mu.Unlock()
}

func (p *line) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for p.isFrozen() {
			time.Sleep(5 * time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *line) isCut() bool    { p.mu.Lock(); defer p.mu.Unlock(); return p.cut }
func (p *line) isFrozen() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.frozen }

// set cuts, freezes or heals the line.
func (p *line) set(cut, frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.frozen = cut, frozen
	if cut {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

// aCertificate makes a certificate for 127.0.0.1 in files, and a client that trusts it.
func aCertificate(t *testing.T) (cert, key string, client *http.Client) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return cert, key, &http.Client{Transport: transport, Timeout: patience.Long}
}

// said is what a gate node prints.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.buf.Write(p) }
func (s *said) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.buf.String() }

// inHouse is a gate node that runs, and the door that it is for.
type inHouse struct {
	*doorway
	t      *testing.T
	line   *line
	s      settings.GateNode
	wall   func() time.Time // the laptop's clock; nil: a right one
	id     string           // of the gate node
	client *http.Client
	url    string
	out    *said
	end    func()
	heard  []byte // all that it has answered
}

var listens = regexp.MustCompile(`listening on (\S+)`)

// inHouse pairs a gate node and starts it.
func (g *doorway) inHouse(t *testing.T) *inHouse {
	t.Helper()
	server := httptest.NewServer(g.h.door.Handler())
	t.Cleanup(server.Close)
	n := &inHouse{doorway: g, t: t, line: newLine(t, strings.TrimPrefix(server.URL, "http://"))}
	t.Cleanup(func() { n.line.set(true, false); g.h.Door.EndLive() })
	n.s = settings.GateNode{Data: filepath.Join(t.TempDir(), "gate"), URL: n.line.url(), Listen: "127.0.0.1:0"}
	n.s.TLSCert, n.s.TLSKey, n.client = aCertificate(t)
	g.h.write(t, `UPDATE users SET name = 'Somebody named ' || id`) // the organizer's too: see buy
	code := g.h.must(t, g.organizer, "POST", "/events/"+g.event+"/door/pairings", `{"name":"Laptop","kind":"node"}`, "code")
	n.s.Code = strings.ToUpper(code[:4] + "-" + code[4:])
	n.start()
	n.s.Code = ""
	return n
}

func (n *inHouse) start() {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	n.out = &said{}
	if n.wall == nil {
		n.wall = time.Now
	}
	go func() { done <- serveGateNode(ctx, n.s, n.wall, n.out, slog.New(slog.DiscardHandler)) }()
	n.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Error(err)
		}
	})
	n.t.Cleanup(func() { n.end() })
	patience.Until(n.t, "it listens", func() bool {
		select {
		case err := <-done:
			n.t.Fatalf("%v\n%s", err, n.out)
		default:
		}
		return listens.MatchString(n.out.String())
	})
	n.url = listens.FindStringSubmatch(n.out.String())[1]
}

// ask asks the gate node, and returns the status and the answer.
func (n *inHouse) ask(as, method, path, body string) (int, string) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+as)
	}
	res, err := n.client.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	n.heard = append(n.heard, raw...)
	return res.StatusCode, string(raw)
}

// phone is a device that is paired through the gate node.
type phone struct {
	n         *inHouse
	id, token string
	counter   int
}

func (n *inHouse) phone(more string) *phone {
	n.t.Helper()
	code := n.h.must(n.t, n.organizer, "POST", "/events/"+n.event+"/door/pairings", `{"name":"Phone"`+more+`}`, "code")
	status, body := n.ask("", "POST", "/door/pair", `{"code":"`+code+`"}`)
	var paired struct{ Device, Token string }
	if err := json.Unmarshal([]byte(body), &paired); err != nil || status != 201 {
		n.t.Fatalf("%d %s", status, body)
	}
	return &phone{n: n, id: paired.Device, token: paired.Token}
}

// scan scans a code at the gate node, and returns outcome, reason and who decided.
func (p *phone) scan(kind, code, more string) string {
	p.n.t.Helper()
	p.counter++
	return p.again(kind, code, more)
}

// again sends the last scan once more.
func (p *phone) again(kind, code, more string) string {
	p.n.t.Helper()
	status, body := p.n.ask(p.token, "POST", "/door/scans", fmt.Sprintf(`{"scans":[{"counter":%d,"at":%d,"kind":%q,"token":%q,"entrance":"main","how":"camera"%s}]}`, p.counter, time.Now().UnixMilli(), kind, code, more))
	var doc struct {
		Type  string
		Items []struct {
			Outcome, Reason string
			Alone           bool
		}
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Items) != 1 {
		return fmt.Sprint(status, strings.TrimPrefix(doc.Type, "/problems/"))
	}
	one := doc.Items[0].Outcome + " " + doc.Items[0].Reason
	if doc.Items[0].Alone {
		one += " alone"
	}
	return one
}

// listed says whether the gate node's list admits a code.
func (p *phone) listed(code string) error {
	p.n.t.Helper()
	_, raw := p.n.ask(p.token, "GET", "/door/list", "")
	l, err := ticket.DecodeList([]byte(raw))
	if err != nil {
		p.n.t.Fatal(err)
	}
	is, err := p.n.h.Tickets.Keys().Verify(code, p.n.event)
	if err != nil {
		p.n.t.Fatal(err)
	}
	return l.Check(is.Ticket)
}

func (p *phone) state() (up bool, body string) {
	p.n.t.Helper()
	_, body = p.n.ask(p.token, "GET", "/door", "")
	return strings.Contains(body, `"line":{"up":true`), body
}

// waitLine waits until the devices are told that the line is up, or down.
func (p *phone) waitLine(up bool) {
	p.n.t.Helper()
	patience.Until(p.n.t, fmt.Sprintf("the line is up: %v", up), func() bool { is, _ := p.state(); return is == up })
}

// ticket sells another ticket, and returns its booking and its code.
func (n *inHouse) ticket() (booking, code string) {
	n.t.Helper()
	sold := n.h.ticket(n.t, n.event)
	return sold.booking, sold.code
}

// attendance is what the box office says of who is inside.
func (n *inHouse) attendance() string {
	n.t.Helper()
	return n.h.ask(n.t, n.organizer, "GET", "/events/"+n.event+"/door/attendance", "").Body.String()
}

type aTicket struct{ booking, code string }

// ticket sells a ticket for an event to a fan.
func (h *house) ticket(t *testing.T, event string) aTicket {
	t.Helper()
	g := &doorway{h: h, event: event}
	g.buy(t)
	return aTicket{g.booking, g.token}
}

// A gate node goes on while the line is down: copies are refused at all of its devices, and
// the box office hears of everything once the line is healed.
func TestGateNodeWithoutLine(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one, two := n.phone(`,"names":true`), n.phone("")
	one.waitLine(true)
	_, code2 := n.ticket()
	refunded, code3 := n.ticket()
	h.must(t, n.organizer, "POST", "/bookings/"+refunded+"/cancellations", `{"reason":"The stalls are closed."}`, "id")
	if got := one.scan("in", code3, ""); got != "refused not-sold" {
		t.Errorf("refunded a moment ago, with a line: %s", got)
	}
	if got := one.scan("in", code2, ""); got != "admitted ok" {
		t.Errorf("with a line: %s", got)
	}
	if status, said, body := g.send(t, strings.Replace(g.scan(1, ""), g.token, code2, 1)); status != 200 || said != "refused:already-inside" {
		t.Errorf("a copy at a device of the box office: %d %s", status, body)
	}
	late, code4 := n.ticket()
	for _, code := range []string{code2, code4} {
		patience.Until(t, "the list has the ticket", func() bool { return one.listed(code) == nil })
	}
	n.line.set(true, false)
	one.waitLine(false)
	h.must(t, n.organizer, "POST", "/bookings/"+late+"/cancellations", `{"reason":"The stalls are closed."}`, "id")
	for _, c := range []struct {
		by         *phone
		kind, code string
		want       string
	}{
		{one, "in", g.token, "admitted ok alone"},
		{two, "in", g.token, "refused already-inside alone"},
		{two, "in", code2, "refused already-inside alone"},
		{one, "in", code3, "refused not-sold alone"},
		{two, "in", "AIC2Q", "refused malformed alone"},
		{two, "out", code2, "admitted ok alone"},
		{one, "in", code2, "admitted ok alone"},
		{one, "in", code4, "admitted ok alone"}, // refunded since: nobody here can know
	} {
		if got := c.by.scan(c.kind, c.code, ""); got != c.want {
			t.Errorf("without a line, %s of %.10s…: %s, want %s", c.kind, c.code, got, c.want)
		}
	}
	if got := one.again("in", code4, ""); got != "admitted ok alone" {
		t.Errorf("sent again: %s", got)
	}
	if status, body := n.ask(one.token, "GET", "/door/guests?q=fan", ""); status != 403 || !strings.Contains(body, "no-names") {
		t.Errorf("names: %d %s", status, body)
	}
	if status, body := n.ask("", "POST", "/door/pair", `{"code":"0123456789ab"}`); status != 503 || !strings.Contains(body, "no-line") {
		t.Errorf("pairing without a line: %d %s", status, body)
	}
	if status, said, body := g.send(t, g.scan(2, "")); status != 200 || said != "admitted:ok" {
		t.Errorf("the copy at the box office meanwhile: %d %s", status, body)
	}
	n.end() // with what waits
	n.start()
	if got := two.scan("in", g.token, ""); got != "refused already-inside alone" {
		t.Errorf("after a restart without a line: %s", got)
	}
	if up, body := one.state(); up || !strings.Contains(body, `"seen_at":`) {
		t.Error(body)
	}
	n.line.set(false, false)
	one.waitLine(true)
	healed := time.Now()
	patience.Until(t, "the box office has everything", func() bool { return strings.Contains(n.attendance(), `"alone":3`) })
	if took := time.Since(healed); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	a := n.attendance()
	if !strings.Contains(a, `"inside":3,"entered":3`) || strings.Count(a, `"double":{`) != 1 {
		t.Errorf("%s", a)
	}
	patience.Until(t, "nothing waits", func() bool { return strings.Contains(lastLine(n.out.String()), " 0 scans to send") })
	patience.Until(t, "the list is in step", func() bool { return one.listed(code4) != nil })
	if got := two.scan("in", code3, ""); got != "refused not-sold" {
		t.Errorf("after healing: %s", got)
	}
	n.secretless()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// secretless looks for names and private keys in all that a gate node has and has answered.
func (n *inHouse) secretless() {
	n.t.Helper()
	var names []string
	people, err := n.h.Users.People(n.t.Context(), n.h.everybody(n.t))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range people {
		names = append(names, p.Name, p.Email)
	}
	if len(names) < 4 {
		n.t.Fatalf("only %q", names)
	}
	keys := n.h.privateKeys(n.t)
	files := map[string][]byte{"its answers": n.heard, "its output": []byte(n.out.String())}
	found, err := os.ReadDir(n.s.Data)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range found {
		raw, err := os.ReadFile(filepath.Join(n.s.Data, f.Name()))
		if err != nil {
			n.t.Fatal(err)
		}
		files[f.Name()] = raw
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			n.t.Errorf("%s can be read by others: %v", f.Name(), info.Mode())
		}
	}
	if len(files) < 4 {
		n.t.Fatalf("only %d files", len(files))
	}
	for file, raw := range files {
		for _, name := range names {
			if name != "" && bytes.Contains(bytes.ToLower(raw), bytes.ToLower([]byte(name))) {
				n.t.Errorf("%s has the name or address %q", file, name)
			}
		}
		for _, key := range keys {
			if bytes.Contains(raw, key) {
				n.t.Errorf("%s has a private key", file)
			}
		}
	}
}

// everybody lists all accounts.
func (h *house) everybody(t *testing.T) (ids []string) {
	t.Helper()
	rows, err := h.DB.Reader().QueryContext(t.Context(), `SELECT id FROM users`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// privateKeys are all keys of the box office.
func (h *house) privateKeys(t *testing.T) (keys [][]byte) {
	t.Helper()
	rows, err := h.DB.Reader().QueryContext(t.Context(), `SELECT private_key FROM signing_keys`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		t.Fatal("no keys")
	}
	return keys
}

// A device or a gate node that was revoked does nothing from the next contact on; what was
// scanned before still goes up.
func TestGateNodeAfterRevocations(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one, two := n.phone(""), n.phone("")
	one.waitLine(true)
	revoke := func(id string) {
		t.Helper()
		if w := h.ask(t, n.organizer, "DELETE", "/events/"+n.event+"/door/devices/"+id, ""); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	revoke(two.id)
	patience.Until(t, "the device is out", func() bool { status, _ := n.ask(two.token, "GET", "/door", ""); return status == 401 })
	if got := two.scan("in", g.token, ""); got != "refused device-revoked" && got != "refused device-revoked alone" {
		t.Errorf("a revoked device: %s", got)
	}
	direct := g.as.Token // a device that was paired with the box office itself
	if status, body := n.ask(direct, "GET", "/door", ""); status != 200 {
		t.Errorf("a device of the box office at the gate node: %d %s", status, body)
	}
	n.line.set(true, false)
	one.waitLine(false)
	if got := one.scan("in", g.token, ""); got != "admitted ok alone" {
		t.Error(got)
	}
	time.Sleep(2 * time.Millisecond) // the revocation is later by the clock of scans
	w := h.ask(t, n.organizer, "GET", "/events/"+n.event+"/door/devices", "")
	var devices struct{ Items []struct{ ID, Kind string } }
	if err := json.Unmarshal(w.Body.Bytes(), &devices); err != nil {
		t.Fatal(err)
	}
	for _, d := range devices.Items {
		if d.Kind == "node" {
			n.id = d.ID
		}
	}
	revoke(n.id)
	n.line.set(false, false)
	patience.Until(t, "the gate node serves nothing", func() bool { status, _ := n.ask(one.token, "GET", "/door", ""); return status == 401 })
	patience.Until(t, "what waited is sent", func() bool {
		a := n.attendance()
		return strings.Contains(a, `"inside":1`) && strings.Contains(a, `"alone":1`)
	})
	if got := one.scan("in", g.token, ""); got != "refused device-revoked alone" {
		t.Errorf("at a revoked gate node: %s", got)
	}
	n.end()
	n.start()
	if status, _ := n.ask(one.token, "GET", "/door", ""); status != 401 {
		t.Errorf("after a restart it serves again: %d", status)
	}
	patience.Until(t, "it says so", func() bool { return strings.Contains(n.out.String(), "REVOKED") })
}

// While the line is frozen, a scan is decided at the gate node, and soon.
func TestGateNodeOnAFrozenLine(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one := n.phone("")
	one.waitLine(true)
	n.line.set(false, true)
	begun := time.Now()
	got := one.scan("in", g.token, "")
	took := time.Since(begun)
	if got != "admitted ok alone" {
		t.Error(got)
	}
	if took > time.Second { // 200 ms, on a machine that does nothing else
		t.Errorf("it took %v", took)
	}
	if got := one.scan("in", g.token, ""); got != "refused already-inside alone" {
		t.Error(got)
	}
	n.line.set(false, false)
	patience.Until(t, "the box office hears of it", func() bool { return strings.Contains(n.attendance(), `"inside":1`) })
	one.waitLine(true)
	patience.Until(t, "the box office is asked again", func() bool { return !strings.HasSuffix(one.scan("in", g.token, ""), " alone") })
}

// Without a certificate, a pairing or a folder of its own, a gate node says what is missing.
func TestGateNodeRefusesToStart(t *testing.T) {
	used := t.TempDir()
	if err := os.WriteFile(filepath.Join(used, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := settings.GateNode{Data: filepath.Join(t.TempDir(), "gate"), URL: "https://tickets.example", Code: "0123", Listen: "127.0.0.1:0"}
	for want, change := range map[string]func(*settings.GateNode){
		"--tls-cert and --tls-key are missing":  func(s *settings.GateNode) { s.Listen = ":0" },
		"--tls-cert and --tls-key go together":  func(s *settings.GateNode) { s.TLSCert = "cert.pem" },
		"--tls-cert: stat nowhere.pem":          func(s *settings.GateNode) { s.TLSCert, s.TLSKey = "nowhere.pem", "nowhere.pem" },
		"not https://":                          func(s *settings.GateNode) { s.URL = "http://tickets.example" },
		"not the address of a box office":       func(s *settings.GateNode) { s.URL = "https://tickets.example/gate" },
		"make a pairing code for a gate node":   func(s *settings.GateNode) { s.Code = "" },
		"--url: the address of the box office":  func(s *settings.GateNode) { s.URL = "" },
		"give a gate node a folder of its own":  func(s *settings.GateNode) { s.Data = used },
		"pair this gate node with http://127.0": func(s *settings.GateNode) { s.URL = "http://127.0.0.1:1" },
	} {
		s := good
		change(&s)
		err := ServeGateNode(t.Context(), s, io.Discard, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := os.Stat(good.Data); err == nil {
		if found, err := os.ReadDir(good.Data); err != nil || len(found) > 0 {
			t.Errorf("it leaves %v behind: %v", found, err)
		}
	}
	h := newHouse(t)
	server := httptest.NewServer(h.door.Handler())
	defer server.Close()
	s := good
	s.URL = server.URL
	if err := ServeGateNode(t.Context(), s, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "code is unknown") {
		t.Errorf("with a wrong code: %v", err)
	}
}

// A gate node that is killed has every scan that it has answered: its files are taken away
// while it runs, as a kill leaves them, and another process goes on with them.
func TestGateNodeKilled(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one := n.phone("")
	one.waitLine(true)
	n.line.set(true, false)
	one.waitLine(false)
	if got := one.scan("in", g.token, ""); got != "admitted ok alone" {
		t.Fatal(got)
	}
	left := filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(left, os.DirFS(n.s.Data)); err != nil {
		t.Fatal(err)
	}
	n.end()
	n.s.Data = left
	n.start()
	if got := one.again("in", g.token, ""); got != "admitted ok alone" {
		t.Errorf("sent again: %s", got)
	}
	if got := one.scan("in", g.token, ""); got != "refused already-inside alone" {
		t.Errorf("a copy: %s", got)
	}
	n.line.set(false, false)
	patience.Until(t, "the box office hears of it", func() bool { return strings.Contains(n.attendance(), `"inside":1`) })
}

// The organizer sees that a device at a gate node is there, though it scans nothing.
func TestGateNodeTellsWhoIsThere(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one := n.phone("")
	one.waitLine(true)
	h.write(t, `UPDATE door_devices SET seen_at = 0`)
	two := n.phone("") // by which the box office reads its devices again
	seen := func(p *phone) bool {
		at, err := h.DB.Reader().QueryContext(t.Context(), h.DB.Text(`SELECT seen_at FROM door_devices WHERE event_id = $1 AND id = $2 AND seen_at > 0`), n.event, p.id)
		if err != nil {
			t.Fatal(err)
		}
		defer at.Close()
		return at.Next()
	}
	if !seen(two) {
		t.Error("a device that was paired just now was not seen")
	}
	patience.Until(t, "the box office has heard of the device", func() bool { one.state(); return seen(one) })
}

// A laptop whose clock is two hours behind decides by the time of the box office, also after
// a restart without a line.
func TestGateNodeWithAWrongClock(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	n := g.inHouse(t)
	one := n.phone("")
	_, code2 := n.ticket()
	patience.Until(t, "the list has the ticket", func() bool { return one.listed(code2) == nil })
	n.end()
	n.wall = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	n.start()
	one.waitLine(true)
	n.line.set(true, false)
	one.waitLine(false)
	now := func() time.Time {
		var doc struct{ Now int64 }
		if _, body := one.state(); json.Unmarshal([]byte(body), &doc) != nil {
			t.Fatal(body)
		}
		return time.UnixMicro(doc.Now)
	}
	if off := time.Since(now()).Abs(); off > time.Minute {
		t.Errorf("its time is wrong by %v", off)
	}
	if got := one.scan("in", g.token, ""); got != "admitted ok alone" {
		t.Error(got)
	}
	n.end()
	n.start() // without a line
	if off := time.Since(now()).Abs(); off > time.Minute {
		t.Errorf("after a restart, its time is wrong by %v", off)
	}
	if got := one.scan("in", code2, ""); got != "admitted ok alone" {
		t.Error(got)
	}
	if out := n.out.String(); !strings.Contains(out, "this machine's clock is wrong by 2h0m0s, which is made up for") {
		t.Error(out)
	}
	n.line.set(false, false)
	patience.Until(t, "the box office hears of it", func() bool { return strings.Contains(n.attendance(), `"inside":2`) })
	var first, last int64
	if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT min(at), max(at) FROM door_scans`).Scan(&first, &last); err != nil {
		t.Fatal(err)
	}
	if oldest, newest := time.Since(time.UnixMilli(first)), time.Since(time.UnixMilli(last)); oldest > 10*time.Minute || newest < -time.Minute {
		t.Errorf("scans are stamped %v and %v ago", oldest, newest)
	}
}
