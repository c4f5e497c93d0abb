package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// refusal is an error in these tests: its status and its text. The gateway, which these
// tests do without, has another form.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string                { return r.text }
func (r *refusal) MarshalJSON() ([]byte, error) { return json.Marshal(r.text) }
func (r *refusal) GetStatus() int               { return r.status }

func TestMain(m *testing.M) {
	statuses := map[errs.Kind]int{errs.Unauthenticated: 401, errs.Forbidden: 403, errs.NotFound: 404, errs.Conflict: 409, errs.Precondition: 412, errs.Invalid: 422}
	huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, list ...error) huma.StatusError {
		r := &refusal{status, msg}
		for _, err := range list {
			var e *errs.Error
			if errors.As(err, &e) {
				r.status = statuses[e.Kind]
			}
			r.text += "; " + err.Error()
		}
		return r
	}
	os.Exit(m.Run())
}

// site is the service's operations over HTTP.
type site struct {
	*world
	handler http.Handler
}

func newSite(t testing.TB) *site {
	w := newWorld(t)
	router := chi.NewMux()
	w.Register(humachi.New(router, huma.DefaultConfig("test", "1")))
	return &site{w, router}
}

// ask sends a request and fails unless the status is as expected.
func (s *site) ask(t testing.TB, c caller.Caller, want int, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(caller.With(context.Background(), c), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, r)
	if rec.Code != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, rec.Code, rec.Body, want)
	}
	return rec
}

func decode[T any](t testing.TB, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return v
}

const galaJSON = `{"title":"Gala","event_time":"2027-03-01T20:00:00+01:00","venue":{"name":"Old Hall","time_zone":"Europe/Berlin"},
	"plan":{"template":"arena","seats":2000},"currency":"EUR","status":"on_sale","attributes":{"doors":"19:00"},
	"tiers":[{"name":"Floor","price":9000,"fees":500,"categories":["Floor"]},{"name":"Rest","price":4000,"categories":["Lower level","Upper level"]}]}`

func TestEventOverHTTP(t *testing.T) {
	s := newSite(t)
	rec := s.ask(t, organizer, 201, "POST", "/events", galaJSON)
	made := decode[map[string]any](t, rec)
	path := "/events/" + made["id"].(string)
	if rec.Header().Get("Location") != path || !strings.HasPrefix(rec.Header().Get("ETag"), `"1.`) {
		t.Fatalf("headers are %v", rec.Header())
	}
	s.booth.Sell(made["id"].(string), 3)
	got := decode[map[string]any](t, s.ask(t, nobody, 200, "GET", path, ""))
	for field, want := range map[string]any{
		"title": "Gala", "description": "", "event_time": "2027-03-01T20:00:00+01:00", "time_zone": "Europe/Berlin", "total_seats": 2000.0,
		"available_seats": 1997.0, "price_per_seat": 4000.0, "currency": "EUR", "status": "on_sale", "sale_closes_at": "2027-03-01T19:00:00Z", "version": 1.0,
	} {
		if got[field] != want {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
	if len(got["tiers"].([]any)) != 2 || got["attributes"].(map[string]any)["doors"] != "19:00" || got["venue"].(map[string]any)["name"] != "Old Hall" {
		t.Errorf("event is %v", got)
	}

	// Changes need the version that was seen, if they name one.
	rec = s.ask(t, organizer, 200, "PUT", path, `{"title":"Grand Gala"}`, "If-Match", `"1"`)
	if !strings.HasPrefix(rec.Header().Get("ETag"), `"2.`) {
		t.Fatalf("ETag is %s", rec.Header().Get("ETag"))
	}
	for _, tag := range []string{`"1"`, `"x"`, `W/"2.0"`, `"-2"`} {
		s.ask(t, organizer, 412, "PUT", path, `{"title":"Old"}`, "If-Match", tag)
	}
	s.ask(t, organizer, 409, "PUT", path, `{"plan":{"template":"club","seats":100}}`)
	s.ask(t, organizer, 409, "PUT", path, `{"currency":"USD"}`)
	s.ask(t, nobody, 401, "PUT", path, `{"title":"x"}`)
	if got := decode[map[string]any](t, s.ask(t, nobody, 200, "GET", path, "")); got["title"] != "Grand Gala" {
		t.Fatalf("title is %v", got["title"])
	}

	s.clock = time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC)
	if got := decode[map[string]any](t, s.ask(t, nobody, 200, "GET", path, "")); got["status"] != "past" {
		t.Fatalf("the day after, status is %v", got["status"])
	}
	if got := decode[map[string]any](t, s.ask(t, organizer, 200, "DELETE", path, "")); got["status"] != "cancelled" {
		t.Fatalf("status is %v", got["status"])
	}
}

// Earlier versions stored attributes with half a surrogate pair as they were written.
// They are read with U+FFFD in its place, and can be sent back.
func TestAttributesOfEarlierVersions(t *testing.T) {
	s := newSite(t)
	path := "/events/" + decode[map[string]any](t, s.ask(t, organizer, 201, "POST", "/events", galaJSON))["id"].(string)
	err := s.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE events SET attributes = $1`, `{"a":"x\ud800y","\udc00":[1.50,"\ud83d\ude00"]}`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Attributes json.RawMessage `json:"attributes"`
	}
	read := func() string {
		got := decode[shown](t, s.ask(t, nobody, 200, "GET", path, "")).Attributes
		if err := codec.ReadKnown(got, new(any)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		return string(got)
	}
	got := read()
	if want := "{\"a\":\"x\ufffdy\",\"\ufffd\":[1.50,\"\U0001f600\"]}"; got != want {
		t.Errorf("attributes are %s, want %s", got, want)
	}
	s.ask(t, organizer, 200, "PUT", path, `{"attributes":`+got+`}`)
	if again := read(); again != got {
		t.Errorf("sent back, attributes are %s", again)
	}
}

func TestBadBodies(t *testing.T) {
	s := newSite(t)
	for name, edit := range map[string][2]string{
		"title":              {`"Gala"`, `7`},
		"tittle":             {`"title"`, `"tittle"`},
		"price":              {`"price":9000`, `"price":90.5`},
		"fees":               {`"fees":500`, `"fees":"500"`},
		"status":             {`"on_sale"`, `"past"`},
		"template":           {`"arena"`, `"tent"`},
		"attributes":         {`{"doors":"19:00"}`, `"doors"`},
		"time_zone":          {`"Europe/Berlin"`, `"Europe/Atlantis"`},
		"limit_per_customer": {`"title"`, `"limit_per_customer":0,"title"`},
		"categories":         {`["Floor"]`, `"Floor"`},
	} {
		rec := s.ask(t, organizer, 422, "POST", "/events", strings.Replace(galaJSON, edit[0], edit[1], 1))
		if !strings.Contains(rec.Body.String(), name) {
			t.Errorf("%s is not named: %s", name, rec.Body)
		}
		if s.booth.calls > 0 {
			t.Fatalf("%s: a refused event was handed over", name)
		}
	}
	for _, huge := range []string{`"price":1e30`, `"price":99999999999999999999`, `"price":-9000`} {
		r := httptest.NewRequestWithContext(caller.With(t.Context(), organizer), "POST", "/events", strings.NewReader(strings.Replace(galaJSON, `"price":9000`, huge, 1)))
		rec := httptest.NewRecorder()
		s.handler.ServeHTTP(rec, r)
		if rec.Code != 422 && rec.Code != 400 {
			t.Errorf("%s: %d %s", huge, rec.Code, rec.Body)
		}
	}
	s.ask(t, nobody, 401, "POST", "/events", galaJSON)
	s.ask(t, fan, 403, "POST", "/events", galaJSON)
}

func TestUnknownTimesAreNull(t *testing.T) {
	s := newSite(t)
	for _, when := range []string{`"event_time":null`, `"event_date":"2027-03-01"`} {
		body := strings.Replace(galaJSON, `"event_time":"2027-03-01T20:00:00+01:00"`, when, 1)
		got := decode[map[string]any](t, s.ask(t, organizer, 201, "POST", "/events", body))
		if v, there := got["event_time"]; v != nil || !there {
			t.Fatalf("%s: event_time is %v (%v), want null", when, v, there)
		}
	}
}

func TestListOverHTTP(t *testing.T) {
	s := newSite(t)
	for day := range 5 {
		s.create(t, func(in *eventapi.NewEvent) { in.EventTime = ptr(fmt.Sprintf("2027-03-%02dT20:00", day+1)) })
	}
	type page struct {
		Items      []map[string]any `json:"items"`
		NextCursor string           `json:"next_cursor"`
	}
	var days []any
	cursor := ""
	for {
		p := decode[page](t, s.ask(t, nobody, 200, "GET", "/events?limit=2&cursor="+cursor, ""))
		for _, e := range p.Items {
			days = append(days, e["event_date"])
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if fmt.Sprint(days) != "[2027-03-01 2027-03-02 2027-03-03 2027-03-04 2027-03-05]" {
		t.Fatalf("listed %v", days)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "status=open", "cursor=x", "from=yesterday"} {
		s.ask(t, nobody, 422, "GET", "/events?"+query, "")
	}
	if p := decode[page](t, s.ask(t, nobody, 200, "GET", "/events?status=past", "")); len(p.Items) != 0 || p.Items == nil {
		t.Fatalf("no events are %v, want an empty list", p.Items)
	}
}

func TestPlanOverHTTP(t *testing.T) {
	s := newSite(t)
	e := s.create(t, nil)
	path := "/events/" + e.ID + "/plan"
	rec := s.ask(t, nobody, 200, "GET", path, "")
	etag := rec.Header().Get("ETag")
	if etag == "" || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") || !strings.HasPrefix(rec.Header().Get("Cache-Control"), "public, max-age=") {
		t.Fatalf("headers are %v", rec.Header())
	}
	got := decode[struct {
		ID         string             `json:"id"`
		Categories []seating.Category `json:"categories"`
		Sections   []seating.Section  `json:"sections"`
		Seats      []planSeat         `json:"seats"`
	}](t, rec)
	if got.ID != e.PlanID || len(got.Seats) != 100 || got.Seats[0].Label != "PR-A-1" || len(got.Sections) == 0 || len(got.Categories) == 0 {
		t.Fatalf("plan is %.300s", rec.Body)
	}
	// Clients that show no map need not know where seats are drawn.
	short := s.ask(t, nobody, 200, "GET", path+"?drawn=false", "")
	if short.Header().Get("ETag") == etag || short.Body.Len() >= rec.Body.Len() {
		t.Errorf("undrawn: %d bytes of %d, %v", short.Body.Len(), rec.Body.Len(), short.Header())
	}
	undrawn := decode[struct {
		Seats []planSeat `json:"seats"`
	}](t, short)
	for i := range got.Seats {
		want := got.Seats[i]
		want.X, want.Y = 0, 0
		if undrawn.Seats[i] != want {
			t.Fatalf("seat %d is %+v, want %+v", i, undrawn.Seats[i], want)
		}
	}
	s.ask(t, nobody, 422, "GET", path+"?drawn=perhaps", "")

	// By the address of the event's answer it may be kept for good.
	named := decode[map[string]any](t, s.ask(t, nobody, 200, "GET", "/events/"+e.ID, ""))["plan"].(map[string]any)["url"].(string)
	if rec := s.ask(t, nobody, 200, "GET", named, ""); !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("headers are %v", rec.Header())
	}
	s.ask(t, nobody, 404, "GET", "/events/none/plan", "")

	draft := s.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	s.ask(t, nobody, 404, "GET", "/events/"+draft.ID+"/plan", "")
	if rec := s.ask(t, organizer, 200, "GET", "/events/"+draft.ID+"/plan", ""); !strings.HasPrefix(rec.Header().Get("Cache-Control"), "private") {
		t.Fatalf("headers are %v", rec.Header())
	}
	if rec := s.ask(t, organizer, 200, "GET", "/events/"+draft.ID, ""); rec.Header().Get("Cache-Control") != "private, no-store" {
		t.Fatalf("headers are %v", rec.Header())
	}
}

func BenchmarkEventPage(b *testing.B) {
	s := newSite(b)
	e := s.create(b, nil)
	for b.Loop() {
		s.ask(b, nobody, 200, "GET", "/events/"+e.ID, "")
	}
}
