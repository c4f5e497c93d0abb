package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// tripwire is a body that nobody may read.
type tripwire struct{ t *testing.T }

func (b tripwire) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

type (
	planIn  struct{ Body planDoc }
	planDoc struct {
		Title string     `json:"title"`
		Tiers []planTier `json:"tiers,omitempty"`
		Marks []planMark `json:"marks,omitempty" maxItems:"3"`
	}
	planTier struct {
		Name  string `json:"name"`
		Price *int64 `json:"price,omitempty"`
	}
	planMark struct {
		Name string `json:"name"`
	}
)

// plans is a door with operations that are for organizers.
func plans(t *testing.T) *door {
	d := newDoor(t, func(c *Config) {
		c.Authenticate = func(_ context.Context, token string) (caller.Caller, error) {
			return caller.Caller{UserID: "u", Role: caller.Role(token)}, nil
		}
	})
	serve := func(context.Context, *planIn) (*answer, error) { return &answer{}, nil }
	for method, path := range map[string]string{http.MethodPost: "/events/plans", http.MethodPut: "/events/{id}"} {
		huma.Register(d.API(), huma.Operation{OperationID: "op" + method, Method: method, Path: path, MaxBodyBytes: 16 << 20,
			Errors: []int{401, 403}, Metadata: route.Meta(route.Organizers, route.LargeBody)}, serve)
	}
	return d
}

func plan(method, path, role string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, path, body)
	r.ContentLength = maxPlanBody
	r.Header.Set("Content-Type", "application/json")
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+role)
	}
	return r
}

// Whoever may not ask is told so before a byte of the body is read.
func TestRefusedBeforeTheBody(t *testing.T) {
	d := plans(t)
	for _, c := range []struct {
		method, path, role string
		want               int
	}{
		{"POST", "/events/plans", "", 401}, {"POST", "/events/plans", "customer", 403}, {"POST", "/events/plans", "guest", 403},
		{"PUT", "/events/e", "", 401}, {"PUT", "/events/e", "customer", 404}, {"PUT", "/events/nowhere/at/all", "organizer", 404}, {"PATCH", "/events", "organizer", 405},
	} {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, plan(c.method, c.path, c.role, tripwire{t}))
		if w.Code != c.want {
			t.Errorf("%s %s as %q: %d %s", c.method, c.path, c.role, w.Code, w.Body)
		}
	}
}

// The memory of a body grows with what has come of it.
func TestBodyGrowsAsItComes(t *testing.T) {
	d := plans(t)
	const many = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range many {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, plan("POST", "/events/plans", "organizer", io.MultiReader(strings.NewReader("{"), failing{})))
		if w.Code != 400 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / many; each > 256<<10 {
		t.Errorf("%d bytes for a body of one", each)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }

// A body full of faults is answered by the first of them, quickly.
func TestFewFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("large bodies one after the other")
	}
	d := plans(t)
	name := func(list []errs.Field) (names []string) {
		for _, f := range list {
			names = append(names, f.Name+" "+f.Reason)
		}
		return names
	}
	many := func(open, one, end string, n int) string {
		return open + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + end
	}
	for _, c := range []struct {
		body   string
		want   int
		faults int
		first  string
	}{
		{many(`{"title":"x","tiers":[`, "1", "]}", 900_000), 422, maxFaults, "tiers[0] must be an object"},
		{many(`{"title":"x","tiers":[`, "1", "]}", 4_000_000), 413, 0, ""},
		{many(`{"title":"x","tiers":[`, "{}", "]}", 100_000), 422, maxFaults, "tiers[0].name is required"},
		{many(`{"title":"x","tiers":[`, `{"name":null}`, "]}", 100_000), 422, maxFaults, "tiers[0].name must be a string"},
		{many(`{"title":"x","marks":[`, "1", "]}", 300), 422, 1, "marks must have at most 3 entries"},
		{many(`{"title":"x","tiers":[`, `{"name":"a","price":1}`, "]}", 10_000), 200, 0, ""},
		{`{"title":"x",` + strings.TrimSuffix(names(3000), ",") + "}", 422, 1, "body has more than 2000 fields"},
		{`{"title":"x",` + strings.TrimSuffix(names(1500), ",") + "}", 422, maxFaults, ""},
		{`{"title":1,"tiers":[1,2]}`, 422, 3, ""}, // huma's own
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := plan("POST", "/events/plans", "organizer", strings.NewReader(c.body))
		r.ContentLength = int64(len(c.body))
		got := d.serve(t, r)
		runtime.ReadMemStats(&after)
		list := name(got.doc.Fields)
		if got.Code != c.want || len(list) != c.faults || c.first != "" && list[0] != c.first || got.Body.Len() > 8<<10 {
			t.Errorf("%.60s…: %d, %d bytes, %q", c.body, got.Code, got.Body.Len(), list)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 192<<20 {
			t.Errorf("%.60s…: %d MB", c.body, took>>20)
		}
	}
}

// names are n fields that nobody knows.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"n` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + `":1,`)
	}
	return b.String()
}

// serve answers a request.
func (d *door) serve(t *testing.T, r *http.Request) reply {
	t.Helper()
	got := reply{ResponseRecorder: httptest.NewRecorder()}
	d.Handler().ServeHTTP(got.ResponseRecorder, r)
	if got.Code >= 400 {
		if err := json.Unmarshal(got.Body.Bytes(), &got.doc); err != nil {
			t.Fatalf("%v: %s", err, got.Body)
		}
	}
	return got
}

// Large bodies are few at once: from one client, and in all.
func TestLargeBodiesAtOnce(t *testing.T) {
	d := plans(t)
	begin := func(client string) (end func() reply) {
		in, out := io.Pipe()
		r := plan("POST", "/events/plans", "organizer", in)
		r.RemoteAddr = client + ":1"
		done := make(chan reply)
		go func() {
			w := httptest.NewRecorder()
			d.Handler().ServeHTTP(w, r)
			done <- reply{ResponseRecorder: w}
		}()
		first := make(chan struct{})
		go func() { _, _ = out.Write([]byte("{")); close(first) }()
		select {
		case <-first: // it is read
			return func() reply { _ = out.CloseWithError(errors.New("gone")); return <-done }
		case got := <-done:
			_ = in.Close()
			return func() reply { return got }
		}
	}
	var under []func() reply
	for range largeByClient {
		under = append(under, begin("192.0.2.1"))
	}
	if got := begin("192.0.2.1")(); got.Code != 429 || got.Header().Get("Retry-After") == "" {
		t.Errorf("one client: %d %s", got.Code, got.Body)
	}
	for n := largeByClient; n < largeAtOnce; n++ {
		under = append(under, begin("192.0.2."+string(rune('2'+n))))
	}
	if got := begin("192.0.2.200")(); got.Code != 503 || got.Header().Get("Retry-After") == "" {
		t.Errorf("all: %d %s", got.Code, got.Body)
	}
	for _, end := range under {
		if got := end(); got.Code != 400 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	r := plan("POST", "/events/plans", "organizer", bytes.NewReader([]byte(`{"title":"x"}`)))
	r.ContentLength = -1
	if got := d.serve(t, r); got.Code != 200 {
		t.Errorf("afterwards: %d %s", got.Code, got.Body)
	}
}

// What is decided without the body is answered while the body has not come. Whole
// small bodies that are refused cost no connection.
func TestAnswersBeforeTheBody(t *testing.T) {
	d := plans(t)
	addr := d.listen(t)
	for asks, want := range map[string]int{
		"POST /events/plans": 401, "POST /nowhere": 404, "POST /healthz": 405, "GET /healthz": 200, "GET /readyz": 200, "GET /docs": 200,
		"OPTIONS /bookings": 204, "PUT /events/7": 401,
	} {
		for _, framing := range []string{"Content-Length: 100", "Content-Length: 8000000", "Transfer-Encoding: chunked"} {
			c := dial(t, addr)
			_ = c.SetReadDeadline(time.Now().Add(bodyStart * 2 / 3))
			fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n", asks, framing)
			if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != want || !res.Close {
				t.Errorf("%s, %s: %+v, %v", asks, framing, res, err)
			}
			_ = c.Close()
		}
	}
	c := dial(t, addr)
	for range 3 {
		fmt.Fprint(c, "POST /events/plans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		res, err := http.ReadResponse(c.in, nil)
		if err != nil || res.StatusCode != 401 || res.Close {
			t.Fatalf("%+v, %v", res, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
	}
}
