package simulate

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/app"
	notifymail "boxoffice/internal/notify/mail"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// house is all nodes, and what is outside of them.
type house struct {
	record    *record
	clock     *clock
	nodes     []*node
	turn      chan struct{}
	bank      *bank
	post      *post
	receivers *receivers
	logs      *logs

	left atomic.Int64 // ns of the real time at which a client went away last; see working
}

// working reports whether a node may still be at work on a request whose client is
// gone. In a bubble that is known: see clock.quiet.
func (h *house) working() bool {
	const most = time.Second
	return h.clock.leap != nil && time.Now().UnixNano()-h.left.Load() < int64(most)
}

// record is a house's database: SQLite in a folder, or one on a PostgreSQL server.
type record struct {
	dir string

	server     *server
	name       string
	url, plain string // for nodes, and for the clock
}

// node is a process of the house. It loses everything that it does not keep in
// the database when it dies.
type node struct {
	house  *house
	number int
	life   *life
	app    *app.Node // nil: it is down
	ended  sync.WaitGroup
}

func newHouse(r *record, nodes int) *house {
	h := &house{record: r, clock: &clock{}, turn: make(chan struct{}, 1), post: &post{}, receivers: newReceivers(), logs: &logs{}}
	if r.server != nil {
		h.clock.leap = h.leapTo
	}
	h.bank = newBank(h.clock)
	for i := range nodes {
		h.nodes = append(h.nodes, &node{house: h, number: i})
	}
	return h
}

// start starts a node that is down.
func (n *node) start() error {
	n.life = newLife(n.house.turn)
	life := n.life
	cfg := sqldb.Config{Dir: n.house.record.dir, Synchronous: "OFF", Together: true,
		Connector: func(d driver.Driver, dsn string) driver.Connector {
			return &connector{driver: d, dsn: dsn, life: life}
		}}
	if n.house.record.server != nil {
		cfg = n.postgres()
	}
	db, err := sqldb.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	s := &settings.Server{Storage: settings.Storage{Data: n.house.record.dir}, PublicURL: "https://tickets.example"}
	n.app, err = app.Start(context.Background(), s, db, app.Substitutes{Outside: app.Outside{
		Gateway:  &branch{n.house.bank, life},
		Webhooks: &wire{n.house.receivers, life, n.house.clock},
		Hashing:  user.Hashing{Memory: 8, Time: 1},
	}, Sender: &letterbox{n.house.post, life}, NoPages: true}, slog.New(&logHandler{logs: n.house.logs, life: life, node: n.number}))
	return err
}

// bury ends what is left of a node that has died: nothing that it does reaches
// the world any more.
func (n *node) bury() {
	n.life.kill()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.app.Close(now) // its database does not hear it
	n.app = nil
}

// stop ends a node as an operator does.
func (n *node) stop() error {
	n.life.thaw()
	if n.house.clock.leap != nil {
		n.awake()
	}
	most := 20 * time.Second
	if n.house.record.server != nil {
		most = time.Second // what is real takes its time
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	err := fault(n.app.Close(ctx))
	if n.life.isDead() {
		err = nil
	}
	n.app = nil
	return err
}

// fault is an error of stopping a node without what is none: payments that take
// too long go on at the next start.
func fault(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var rest error
		for _, e := range all.Unwrap() {
			rest = errors.Join(rest, fault(e))
		}
		return rest
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// reap buries the nodes that have died, and tells which.
func (h *house) reap() (dead []*node) {
	for _, n := range h.nodes {
		if n.app != nil && n.life.isDead() {
			n.bury()
			dead = append(dead, n)
		}
	}
	return dead
}

// reply is what a client gets for a request.
type reply struct {
	status int // 0: no answer
	header http.Header
	body   []byte
	doc    map[string]any // the body, when it is a JSON object
	why    string         // without an answer: died, left, frozen
	tagged bool           // the request named a version
	sent   time.Time
	came   time.Time
}

// ok reports whether a request was carried out.
func (r *reply) ok() bool { return r.status >= 200 && r.status < 300 }

// slug is the type of a problem.
func (r *reply) slug() string {
	return strings.TrimPrefix(text(r.doc["type"]), "/problems/")
}

func (r *reply) String() string {
	if r.status == 0 {
		return "no answer: " + r.why
	}
	b := string(bytes.TrimSpace(r.body))
	if len(b) > 400 {
		b = b[:400] + "…"
	}
	return fmt.Sprintf("%d %s", r.status, b)
}

// request is what a client asks for.
type request struct {
	node    int
	token   string
	method  string
	path    string
	body    any // nil, or for JSON
	headers map[string]string
	leave   int // at the node's nth commit; 0: never
}

// answerTime is how long a client waits for an answer. On PostgreSQL it is real time.
func (h *house) answerTime() time.Duration {
	if h.record.server != nil {
		return patience.Long
	}
	return 40 * time.Second
}

// ask sends a request and waits for its answer.
func (h *house) ask(q request) reply {
	n := h.nodes[q.node%len(h.nodes)]
	if n.app == nil {
		return reply{why: "down", sent: h.clock.now(), came: h.clock.now()}
	}
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var body []byte
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			panic(err)
		}
	}
	r := httptest.NewRequestWithContext(ctx, q.method, q.path, bytes.NewReader(body))
	r.RemoteAddr = "192.0.2.1:1234"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	for k, v := range q.headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	handler := n.app.Gateway().Handler()
	out := n.await(q.leave, leave, func() { handler.ServeHTTP(w, r) }, func(out *reply) {
		out.status, out.header, out.body = w.Code, w.Header(), w.Body.Bytes()
		_ = json.Unmarshal(out.body, &out.doc)
	})
	out.tagged = r.Header.Get("If-Match") != ""
	return out
}

// await has a node do something for a client, who leaves at the node's nth commit,
// or when there is no answer for long.
func (n *node) await(leaveAt int, leave func(), serve func(), take func(out *reply)) reply {
	h, life, sent := n.house, n.life, n.house.clock.now()
	left := make(chan struct{})
	if leaveAt > 0 {
		life.at(leaveAt, func() { leave(); close(left) })
	}
	answered := make(chan struct{})
	n.ended.Go(func() {
		defer close(answered)
		serve()
	})
	out := reply{sent: sent}
	short := 3 * time.Second // so long clients of a frozen node wait
	if h.record.server != nil {
		short /= 10
	}
	for waited := time.Duration(0); out.status == 0 && out.why == ""; waited += short {
		if waited >= h.answerTime() || waited >= short && life.isFrozen() {
			out.why = "late"
			break
		}
		select {
		case <-answered:
			take(&out)
		case <-left:
			out.why = "left"
		case <-time.After(short):
		}
	}
	out.came = h.clock.now()
	switch {
	case life.isDead(): // a dead node's answer is not heard
		out = reply{why: "died", sent: sent, came: out.came}
	case life.isFrozen() && out.why == "late":
		out.why = "frozen"
	}
	select {
	case <-left:
		out = reply{why: "left", sent: sent, came: out.came}
	default:
	}
	if out.status == 0 {
		h.left.Store(time.Now().UnixNano())
	}
	return out
}

// copyTo copies a database that nobody has open.
func (r *record) copyTo(dir string) (*record, error) {
	if r.server != nil {
		return r.server.create(r.name)
	}
	data, err := os.ReadFile(filepath.Join(r.dir, sqldb.FileName))
	if err != nil {
		return nil, err
	}
	return &record{dir: dir}, os.WriteFile(filepath.Join(dir, sqldb.FileName), data, 0o600)
}

// post is the mail server.
type post struct {
	mu    sync.Mutex
	mails []mail
}

type mail struct{ to, subject, text string }

// find is what follows a mark in the latest mail to somebody that has it.
func (p *post) find(to, mark string, n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.mails) - 1; i >= 0; i-- {
		m := &p.mails[i]
		if canon(m.to) != canon(to) {
			continue
		}
		if at := strings.Index(m.text, mark); at >= 0 {
			rest := m.text[at+len(mark):]
			return rest[:min(n, len(rest))]
		}
	}
	return ""
}

// letterbox is the mail server as one node reaches it.
type letterbox struct {
	post *post
	life *life
}

// Send says whether the mail server has a mail for good.
func (l *letterbox) Send(_ context.Context, m *notifymail.Mail) (string, error) {
	if err := l.life.pass(); err != nil {
		return "", err
	}
	l.post.mu.Lock()
	defer l.post.mu.Unlock()
	l.post.mails = append(l.post.mails, mail{m.To, m.Subject, m.Text})
	return "250 taken", nil
}

func (*letterbox) Close() {}

// logs keeps what nodes that are alive complain about.
type logs struct {
	mu   sync.Mutex
	list []string
	all  []string // with everything else; for those who read a script
}

func (l *logs) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

type logHandler struct {
	logs  *logs
	life  *life
	node  int
	attrs []slog.Attr
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	if h.life.isDead() || h.life.isFrozen() {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "node %d: %s", h.node, r.Message)
	add := func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true }
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	if strings.Contains(b.String(), errDead.Error()) {
		return nil
	}
	h.logs.mu.Lock()
	defer h.logs.mu.Unlock()
	if r.Level >= slog.LevelError {
		h.logs.list = append(h.logs.list, b.String())
	}
	h.logs.all = append(h.logs.all, b.String())
	return nil
}

func (h *logHandler) WithAttrs(a []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr(nil), h.attrs...), a...)
	return &c
}

func (h *logHandler) WithGroup(string) slog.Handler { return h }

// text is a string in a JSON document; "" when it is none.
func text(v any) string { s, _ := v.(string); return s }

// number is an integer in a JSON document.
func number(v any) int64 { f, _ := v.(float64); return int64(f) }

// at is a time in a JSON document; zero when there is none.
func at(v any) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text(v))
	return t
}

func list(v any) []any { l, _ := v.([]any); return l }

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
