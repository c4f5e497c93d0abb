package event

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// However many faults there are, an answer names a limited number of them, briefly.
func TestFaultsAreBounded(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*eventapi.NewEvent){
		"sections": func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "A", Price: 1}}
			for i := range 2000 {
				in.Tiers[0].Sections = append(in.Tiers[0].Sections, strings.Repeat("x", 1000)+fmt.Sprint(i))
			}
		},
		"tiers": func(in *eventapi.NewEvent) { in.Price, in.Tiers = nil, make([]eventapi.NewTier, seating.MaxTiers) },
		"names": func(in *eventapi.NewEvent) {
			in.Price, in.Tiers = nil, []eventapi.NewTier{{Name: "A", Price: 1, Sections: make([]string, 100_000)}}
		},
		"plan": func(in *eventapi.NewEvent) {
			in.Plan = eventapi.PlanChoice{Document: &seating.PlanDocument{Name: "x", Categories: []seating.Category{{Name: "A"}},
				Sections: []seating.SectionDocument{{ID: "a", Category: strings.Repeat("y", 100_000), Capacity: 1}}}}
		},
	} {
		in := gala()
		change(&in)
		_, err := w.add(t.Context(), organizer, "", in)
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Invalid || len(e.Fields) > check.MaxFaults || len(err.Error()) > 20_000 {
			t.Errorf("%s: %d faults, %.200v", name, len(e.Fields), err)
		}
	}
}

// A repeated request with the same key creates no second event.
func TestIdempotencyKey(t *testing.T) {
	s := newSite(t)
	const body = `{"title":"Gala","event_time":"2027-03-01T20:00:00Z","venue":{"name":"Hall","time_zone":"Europe/Berlin"},"plan":{"template":"club","seats":100},
		"currency":"EUR","tiers":[{"name":"A","face":1000}],"fee_rules":{"fee_rate":100}}`
	send := func(c caller.Caller, status int, key, body string) string {
		t.Helper()
		return s.ask(t, c, status, http.MethodPost, "/events", body, "Idempotency-Key", key).Header().Get("Location")
	}
	first := send(organizer, 201, "k1", body)
	if again := send(organizer, 201, "k1", body); again != first || first == "" {
		t.Errorf("sent again: %s, before %s", again, first)
	}
	if other := send(organizer, 201, "k2", body); other == first {
		t.Error("another key, and the same event")
	}
	if other := send(rival, 201, "k1", body); other == first {
		t.Error("another organizer, and the same event")
	}
	send(organizer, 422, "k1", strings.Replace(body, "Gala", "Ball", 1))
	s.ask(t, organizer, 200, http.MethodDelete, first, "")
	if again := send(organizer, 201, "k1", body); again != first {
		t.Error("a cancelled event is made again")
	}
	done := make(chan string, 8)
	for range cap(done) {
		go func() {
			rec := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(caller.With(t.Context(), organizer), http.MethodPost, "/events", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", "k3")
			s.handler.ServeHTTP(rec, r)
			done <- fmt.Sprint(rec.Code, rec.Header().Get("Location"))
		}()
	}
	one := <-done
	for range cap(done) - 1 {
		if other := <-done; other != one || !strings.HasPrefix(one, "201") {
			t.Errorf("%s and %s", one, other)
		}
	}
}

// If-Match may name several versions; it is enough if one of them matches.
func TestIfMatchOfEvents(t *testing.T) {
	s := newSite(t)
	e := s.create(t, nil)
	put := func(status int, match string) {
		t.Helper()
		s.ask(t, organizer, status, http.MethodPut, "/events/"+e.ID, `{"category":"Music"}`, "If-Match", match)
	}
	put(200, `"1"`)
	put(412, `"1"`)
	put(412, `W/"2"`)
	put(412, `"7", "8"`)
	put(200, `"1.5", W/"2", "2.0-gzip"`)
	put(200, `*`)
	s.ask(t, rival, http.StatusNotFound, http.MethodPut, "/events/"+e.ID, `{}`, "If-Match", `"1", "2"`)
}

// Empty lists are encoded as [], not null.
func TestListsAreNeverNull(t *testing.T) {
	s := newSite(t)
	s.ask(t, nobody, 200, http.MethodGet, "/events", "")
	e := s.create(t, func(in *eventapi.NewEvent) { in.Currency, in.Price, in.Status = "", nil, eventapi.Published })
	null := regexp.MustCompile(`"(items|tiers|category|city|seats|sections|categories|changes|rows)":null`)
	for _, path := range []string{"/events", "/events?q=nothing", "/events/search?q=nothing", "/events/search", "/events/" + e.ID, "/events/" + e.ID + "/plan"} {
		if body := s.ask(t, nobody, 200, http.MethodGet, path, "").Body.String(); null.MatchString(body) {
			t.Errorf("%s: %.300s", path, body)
		}
	}
}

// Answers about an event that only its organizer may see must not be cached, even if the
// event was cancelled before it was public.
func TestDraftsAreNotCached(t *testing.T) {
	s := newSite(t)
	e := s.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	look := func() {
		t.Helper()
		for _, path := range []string{"", "/plan", "/plan?version=" + e.PlanID + "-1"} {
			s.ask(t, nobody, http.StatusNotFound, http.MethodGet, "/events/"+e.ID+path, "")
			if got := s.ask(t, organizer, 200, http.MethodGet, "/events/"+e.ID+path, "").Header().Get("Cache-Control"); got != "private, no-store" {
				t.Errorf("%s: %s", path, got)
			}
		}
		shown, err := s.show(t.Context(), &e)
		if err != nil || !shown.Private {
			t.Errorf("%+v %v", shown, err)
		}
	}
	look()
	s.ask(t, organizer, 200, http.MethodDelete, "/events/"+e.ID, "")
	e, _ = s.read(t.Context(), e.ID)
	look()
}
