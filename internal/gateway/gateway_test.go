package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
)

// wish is a body with all kinds of fields.
type wish struct {
	EventID string     `json:"event_id"`
	Seats   []string   `json:"seats,omitempty" maxItems:"3"`
	Venue   *wishVenue `json:"venue,omitempty"`
	At      *time.Time `json:"at,omitempty"`
	WishMore
}

type WishMore struct {
	Quantity int   `json:"quantity,omitempty" minimum:"0" maximum:"100"`
	Price    int64 `json:"price,omitempty"`
	Sure     bool  `json:"sure,omitempty"`
}

type wishVenue struct {
	Name string `json:"name" maxLength:"10"`
	Rows []struct {
		N int64 `json:"n"`
	} `json:"rows,omitempty"`
}

type wishIn struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100"`
	Sure  bool   `query:"sure"`
	Key   string `header:"Idempotency-Key" maxLength:"20"`
	Body  wish
}

type answer struct {
	Body struct {
		Caller string `json:"caller"`
		Got    wish   `json:"got"`
	}
}

// door is a front door with an operation that answers with what a test wants.
type door struct {
	*Gateway
	log  bytes.Buffer
	logs sync.Mutex
	do   func(context.Context) error
}

func newDoor(t *testing.T, change ...func(*Config)) *door {
	t.Helper()
	d := &door{}
	cfg := Config{
		Authenticate: func(_ context.Context, token string) (caller.Caller, error) {
			switch token {
			case "good":
				return caller.Caller{UserID: "u1", Role: caller.Customer}, nil
			case "broken":
				return caller.Caller{}, errors.New("database secrets")
			}
			return caller.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "This session has ended; please sign in again.")
		},
		Log:     slog.New(slog.NewTextHandler(logWriter{d}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: prometheus.NewRegistry(),
	}
	for _, f := range change {
		f(&cfg)
	}
	d.Gateway = New(cfg)
	hold := func(ctx context.Context, in *wishIn) (*answer, error) {
		if d.do != nil {
			if err := d.do(ctx); err != nil {
				return nil, err
			}
		}
		out := &answer{}
		out.Body.Caller, out.Body.Got = caller.From(ctx).UserID, in.Body
		return out, nil
	}
	traits := map[string]route.Traits{"/bookings": route.Holds, "/events": route.LongNumbers}
	for path, register := range map[string]func(huma.API, huma.Operation, func(context.Context, *wishIn) (*answer, error)){
		"/bookings": quick.Register[wishIn, answer], "/events": huma.Register[wishIn, answer],
	} {
		register(d.API(), huma.Operation{
			OperationID: "hold" + path[1:], Method: http.MethodPost, Path: path, DefaultStatus: http.StatusCreated, MaxBodyBytes: 16 << 20,
			Summary: "Hold <seats>", Tags: []string{"Bookings"}, Errors: []int{400, 409}, Metadata: route.Meta(traits[path]),
		}, hold)
	}
	huma.Register(d.API(), huma.Operation{OperationID: "get", Method: http.MethodGet, Path: "/things/{id}", Summary: "Read"},
		func(_ context.Context, in *struct {
			ID    string `path:"id" maxLength:"8"`
			Limit int    `query:"limit" minimum:"1" maximum:"100"`
		}) (*answer, error) {
			out := &answer{}
			out.Body.Got.EventID = in.ID
			return out, nil
		})
	return d
}

// logWriter writes to a door's log.
type logWriter struct{ *door }

func (w logWriter) Write(b []byte) (int, error) {
	w.logs.Lock()
	defer w.logs.Unlock()
	return w.log.Write(b)
}

type reply struct {
	*httptest.ResponseRecorder
	doc struct {
		Type, Title, Detail string
		Status              int
		Fields              []errs.Field
		RequestID           string `json:"request_id"`
		Seats               []string
		Position            *int
	}
}

func (d *door) send(t *testing.T, method, target, body string, header ...string) reply {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "/", in)
	path, query, _ := strings.Cut(target, "?")
	u, err := r.URL.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = query
	r.URL = u
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res := reply{ResponseRecorder: httptest.NewRecorder()}
	d.Handler().ServeHTTP(res.ResponseRecorder, r)
	if strings.HasPrefix(res.Header().Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal(res.Body.Bytes(), &res.doc); err != nil {
			t.Fatalf("%v: %s", err, res.Body)
		}
		if res.doc.Status != res.Code || res.doc.RequestID != res.Header().Get("X-Request-Id") || res.doc.Title == "" || res.doc.Detail == "" {
			t.Errorf("problem document does not agree with the answer: %d %s", res.Code, res.Body)
		}
	} else if res.Code >= 400 {
		t.Errorf("%d is not a problem document: %v %s", res.Code, res.Header(), res.Body)
	}
	return res
}

// problem is what an answer says: "status slug field: reason; …".
func (r reply) problem() string {
	s := fmt.Sprintf("%d %s", r.Code, strings.TrimPrefix(r.doc.Type, "/problems/"))
	for i, f := range r.doc.Fields {
		s += map[bool]string{true: " ", false: "; "}[i == 0] + f.Name + ": " + f.Reason
	}
	return s
}

func TestBadInput(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct{ name, body, want string }{
		{"unknown field", `{"event_id":"e","colour":1}`, "422 invalid-field colour: is not a field of this request"},
		{"unknown within", `{"event_id":"e","venue":{"name":"a","x":1}}`, "422 invalid-field venue.x: is not a field of this request"},
		{"other case", `{"Event_ID":"e","event_id":"e"}`, "422 invalid-field Event_ID: is not a field of this request"},
		{"missing", `{}`, "422 invalid-field event_id: is required"},
		{"missing within", `{"event_id":"e","venue":{}}`, "422 invalid-field venue.name: is required"},
		{"wrong type", `{"event_id":5}`, "422 invalid-field event_id: must be a string"},
		{"null", `{"event_id":null}`, "422 invalid-field event_id: must be a string"},
		{"wrong entry", `{"event_id":"e","seats":["a",2]}`, "422 invalid-field seats[1]: must be a string"},
		{"list wanted", `{"event_id":"e","seats":"a"}`, "422 invalid-field seats: must be a list"},
		{"object wanted", `{"event_id":"e","venue":[]}`, "422 invalid-field venue: must be an object"},
		{"bool wanted", `{"event_id":"e","sure":"yes"}`, "422 invalid-field sure: must be true or false"},
		{"too many", `{"event_id":"e","seats":["a","b","c","d"]}`, "422 invalid-field seats: must have at most 3 entries"},
		{"too long", `{"event_id":"e","venue":{"name":"12345678901"}}`, "422 invalid-field venue.name: must have at most 10 characters"},
		{"too large", `{"event_id":"e","quantity":101}`, "422 invalid-field quantity: must be at most 100"},
		{"negative", `{"event_id":"e","quantity":-1}`, "422 invalid-field quantity: must be at least 0"},
		{"half", `{"event_id":"e","quantity":1.5}`, "422 invalid-field quantity: must be a whole number"},
		{"beyond int64", `{"event_id":"e","price":1e30}`, "422 invalid-field price: must be a whole number within range, not this number"},
		{"beyond int64 within", `{"event_id":"e","venue":{"name":"a","rows":[{"n":1},{"n":99999999999999999999}]}}`, "422 invalid-field venue.rows[1].n: must be a whole number within range, not this number"},
		{"beyond double", `{"event_id":"e","price":1e400}`, "422 invalid-field price: is a number out of range"},
		{"time", `{"event_id":"e","at":"tomorrow"}`, "422 invalid-field at: must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"},
		{"an hour of one digit", `{"event_id":"e","at":"2027-01-01T1:00:00Z"}`, "422 invalid-field at: must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"},
		{"a comma in a time", `{"event_id":"e","at":"2027-01-01T00:00:00,5Z"}`, "422 invalid-field at: must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"},
		{"an offset of a day", `{"event_id":"e","at":"2027-01-01T00:00:00+24:00"}`, "422 invalid-field at: must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"},
		{"a list", `[]`, "422 invalid-field body: must be an object"},
		{"a word", `"x"`, "422 invalid-field body: must be an object"},
		{"two", `{"event_id":5,"quantity":"x"}`, "422 invalid-field event_id: must be a string; quantity: must be a whole number"},
		{"malformed", `{"event_id":`, "400 malformed-json event_id: a value is expected"},
		{"nothing", ``, "400 malformed-json body: is required"},
		{"NUL", `{"event_id":"a\u0000"}`, "422 invalid-field event_id: holds a NUL character"},
		{"not UTF-8", "{\"event_id\":\"a\xff\"}", "400 not-utf8 event_id: is not UTF-8"},
		{"twice", `{"event_id":"a","event_id":"b"}`, "400 malformed-json event_id: is given twice"},
		{"a surrogate alone", `{"event_id":"hunter2\ud800secretpw"}`, "400 not-utf8 event_id: holds half of a surrogate pair"},
		{"card", `{"event_id":"e","seats":["4111 1111 1111 1111"]}`, "422 invalid-field seats[0]: looks like a card number; card numbers are never sent here"},
		{"body too large", `{"event_id":"` + strings.Repeat("x", maxBody) + `"}`, "413 too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.do = func(context.Context) error { t.Error("reached the operation"); return nil }
			res := d.send(t, "POST", "/bookings", c.body)
			if got := res.problem(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if c.name == "malformed" && res.doc.Position == nil {
				t.Error("no position")
			}
		})
	}
	if strings.Contains(d.log.String(), "secretpw") {
		t.Error("the log repeats a body")
	}
	if regexp.MustCompile(`4111[ -]?1111`).MatchString(d.log.String()) { // 1111 alone may be of a request's id
		t.Error("a card number is in the log")
	}
}

func TestBadAddressAndHeaders(t *testing.T) {
	d := newDoor(t)
	const ok = `{"event_id":"e"}`
	for _, c := range []struct {
		name, method, target, body string
		header                     []string
		want                       string
	}{
		{"fine", "POST", "/bookings?limit=5&sure=true", ok, nil, "201 "},
		{"wrong query", "POST", "/bookings?limit=x", ok, nil, "422 invalid-field limit: must be a whole number within range"},
		{"query out of range", "POST", "/bookings?limit=500", ok, nil, "422 invalid-field limit: must be at most 100"},
		{"wrong bool", "POST", "/bookings?sure=perhaps", ok, nil, "422 invalid-field sure: must be true or false"},
		{"NUL in query", "GET", "/things/a?q=a%00b", "", nil, "400 bad-address q: holds a NUL or is not UTF-8"},
		{"bytes in query", "GET", "/things/a?q=%ff", "", nil, "400 bad-address q: holds a NUL or is not UTF-8"},
		{"raw bytes in query", "GET", "/things/a?q=\xff", "", nil, "400 bad-address q: holds a NUL or is not UTF-8"},
		{"NUL in a name", "GET", "/things/a?%00=1", "", nil, "400 bad-address query: holds a name with a NUL or that is not UTF-8"},
		{"unreadable query", "GET", "/things/a?q=%zz", "", nil, "400 bad-address query: cannot be read: its percent signs and semicolons must be escaped"},
		{"NUL in path", "GET", "/things/a%00", "", nil, "400 bad-address path: holds a NUL or is not UTF-8"},
		{"bytes in path", "GET", "/things/%ff", "", nil, "400 bad-address path: holds a NUL or is not UTF-8"},
		{"long path", "GET", "/things/123456789", "", nil, "422 invalid-field id: must have at most 8 characters"},
		{"long key", "POST", "/bookings", ok, []string{"Idempotency-Key", strings.Repeat("k", 21)}, "422 invalid-field Idempotency-Key: must have at most 20 characters"},
		{"bytes in a key", "POST", "/bookings", ok, []string{"Idempotency-Key", "k\xff"}, "400 bad-address Idempotency-Key: is not UTF-8"},
		{"not JSON", "POST", "/bookings", ok, []string{"Content-Type", "text/plain"}, "415 not-json"},
		{"form", "POST", "/bookings", "event_id=e", []string{"Content-Type", "application/x-www-form-urlencoded"}, "415 not-json"},
		{"charset", "POST", "/bookings", ok, []string{"Content-Type", "application/json; charset=utf-8"}, "201 "},
		{"other JSON is checked too", "POST", "/bookings", `{"event_id":"a\u0000"}`, []string{"Content-Type", "application/x+json"}, "422 invalid-field event_id: holds a NUL character"},
		{"compressed", "POST", "/bookings", ok, []string{"Content-Encoding", "gzip"}, "415 unknown-encoding"},
		{"nowhere", "GET", "/nowhere", "", nil, "404 no-such-page"},
		{"other method", "DELETE", "/bookings", "", nil, "405 method-not-allowed"},
		{"method of nobody", "BREW", "/bookings", "", nil, "405 method-not-allowed"},
		{"method of nobody, nowhere", "BREW", "/nowhere", "", nil, "404 no-such-page"},
		{"no token", "POST", "/bookings", ok, []string{"Authorization", "Bearer "}, "401 bad-token"},
		{"other scheme", "POST", "/bookings", ok, []string{"Authorization", "Basic Z29vZDpnb29k"}, "401 bad-token"},
		{"bad token", "POST", "/bookings", ok, []string{"Authorization", "Bearer bad"}, "401 bad-token"},
		{"authentication fails", "POST", "/bookings", ok, []string{"Authorization", "Bearer broken"}, "500 internal-error"},
		{"lower-case scheme", "POST", "/bookings", ok, []string{"Authorization", "bearer good"}, "201 "},
		{"probes do not authenticate", "GET", "/healthz", "", []string{"Authorization", "Bearer broken"}, "200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := d.send(t, c.method, c.target, c.body, c.header...)
			if got := res.problem(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			switch res.Code {
			case 405:
				if got := res.Header().Get("Allow"); got != "POST" {
					t.Errorf("Allow: %q", got)
				}
			case 401:
				if got := res.Header().Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
					t.Errorf("WWW-Authenticate: %q", got)
				}
			case 500:
				if strings.Contains(res.Body.String(), "secrets") {
					t.Errorf("tells secrets: %s", res.Body)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct {
		name  string
		err   error
		want  string
		after string
	}{
		{"application error", errs.Missing("event"), "404 not-found", ""},
		{"wrapped", fmt.Errorf("hold: %w", errs.New(errs.Conflict, "seats-taken", "Gone.").With("seats", []string{"a"}).With("status", 200)), "409 seats-taken", ""},
		{"retry", errs.New(errs.TooMany, "hold-cooldown", "Slowly.").After(1500 * time.Millisecond), "429 hold-cooldown", "2"},
		{"sign in", errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first."), "401 sign-in-required", ""},
		{"full", fmt.Errorf("x: %w", batch.Full{Waiting: 9}), "503 busy", "1"},
		{"closed", batch.Closed{}, "503 shutting-down", "1"},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), "503 timeout", "1"},
		{"cancelled", context.Canceled, "503 timeout", "1"},
		{"anything", errors.New("disk secrets"), "500 internal-error", ""},
		{"fields", errs.Bad("seats[0]", "no-such-seat", "is unknown"), "422 invalid-field seats[0]: is unknown", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.log.Reset()
			d.do = func(context.Context) error { return c.err }
			res := d.send(t, "POST", "/bookings", `{"event_id":"e"}`)
			if got := res.problem(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := res.Header().Get("Retry-After"); got != c.after {
				t.Errorf("Retry-After: %q, want %q", got, c.after)
			}
			if c.name == "wrapped" && (len(res.doc.Seats) != 1 || res.doc.Status != 409) {
				t.Errorf("members: %s", res.Body)
			}
			logged := strings.Count(d.log.String(), "disk secrets")
			if want := map[bool]int{true: 1}[c.name == "anything"]; logged != want || strings.Contains(res.Body.String(), "secrets") {
				t.Errorf("logged %d times; answer %s", logged, res.Body)
			}
			if logged == 1 && !strings.Contains(d.log.String(), res.doc.RequestID) {
				t.Error("the log does not know the request id")
			}
		})
	}
}

// A statement that a time limit interrupted is not an internal error, whatever
// the database calls it.
func TestTimeLimit(t *testing.T) {
	d := newDoor(t)
	d.do = func(ctx context.Context) error {
		if left, ok := ctx.Deadline(); !ok || time.Until(left) > requestTime || time.Until(left) < requestTime/2 {
			t.Errorf("deadline %v %v", left, ok)
		}
		return nil
	}
	d.send(t, "POST", "/bookings", `{"event_id":"e"}`)
	ctx, cancel := context.WithCancel(context.Background())
	d.do = func(context.Context) error { cancel(); return errors.New("interrupted (9)") }
	r := httptest.NewRequest("POST", "/bookings", strings.NewReader(`{"event_id":"e"}`)).WithContext(ctx)
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || strings.Contains(d.log.String(), "interrupted") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, d.log.String())
	}
}

func TestPanic(t *testing.T) {
	d := newDoor(t)
	d.do = func(context.Context) error { panic("secret of a programmer") }
	res := d.send(t, "POST", "/bookings", `{"event_id":"e"}`, "X-Request-Id", "my-request-1")
	if res.problem() != "500 internal-error" || res.doc.RequestID != "my-request-1" || strings.Contains(res.Body.String(), "secret") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	if log := d.log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "gateway_test.go") {
		t.Errorf("log: %s", log)
	}
	d.do = func(context.Context) error { panic(http.ErrAbortHandler) }
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("did not break off")
			}
		}()
		d.send(t, "POST", "/bookings", `{"event_id":"e"}`)
	}()
	if got := d.figure(t, "boxoffice_http_requests_in_flight"); got != 0 {
		t.Errorf("%v requests in flight", got)
	}
}
