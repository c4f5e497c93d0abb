package rush

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/payment"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

func TestHist(t *testing.T) {
	h := &hist{}
	if h.quantile(.99) != 0 {
		t.Fatal("an empty histogram has a quantile")
	}
	var wg sync.WaitGroup
	for i := 1; i <= 1000; i++ {
		wg.Go(func() { h.add(time.Duration(i) * time.Millisecond) })
	}
	wg.Wait()
	for q, want := range map[float64]time.Duration{.5: 500 * time.Millisecond, .99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want || got > want+want/25 {
			t.Errorf("quantile %.2f is %v, want %v and at most 4 %% more", q, got, want)
		}
	}
	h.add(time.Hour)
	h.add(0)
	if h.max() != time.Hour {
		t.Errorf("the longest is %v", h.max())
	}
}

// No quantile is longer than the longest: they are printed beside it.
func TestQuantilesAreWithinTheLongest(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, 486 * time.Millisecond, 2047 * time.Millisecond, time.Minute, time.Hour} {
		h := &hist{}
		for n := 1; n <= 3; n++ {
			h.add(d)
			for _, q := range []float64{.5, .99, 1} {
				if got := h.quantile(q); got > h.max() || h.max() != d {
					t.Errorf("quantile %.2f of %d times %v is %v, the longest %v", q, n, d, got, h.max())
				}
			}
		}
	}
}

func TestOptions(t *testing.T) {
	good := Options{Fans: 10, Seats: 100, Nodes: 1, InFlight: 10}
	if err := good.check(false); err != nil {
		t.Fatal(err)
	}
	for want, bend := range map[string]func(*Options){
		"--fans":            func(o *Options) { o.Fans = 0 },
		"--seats":           func(o *Options) { o.Seats = 1 },
		"--nodes":           func(o *Options) { o.Nodes = 2 },
		"--viewers must":    func(o *Options) { o.Viewers = -1 },
		"may open":          func(o *Options) { o.Viewers = 100_000 },
		"--rate":            func(o *Options) { o.Rate = 10 },
		"--mails":           func(o *Options) { o.Mails, o.Target = true, []string{"http://127.0.0.1:80"} },
		"--gateway is":      func(o *Options) { o.Gateway, o.Target = "bad", []string{"http://127.0.0.1:80"} },
		"neither good":      func(o *Options) { o.Gateway = "ugly" },
		"--nats-url":        func(o *Options) { o.NatsURL, o.Target = []string{"nats://127.0.0.1"}, []string{"http://127.0.0.1:80"} },
		"--fans-file":       func(o *Options) { o.FansFile = "x" },
		"--duration":        func(o *Options) { o.Duration = -1 },
		"--think":           func(o *Options) { o.Think = time.Hour },
		"--in-flight":       func(o *Options) { o.InFlight = 0 },
		"loopback":          func(o *Options) { o.Target = []string{"http://192.0.2.1:80"} },
		"is not a URL such": func(o *Options) { o.Target = []string{"http://127.0.0.1:80", "localhost"} },
	} {
		o := good
		bend(&o)
		if err := o.check(false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one about %s", err, want)
		}
	}
}

// Without anybody who could create an event, nobody signs up for one.
func TestTargetNeedsAnEvent(t *testing.T) {
	o := Options{Fans: 10, Seats: 100, Nodes: 1, InFlight: 10, Target: []string{"http://127.0.0.1:1"}}
	var wrong OptionError
	if _, err := Run(t.Context(), o, Database{}, io.Discard, io.Discard); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "--event ID") {
		t.Errorf("%v", err)
	}
}

// A fan who is told that the payment takes a while is in nobody's way: settle returns before
// the money is taken, and the purchase counts once it is.
func TestWhoWaitsForAPaymentStandsAside(t *testing.T) {
	taken := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := paymentapi.Pending
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
		} else {
			<-taken
			status = paymentapi.Captured
		}
		_, _ = fmt.Fprintf(w, `{"status":%q}`, status)
	}))
	defer srv.Close()
	cl, err := newClient([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	var came []int
	c := &crowd{client: cl, fans: make([]Fan, 8), owned: make([]atomic.Int32, 8), faults: map[string]int{}, back: func(fan int) { came = append(came, fan) }}
	w := c.worker(1)
	defer w.call.done()
	sh := &show{}
	if !w.settle(t.Context(), sh, 7, &held{id: strings.Repeat("b", id.Len), seats: 2}) {
		t.Fatalf("it was not waited for: %v", c.faults)
	}
	if n := c.purchases.Load(); n != 0 || sh.deciding.Load() != 1 {
		t.Errorf("%d purchases, %d decide, before the money is taken", n, sh.deciding.Load())
	}
	close(taken)
	c.aside.Wait()
	if c.purchases.Load() != 1 || c.sold.Load() != 2 || len(c.acks) != 1 || sh.deciding.Load() != 0 || !slices.Equal(came, []int{7}) {
		t.Errorf("%d purchases, %d seats, %d acknowledged, fans %v came back: %v", c.purchases.Load(), c.sold.Load(), len(c.acks), came, c.faults)
	}
}

// Seats of a cancellation that got no answer are not counted as sold if it was made, whichever
// audit finds that.
func TestUnclearCancellationIsNotSold(t *testing.T) {
	status := map[string]bookingapi.Status{"kept": bookingapi.Booked, "unclear-kept": bookingapi.Booked, "unclear-made": bookingapi.Cancelled, "made": bookingapi.Cancelled}
	acks := []acknowledged{
		{booking: "kept", seats: 1, fan: &Fan{}}, {booking: "unclear-kept", seats: 2, unclear: true, fan: &Fan{}},
		{booking: "unclear-made", seats: 4, unclear: true, fan: &Fan{}}, {booking: "made", seats: 8, cancelled: true, fan: &Fan{}},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"status":%q,"seats":[]}`, status[strings.TrimPrefix(r.URL.Path, "/bookings/")])
	}))
	defer srv.Close()
	cl, err := newClient([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{crowd: &crowd{client: cl, acks: acks}, report: Report{Sold: 7}}
	if err := r.auditOverHTTP(); err != nil || r.report.Sold != 3 || r.report.Audit != "ok" {
		t.Errorf("%+v, %v", r.report, err)
	}

	db := sqldbtest.Open(t)
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`CREATE TABLE bookings (id TEXT, event_id TEXT, user_id TEXT, status TEXT, amount BIGINT)`)
		for id, is := range status {
			if err == nil {
				_, err = tx.Exec(`INSERT INTO bookings VALUES ($1, 'e', 'u', $2, 0)`, id, string(is))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a := Audit{Acknowledged: map[string]string{}, Cancelled: map[string]bool{}, Unclear: map[string]bool{}, seen: map[string]bool{}, made: map[string]bool{}}
	for _, k := range acks {
		a.Acknowledged[k.booking], a.Cancelled[k.booking], a.Unclear[k.booking] = "u", k.cancelled, k.unclear
	}
	r.report.Sold = 7
	if err := a.acknowledged(t.Context(), db.Reader(), "e", nil); err != nil || a.Verdict() != "ok" {
		t.Fatal(a.Verdict(), err)
	}
	if r.notSold(a.made); r.report.Sold != 3 {
		t.Errorf("%d are sold", r.report.Sold)
	}
}

// A fan picks free neighbours in one row, and finds them whenever there are any.
func TestPick(t *testing.T) {
	sh := &show{plan: &plan{}}
	sec := section{ID: "S", First: 100, Count: 30}
	for r := range 3 {
		sec.Rows = append(sec.Rows, row{100 + 10*r, 10})
	}
	sh.plan.Sections = []section{sec}
	w := &worker{rnd: rand.New(rand.NewPCG(1, 1))}
	for range 2000 {
		status := make([]byte, 30)
		for i := range status {
			status[i] = "..s"[w.rnd.IntN(3)]
		}
		for want := 1; want <= 4; want++ {
			at, can := w.pick(sh, 0, status, want), false
			for r := range 3 {
				can = can || strings.Contains(string(status[10*r:10*r+10]), strings.Repeat(".", want))
			}
			if (at >= 0) != can {
				t.Fatalf("%s: %d together: picked %d, there are some: %v", status, want, at, can)
			}
			if at >= 0 && (string(status[at:at+want]) != strings.Repeat(".", want) || at/10 != (at+want-1)/10) {
				t.Fatalf("%s: %d together: picked %d", status, want, at)
			}
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}

// BenchmarkClient is the load generator's own ceiling, against an empty handler.
func BenchmarkClient(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	c, err := newClient([]string{"http://" + l.Addr().String()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		call := c.call()
		defer call.done()
		for pb.Next() {
			if status, _, err := call.send("POST", "/bookings", "token", "key", []byte(`{"seats":["A-1"]}`)); err != nil || status != 200 {
				b.Error(status, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// The audit finds each difference between the gateway's books and the payments.
func TestBooksOfTheGateway(t *testing.T) {
	db := sqldbtest.Open(t)
	exec := func(text string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := payment.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	exec(`INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method, try, void_wanted, refunded, reason, reference, version, created_at, updated_at, history, started_at, ends_as)
		VALUES ('b-1', 'b', 'e', 'u', 1, 500, 'EUR', 'captured', 'tok_ok', 1, FALSE, 200, '', '', 1, 0, 0, '[]', 0, '')`)
	for name, test := range map[string]struct {
		books string
		wrong bool
	}{
		"agree":          {`{"charges":[{"charge":"b-1.1","status":"succeeded","captured":500,"refunds":[{"amount":200}]}]}`, false},
		"of two methods": {`{"charges":[{"charge":"b-1.1","status":"canceled"},{"charge":"b-1.2","status":"succeeded","captured":500,"refunds":[{"amount":200}]}]}`, false},
		"charged twice":  {`{"charges":[{"charge":"b-1.1","status":"succeeded","captured":500},{"charge":"b-1.2","status":"succeeded","captured":500,"refunds":[{"amount":200}]}]}`, true},
		"no refund":      {`{"charges":[{"charge":"b-1.1","status":"succeeded","captured":500}]}`, true},
		"not charged":    {`{"charges":[]}`, true},
		"reserved":       {`{"charges":[{"charge":"b-1.1","status":"succeeded","captured":500,"refunds":[{"amount":200}]},{"charge":"b-1.2","status":"requires_capture"}]}`, true},
		"not known":      {`{"charges":[{"charge":"b-1.1","status":"succeeded","captured":500,"refunds":[{"amount":200}]},{"charge":"x-1.1","status":"succeeded","captured":1}]}`, true},
	} {
		var b books
		if err := codec.ReadKnown([]byte(test.books), &b); err != nil {
			t.Fatal(err)
		}
		a := Audit{}
		if err := a.books(t.Context(), db, b); err != nil || (a.OrphanPayments > 0) != test.wrong {
			t.Errorf("%s: %d, %v", name, a.OrphanPayments, err)
		}
	}
}
