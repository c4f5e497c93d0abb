package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/limit"
	"boxoffice/internal/quick"
)

// listen serves a door, whose POST /bookings is hot, and answers its address.
func (d *door) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- d.Serve(l) }()
	t.Cleanup(func() {
		if err := d.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// A panic while a plain request is read ends its connection, and is logged as an error.
func TestPanicBeforeAHotRequest(t *testing.T) {
	d := newDoor(t)
	hot := d.API().OpenAPI().Paths["/bookings"].Post.Metadata[quick.Meta].(*quick.Operation)
	hot.Read = func(*quick.Request) (quick.Run, bool) { panic("cannot be read") }
	c, err := net.Dial("tcp", d.listen(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	d.logs.Lock()
	defer d.logs.Unlock()
	if got := d.log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "cannot be read") {
		t.Errorf("logged %q", got)
	}
}

// rawClient is a connection of which one knows what is sent.
type rawClient struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &rawClient{c, bufio.NewReader(c)}
}

// hold is a request for seats. It is answered on the fast path unless a header is odd.
func hold(body string, headers ...string) string {
	text := "POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for i := 0; i+1 < len(headers); i += 2 {
		text += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", text, len(body), body)
}

const oneSeat = `{"event_id":"e","seats":["A-1"]}`

func (c *rawClient) ask(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// figure is the sum of a counter or gauge, or the count of a histogram, over the
// series that have these labels.
func (d *door) figure(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := d.cfg.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			fits := f.GetName() == name
			for i := 0; i+1 < len(labels); i += 2 {
				fits = fits && has[labels[i]] == labels[i+1]
			}
			if fits {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// Whatever an operation says, and whatever is in its way, the answer, the log and
// the metrics are those of the ordinary path; which way it was, one figure says.
func TestFastPath(t *testing.T) {
	now := time.Now()
	waiting := 0
	d := newDoor(t, func(c *Config) {
		c.AccessLog, c.PublicURL, c.Cookie = true, "https://tickets.example", "session"
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Limits = DefaultLimits(25, limit.NewMemory(func() time.Time { return now }))
		c.Pressure = func() (int, int) { return waiting, 100 }
		c.Outage = func(err error) bool { return err.Error() == "outage" }
	})
	addr := d.listen(t)
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	const token = "Authorization"
	for _, c := range []struct {
		name    string
		status  int
		do      func(context.Context) error
		body    string
		headers []string
		long    bool // it is handed over
		early   bool // it is refused before it is known where it goes
	}{
		{"well", 201, nil, oneSeat, nil, false, false},
		{"a null in a list", 422, nil, `{"event_id":"e","seats":[null]}`, nil, true, false},
		{"well, with an account", 201, nil, oneSeat, []string{token, "Bearer good", "Idempotency-Key", "k"}, false, false},
		{"another scheme", 401, nil, oneSeat, []string{token, "Basic good"}, false, true},
		{"no such session", 401, nil, oneSeat, []string{token, "Bearer bad"}, false, true},
		{"sessions cannot be read", 500, nil, oneSeat, []string{token, "Bearer broken"}, false, true},
		{"a card number", 422, nil, `{"event_id":"4111 1111 1111 1111"}`, nil, true, false},
		{"a card number in an unknown member", 422, nil, `{"card":"4111111111111111"}`, nil, true, false},
		{"no JSON", 400, nil, `{"event_id":`, nil, true, false},
		{"a cookie", 201, nil, oneSeat, []string{"Cookie", "session=good"}, false, false},
		{"another cookie", 201, nil, oneSeat, []string{"Cookie", "a=b"}, false, false},
		{"a cookie of a session that is over", 201, nil, oneSeat, []string{"Cookie", "session=bad"}, false, false},
		{"a cookie from another site's page", 403, nil, oneSeat, []string{"Cookie", "session=good", "Sec-Fetch-Site", "cross-site"}, false, true},
		{"a cookie with another origin", 403, nil, oneSeat, []string{"Cookie", "session=good", "Origin", "https://evil.example"}, false, true},
		{"a cookie from its own page", 201, nil, oneSeat, []string{"Cookie", "session=good", "Origin", "https://x"}, false, false},
		{"an empty body", 400, nil, "", nil, true, false},
		{"null", 422, nil, "null", nil, true, false},
		{"nothing", 422, nil, "{}", nil, true, false},
		{"an unknown member", 422, nil, `{"event_id":"e","x":1}`, nil, true, false},
		{"a member in capitals", 422, nil, `{"Event_ID":"e"}`, nil, true, false},
		{"a member twice", 400, nil, `{"event_id":"e","event_id":"e"}`, nil, true, false},
		{"an empty required member", 201, nil, `{"event_id":""}`, nil, true, false},
		{"too many items", 422, nil, `{"event_id":"e","seats":["1","2","3","4"]}`, nil, true, false},
		{"no list", 201, nil, `{"event_id":"e","seats":null}`, nil, false, false},
		{"too large a number", 422, nil, `{"event_id":"e","quantity":101}`, nil, true, false},
		{"too small a number", 422, nil, `{"event_id":"e","quantity":-1}`, nil, true, false},
		{"a whole number", 201, nil, `{"event_id":"e","quantity":2.0}`, nil, true, false},
		{"a fraction", 422, nil, `{"event_id":"e","quantity":2.5}`, nil, true, false},
		{"more", 201, nil, ` {"event_id":"ä<&> ","price":9007199254740993,"sure":true,"venue":{"name":"here","rows":[{"n":1}]}} `, nil, false, false},
		{"escapes", 201, nil, `{"event_id":"\u00e4\n"}`, nil, true, false},
		{"a NUL", 422, nil, `{"event_id":"\u0000"}`, nil, true, false},
		{"a surrogate alone", 400, nil, `{"event_id":"hunter2\ud800secretpw"}`, nil, true, false},
		{"a surrogate in a name", 400, nil, `{"event_id":"e","\udc00":1}`, nil, true, false},
		{"a surrogate pair", 201, nil, `{"event_id":"\ud83d\ude00"}`, nil, true, false},
		{"no UTF-8", 400, nil, "{\"event_id\":\"\xff\"}", nil, true, false},
		{"a time", 201, nil, `{"event_id":"e","at":"2026-12-01T09:00:00Z"}`, nil, true, false},
		{"too long a name", 422, nil, `{"event_id":"e","venue":{"name":"01234567890"}}`, nil, true, false},
		{"too long a key", 422, nil, oneSeat, []string{"Idempotency-Key", "012345678901234567890"}, true, false},
		{"a precondition", 412, nil, oneSeat, []string{"If-Match", "x"}, true, false},
		{"a cookie and an account", 201, nil, oneSeat, []string{token, "Bearer good", "Cookie", "session=bad"}, false, false},
		{"another site, of which none may ask", 201, nil, oneSeat, []string{"Origin", "https://shop.example"}, false, false},
		{"malformed", 400, fails(errs.New(errs.Malformed, "a", "b")), oneSeat, nil, false, false},
		{"payment required", 402, fails(errs.New(errs.PaymentRequired, "a", "b")), oneSeat, nil, false, false},
		{"forbidden", 403, fails(errs.New(errs.Forbidden, "a", "b")), oneSeat, nil, false, false},
		{"not found", 404, fails(errs.Missing("event")), oneSeat, nil, false, false},
		{"conflict", 409, fails(&errs.Error{Kind: errs.Conflict, Type: "seats-taken", Detail: "b", Extra: map[string]any{"seats": []string{"A-1"}}}), oneSeat, nil, false, false},
		{"invalid", 422, fails(errs.Bad("event_id", "is %q", "<ä>")), oneSeat, nil, false, false},
		{"too many", 429, fails(errs.New(errs.TooMany, "a", "b").After(2500 * time.Millisecond)), oneSeat, nil, false, false},
		{"unavailable", 503, fails(errs.New(errs.Unavailable, "a", "b").After(time.Second)), oneSeat, nil, false, false},
		{"too late", 503, fails(context.DeadlineExceeded), oneSeat, nil, false, false},
		{"outage", 503, fails(errors.New("outage")), oneSeat, nil, false, false},
		{"broken", 500, fails(errors.New("secret")), oneSeat, nil, false, false},
		{"panic", 500, func(context.Context) error { panic("secret") }, oneSeat, nil, false, false},
		{"pressure", 503, nil, oneSeat, nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.do = c.do
			route := map[bool]string{true: "none", false: "/bookings"}[c.early]
			waiting = map[bool]int{true: 99}[c.name == "pressure"]
			headers := append([]string{"X-Request-Id", "the-same-id"}, c.headers...)
			here, there := dial(t, addr), dial(t, addr)
			type outcome struct {
				short, in, counted float64
				log                string
				res                *http.Response
				body               string
			}
			try := func(one *rawClient, text string) (o outcome) {
				count := func() (short, counted float64) {
					return d.figure(t, "boxoffice_http_requests_short_total"), d.figure(t, "boxoffice_http_request_seconds", "route", route, "method", "POST", "status", classes[c.status/100])
				}
				shortBefore, before := count()
				mark := d.logged()
				o.res, o.body = one.ask(t, text)
				for !strings.Contains(d.logged()[len(mark):], "msg=request ") { // after the answer on the ordinary path
					time.Sleep(time.Millisecond)
				}
				o.log = noise.ReplaceAllString(d.logged()[len(mark):], "")
				o.short, o.counted = count()
				o.short, o.counted = o.short-shortBefore, o.counted-before
				o.in = d.figure(t, "boxoffice_http_requests_in_flight")
				return o
			}
			short, long := try(here, hold(c.body, headers...)), try(there, hold(c.body, append(headers, "TE", "trailers")...))
			if short.res.StatusCode != c.status || long.res.StatusCode != c.status || short.body != long.body {
				t.Errorf("%d %s, the ordinary path %d %s", short.res.StatusCode, short.body, long.res.StatusCode, long.body)
			}
			if h, l := stable(short.res.Header), stable(long.res.Header); !maps.EqualFunc(h, l, slices.Equal) || len(l["Strict-Transport-Security"]) == 0 {
				t.Errorf("headers %v\nordinary path %v", h, l)
			}
			if short.log != long.log || !strings.Contains(short.log, fmt.Sprintf("level=INFO msg=request id=the-same-id method=POST path=/bookings status=%d ", c.status)) {
				t.Errorf("log %s\nordinary path %s", short.log, long.log)
			}
			if short.short == 1 == c.long || long.short != 0 || short.counted != 1 || long.counted != 1 || short.in != 0 || long.in != 0 {
				t.Errorf("figures %+v\nordinary path %+v", short, long)
			}
			if _, body := here.ask(t, hold("{}")); body == "" { // the connection is still of use
				t.Error(body)
			}
		})
	}
	waiting = 0
	t.Run("clients", func(t *testing.T) { // services hear of the same one, whichever way it comes
		var seen []string
		d.do = func(ctx context.Context) error {
			seen = append(seen, caller.ClientFrom(ctx))
			return nil
		}
		fast, long := dial(t, addr), dial(t, addr)
		for _, from := range []string{"198.51.100.7", "2001:db8:1:2:3::4"} {
			fast.ask(t, hold(oneSeat, "X-Forwarded-For", from))
			long.ask(t, hold(oneSeat, "X-Forwarded-For", from, "TE", "trailers"))
		}
		if want := []string{"198.51.100.7", "198.51.100.7", "2001:db8:1:2::", "2001:db8:1:2::"}; !slices.Equal(seen, want) {
			t.Errorf("%q, want %q", seen, want)
		}
	})
	d.do = nil
	t.Run("limits", func(t *testing.T) { // count the same clients, whichever way they come
		fast, long := dial(t, addr), dial(t, addr)
		for n := range 201 {
			one := fast
			headers := []string{"X-Forwarded-For", "203.0.113.1, 198.51.100.9", "X-Request-Id", "the-same-id"}
			if n%2 == 1 {
				one, headers = long, append(headers, "TE", "trailers")
			}
			res, body := one.ask(t, hold(oneSeat, headers...))
			want := map[bool]int{true: 201, false: 429}[n < 200]
			if left := fmt.Sprintf(`"address";r=%d;`, max(0, 199-n)); res.StatusCode != want || !strings.HasPrefix(res.Header.Get("RateLimit"), left) || res.Header.Get("RateLimit-Policy") != `"address";q=200;w=4` {
				t.Fatalf("request %d: %d %v %s", n, res.StatusCode, res.Header, body)
			}
		}
		for _, from := range []string{"198.51.100.9, 127.0.0.2", "198.51.100.8", "2001:db8::1, 127.0.0.1"} {
			res, _ := fast.ask(t, hold(oneSeat, "X-Forwarded-For", from))
			if (res.StatusCode == 429) != strings.Contains(from, ".9") || (res.StatusCode == 429) != (res.Header.Get("Retry-After") != "") {
				t.Errorf("%s: %d", from, res.StatusCode)
			}
		}
	})
}

// logged is what is in the log so far.
func (d *door) logged() string {
	d.logs.Lock()
	defer d.logs.Unlock()
	return d.log.String()
}

// noise is what differs from request to request.
var noise = regexp.MustCompile(`time=\S+ |took=\S+|stack="(\\.|[^"\\])*"`)

// stable are the headers that the same request gets again.
func stable(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Date", "Ratelimit"} {
		h.Del(name)
	}
	if h.Get("Retry-After") != "" && strings.Contains("123", h.Get("Retry-After")) {
		h.Set("Retry-After", "1 to 3") // so that not all come back at once
	}
	for _, values := range h {
		slices.Sort(values)
	}
	return h
}

// Caches must know that what pages of other sites get differs, even where an
// operation says by itself what its answer depends on.
func TestVaryOrigin(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Origins = []string{"https://shop.example"} })
	d.Router().Get("/varied", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		w.WriteHeader(200)
	})
	addr := d.listen(t)
	for _, c := range []struct {
		text  string
		vary  string
		short float64
		allow string
	}{
		{hold(oneSeat), "Origin", 1, ""},
		{hold(oneSeat, "TE", "trailers"), "Origin", 0, ""},
		{hold(oneSeat, "Origin", "https://shop.example"), "Origin", 0, "https://shop.example"},
		{hold(oneSeat, "Origin", "https://evil.example"), "Origin", 0, ""},
		{"GET /varied HTTP/1.1\r\nHost: x\r\n\r\n", "Accept-Encoding, Origin", 0, ""},
	} {
		before := d.figure(t, "boxoffice_http_requests_short_total")
		res, _ := dial(t, addr).ask(t, c.text)
		if got := strings.Join(res.Header.Values("Vary"), ", "); got != c.vary || res.Header.Get("Access-Control-Allow-Origin") != c.allow {
			t.Errorf("%q: %v", c.text, res.Header)
		}
		if n := d.figure(t, "boxoffice_http_requests_short_total") - before; n != c.short {
			t.Errorf("%q: %v were answered on the fast path", c.text, n)
		}
	}
}

// A demo knows only some hosts; requests that name them are as fast as elsewhere.
func TestFastPathOfKnownHosts(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Hosts = []string{"tickets.example"} })
	addr := d.listen(t)
	for host, want := range map[string]int{"127.0.0.1:80": 1, "Tickets.Example": 1, "localhost": 1, "evil.example": 0} {
		before := d.figure(t, "boxoffice_http_requests_short_total")
		res, _ := dial(t, addr).ask(t, strings.Replace(hold(oneSeat), "Host: x", "Host: "+host, 1))
		if (res.StatusCode == http.StatusMisdirectedRequest) == (want == 1) {
			t.Errorf("%s: %d", host, res.StatusCode)
		}
		if n := d.figure(t, "boxoffice_http_requests_short_total") - before; n != float64(want) {
			t.Errorf("%s: %v were answered on the fast path", host, n)
		}
	}
}

// Requests under way are counted as such.
func TestFastPathInFlight(t *testing.T) {
	d := newDoor(t)
	started, end := make(chan struct{}), make(chan struct{})
	d.do = func(context.Context) error { started <- struct{}{}; <-end; return nil }
	addr := d.listen(t)
	done := make(chan struct{})
	for range 3 {
		one := dial(t, addr)
		go func() {
			defer func() { done <- struct{}{} }()
			one.ask(t, hold(oneSeat))
		}()
		<-started
	}
	if n := d.figure(t, "boxoffice_http_requests_in_flight"); n != 3 {
		t.Errorf("%v in flight", n)
	}
	close(end)
	for range 3 {
		<-done
	}
	if n := d.figure(t, "boxoffice_http_requests_in_flight"); n != 0 {
		t.Errorf("%v in flight", n)
	}
}

// A node that ends under load loses nothing that it has begun: what was carried
// out was answered, whole, and a client that resends what was not answered is
// never told half of something.
func TestShutdownUnderLoad(t *testing.T) {
	for round := range 3 {
		d := newDoor(t)
		var carriedOut, answered, mixed atomic.Int64
		d.do = func(context.Context) error { carriedOut.Add(1); return nil }
		addr := d.listen(t)
		enough := make(chan struct{})
		var once sync.Once
		var clients sync.WaitGroup
		for n := range 16 {
			clients.Go(func() {
				var c net.Conn
				var in *bufio.Reader
				for i := 0; ; i++ {
					if c == nil {
						var err error
						if c, err = net.Dial("tcp", addr); err != nil {
							return // the node is gone
						}
						in = bufio.NewReader(c)
					}
					text := hold(oneSeat)
					if (i+n)%5 == 0 {
						text = hold(oneSeat, "TE", "trailers")
						mixed.Add(1)
					}
					_, err := io.WriteString(c, text)
					if err == nil {
						_, err = in.Peek(1)
					}
					if err != nil { // nothing was answered: once more
						_ = c.Close()
						c = nil
						continue
					}
					res, err := http.ReadResponse(in, nil)
					if err == nil {
						_, err = io.Copy(io.Discard, res.Body)
					}
					if err != nil || res.StatusCode != http.StatusCreated {
						t.Errorf("an answer was cut: %v, %v", res, err)
						return
					}
					if answered.Add(1) == 500 {
						once.Do(func() { close(enough) })
					}
					if res.Close {
						_ = c.Close()
						c = nil
					}
				}
			})
		}
		<-enough
		if round > 0 { // a drain is polite, but not needed
			d.Drain()
		}
		if err := d.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		clients.Wait()
		if c, a := carriedOut.Load(), answered.Load(); c != a || mixed.Load() == 0 || d.figure(t, "boxoffice_http_requests_in_flight") != 0 {
			t.Errorf("%d were carried out, %d answered", c, a)
		}
	}
}
