package system

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/app"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	sandbox "boxoffice/internal/payment/sandbox/server"
	"boxoffice/internal/payment/sandbox/wire"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// points are the places between two changes of state where the program is killed, by the
// way of a payment that comes there. "before" a step the gateway or the booking service
// has not acted, "after" it has, and the program did not write that down. Those marked
// with ! are left to make chaos.
var points = map[string][]string{
	"paid": {"before authorize", "after authorize", "is authorized !", "before confirm !", "after confirm",
		"before capture", "after capture", "is captured"},
	"given up":  {"is voiding", "before void !", "after void", "is voided !"},
	"expired":   {"is taking_back !", "before take back !", "after take back", "is failed !"},
	"too late":  {"is returning", "before return !", "after return", "is refunded !"},
	"cancelled": {"before refund !", "after refund", "is done !"},
}

var deadly struct {
	once sync.Once
	path string
	err  error
}

// killable builds the program that can be killed at points.
func killable(t *testing.T) string {
	t.Helper()
	deadly.once.Do(func() {
		deadly.path = filepath.Join(filepath.Dir(program(t)), "boxoffice-killable")
		if out, err := exec.Command("go", "build", "-tags", "killpoints", "-o", deadly.path, "boxoffice/cmd/boxoffice").CombinedOutput(); err != nil {
			deadly.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if deadly.err != nil {
		t.Fatal(deadly.err)
	}
	return deadly.path
}

// gateway is the sandbox gateway, which outlives the kills, and a hand on its door.
type gateway struct {
	dir string
	srv *httptest.Server

	mu      sync.Mutex
	capture func(charge string, carryOut func()) // what happens to a capture; nil: it is carried out
}

func newGateway(t *testing.T, slow time.Duration, switches sandbox.Switches) *gateway {
	t.Helper()
	g := &gateway{dir: t.TempDir()}
	var gate *sandbox.Server
	g.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		capture := g.capture
		g.mu.Unlock()
		charge, isCapture := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1/charges/"), "/capture")
		if !isCapture || capture == nil {
			gate.ServeHTTP(w, r)
			return
		}
		capture(charge, func() { gate.ServeHTTP(w, r) })
	}))
	gate, err := sandbox.New(sandbox.Config{Data: g.dir, URL: "http://" + g.srv.Listener.Addr().String(), Secret: wire.Secret,
		Slow: slow, Expires: 7 * 24 * time.Hour, Switches: switches, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- gate.Run(ctx) }()
	g.srv.Start()
	t.Cleanup(func() {
		g.srv.CloseClientConnections()
		g.srv.Close()
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gateway) onCapture(do func(charge string, carryOut func())) {
	g.mu.Lock()
	g.capture = do
	g.mu.Unlock()
}

// expire lets an authorization end.
func (g *gateway) expire(charge string) {
	if r, err := http.Post(g.srv.URL+"/control/charges/"+charge+"/expire", "application/json", strings.NewReader("{}")); err == nil {
		_ = r.Body.Close()
	}
}

// payer is a fan who goes one way with a payment, and notes what they were told.
type payer struct {
	c       *client
	gateway *gateway
	event   string
	told    map[string]string // what the last answer about a booking said: booked, or nothing
}

// pay holds a seat and pays for it; "" if the program did not answer.
func (b *payer) pay(method string) (booking, payment string) {
	hold, err := b.c.do("POST", "/bookings", map[string]any{"event_id": b.event, "quantity": 1})
	if err != nil || hold.status != http.StatusCreated {
		return "", ""
	}
	booking = hold.str("id")
	paid, err := b.c.do("POST", "/payments", map[string]any{"booking_id": booking, "method": method}, "Idempotency-Key", booking)
	if err == nil && paid.status == http.StatusCreated && paid.str("status") == "captured" {
		b.told[booking] = "booked"
	}
	return booking, booking + "-1"
}

// goes one of the ways of points.
func (b *payer) goes(way string) {
	b.gateway.onCapture(nil)
	switch way {
	case "given up":
		if _, payment := b.pay(wire.Slow); payment != "" {
			_, _ = b.c.do("DELETE", "/payments/"+payment, nil)
		}
	case "expired":
		b.gateway.onCapture(func(charge string, carryOut func()) { b.gateway.expire(charge); carryOut() })
		b.pay(wire.OK)
	case "too late":
		b.gateway.onCapture(b.tooLate)
		b.pay(wire.OK)
	case "cancelled":
		if booking, _ := b.pay(wire.OK); booking != "" {
			delete(b.told, booking)
			_, _ = b.c.do("DELETE", "/bookings/"+booking, nil)
		}
	default:
		b.pay(wire.OK)
	}
}

// tooLate takes the money, and lets the buyer give up before the program hears of that.
func (b *payer) tooLate(charge string, carryOut func()) {
	b.gateway.onCapture(nil)
	payment, _, _ := strings.Cut(charge, ".")
	given := make(chan struct{})
	go func() {
		_, _ = b.c.do("DELETE", "/payments/"+payment, nil)
		close(given)
	}()
	for {
		select {
		case <-given:
		default:
			if r, err := b.c.do("GET", "/payments/"+payment, nil); err == nil && r.str("status") == "authorized" {
				continue
			}
		}
		carryOut()
		return
	}
}

// TestKillAtPoints kills the program at named points between two changes of state, the
// gateway having acted or not. After a restart and at most a minute, the gateway's books,
// the journal, the tables and what buyers were told agree.
func TestKillAtPoints(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a node many times over")
	}
	all := os.Getenv("BOXOFFICE_TEST_KILLS") != ""
	data := storage(t)
	g := newGateway(t, time.Hour, sandbox.Switches{})
	fan, organizer := accounts(t, data, 1, caller.Customer)[0], accounts(t, data, 1, caller.Organizer)[0]
	b := &payer{gateway: g, told: map[string]string{}}
	for way, list := range points {
		for _, point := range list {
			point, rare := strings.CutSuffix(point, " !")
			if rare && !all {
				continue
			}
			t.Setenv("BOXOFFICE_KILL_AT", point)
			s := serveBy(t, killable(t), "127.0.0.1:0", data, "--payments", "sandbox="+g.srv.URL)
			if b.event == "" {
				b.event = s.as(organizer).event(t, "theatre", 600, "limit_per_customer", 100)
			}
			b.c = s.as(fan)
			b.goes(way)
			select {
			case <-s.done:
			case <-time.After(patience.Long):
				t.Fatalf("%s: nothing comes to the point %q", way, point)
			}
			b.c.http.CloseIdleConnections()
			g.onCapture(nil)
			settle(t, data, g, b.told, way+", killed at: "+point)
			t.Logf("%s, killed at %q: money and seats agree", way, point)
		}
	}
}

// The table of crashes in the documentation names all points, and no others.
func TestPointsInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/payments.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`((?:before|after|is) [a-z_ ]+)`").FindAllStringSubmatch(string(text), -1) {
		named[m[1]] = true
	}
	for _, list := range points {
		for _, point := range list {
			point = strings.TrimSuffix(point, " !")
			if !named[point] {
				t.Errorf("docs/payments.md does not say what happens after a crash at %q", point)
			}
			delete(named, point)
		}
	}
	for point := range named {
		t.Errorf("docs/payments.md names the point %q, at which nothing is killed", point)
	}
}

// TestKillAmongFaults kills the program at random moments, while its gateway fails at one
// request in ten.
func TestKillAmongFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a node many times over")
	}
	n := 10
	if more, err := strconv.Atoi(os.Getenv("BOXOFFICE_TEST_KILLS")); err == nil {
		n = 2 * more
	}
	data := storage(t)
	g := newGateway(t, time.Second, sandbox.Switches{LatencyMax: 50 * time.Millisecond, Shares: map[sandbox.Fault]float64{
		sandbox.ErrorBefore: 0.03, sandbox.ErrorAfter: 0.03, sandbox.Lost: 0.02, sandbox.HTML: 0.01, sandbox.NotFound: 0.01}})
	fans := accounts(t, data, 8, caller.Customer)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	told, event := map[string]string{}, ""
	for round := range n {
		s := serve(t, data, "--payments", "sandbox="+g.srv.URL)
		if event == "" {
			event = s.as(organizer).event(t, "theatre", 5000, "limit_per_customer", 100)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		for i, f := range fans {
			all.Go(func() { shop(s, f, g, event, rand.New(rand.NewPCG(uint64(round), uint64(i))), &mu, told) })
		}
		patience.Until(t, "somebody has bought", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) > 3*(round+1) })
		s.kill()
		all.Wait()
		settle(t, data, g, told, fmt.Sprintf("kill %d", round))
	}
	t.Logf("%d bookings were acknowledged over %d kills", len(told), n)
}

// shop is one fan who buys, gives up and cancels until the program is gone.
func shop(s *server, f userapi.Fan, g *gateway, event string, r *rand.Rand, mu *sync.Mutex, told map[string]string) {
	b := &payer{c: s.as(f), gateway: g, event: event, told: map[string]string{}}
	defer b.c.http.CloseIdleConnections()
	for {
		b.goes([]string{"paid", "paid", "paid", "given up", "cancelled"}[r.IntN(5)])
		mu.Lock()
		for id, what := range b.told {
			told[id] = what
		}
		mu.Unlock()
		b.told = map[string]string{}
		select {
		case <-s.done:
			return
		default:
		}
	}
}

// settle restarts the program, waits until no money is under way, and checks everything
// against everything else.
func settle(t *testing.T, data settings.Storage, g *gateway, told map[string]string, when string) {
	t.Helper()
	t.Setenv("BOXOFFICE_KILL_AT", "")
	s := serve(t, data, "--payments", "sandbox="+g.srv.URL)
	defer s.stop()
	db, err := app.OpenToRead(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	events := texts(t, db.Reader(), `SELECT event_id FROM sales`)
	audit := rush.Audit{Acknowledged: map[string]string{}}
	for id := range told {
		audit.Acknowledged[id] = ""
	}
	if err := audit.Check(t.Context(), db, events); err != nil { // it waits for money under way
		t.Fatalf("%s: %v", when, err)
	}
	if v := audit.Verdict(); v != "ok" {
		t.Fatalf("%s: %s", when, v)
	}
	books, err := sandbox.ReadBooks(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range reconcile(t, db.Reader(), books) {
		t.Errorf("%s: %s", when, wrong)
	}
	if out, err := run(t, on(data, "verify")...); err != nil {
		t.Errorf("%s: %v %s", when, err, out)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// texts reads a column of texts.
func texts(t *testing.T, q sqldb.Querier, query string) []string {
	t.Helper()
	list, err := sqldb.Texts(t.Context(), q, query)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// rowsOf reads all rows of a query, as texts.
func rowsOf(t *testing.T, q sqldb.Querier, query string) (list [][]string) {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reconcile compares the gateway's books with the tables and the journal, as an outsider
// who knows what they mean, and none of the program's code.
func reconcile(t *testing.T, q sqldb.Querier, books sandbox.Books) (wrong []string) {
	t.Helper()
	type booking struct {
		status       string
		amount, kept int64
		taken        int // payments that keep money of it
	}
	bookings := map[string]*booking{}
	for _, row := range rowsOf(t, q, `SELECT id, status, amount FROM bookings`) {
		bookings[row[0]] = &booking{status: row[1], amount: number(t, row[2])}
	}
	journal := map[string]int64{} // what each payment has at the gateway
	for _, row := range rowsOf(t, q, `SELECT id, postings FROM payments_journal`) {
		var list []struct {
			P string           `json:"p"`
			L map[string]int64 `json:"l"`
		}
		if err := json.Unmarshal([]byte(row[1]), &list); err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			sum := int64(0)
			for _, n := range p.L {
				sum += n
			}
			if sum != 0 {
				wrong = append(wrong, fmt.Sprintf("a posting of payment %s does not balance: %v", p.P, p.L))
			}
			journal[p.P] += p.L["gateway"]
		}
	}
	atGateway := map[string]int64{}
	for _, c := range books.Charges {
		payment, _, _ := strings.Cut(c.Charge, ".")
		left := c.Captured
		for _, r := range c.Refunds {
			left -= r.Amount
		}
		atGateway[payment] += left
		id, _, _ := strings.Cut(payment, "-")
		b := bookings[id]
		switch {
		case b == nil:
			wrong = append(wrong, fmt.Sprintf("charge %s is for no booking", c.Charge))
			continue
		case c.Captured > c.Amount || left < 0:
			wrong = append(wrong, fmt.Sprintf("charge %s of %d: %d captured, %d left", c.Charge, c.Amount, c.Captured, left))
		case c.Status == wire.RequiresCapture:
			wrong = append(wrong, fmt.Sprintf("the money of charge %s is still reserved", c.Charge))
		}
		if b.kept += left; left > 0 {
			b.taken++
		}
	}
	for payment, left := range atGateway {
		if journal[payment] != left {
			wrong = append(wrong, fmt.Sprintf("the gateway has %d of payment %s, and the journal says %d", left, payment, journal[payment]))
		}
		delete(journal, payment)
	}
	for payment, left := range journal {
		if left != 0 {
			wrong = append(wrong, fmt.Sprintf("the journal says %d of payment %s, which the gateway does not know", left, payment))
		}
	}
	for id, b := range bookings {
		want := int64(0)
		if b.status == "booked" {
			want = b.amount
		}
		if b.kept != want || b.taken > 1 {
			wrong = append(wrong, fmt.Sprintf("booking %s is %s and costs %d, but %d are kept by %d payments", id, b.status, b.amount, b.kept, b.taken))
		}
	}
	return wrong
}
