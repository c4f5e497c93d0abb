package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
	"boxoffice/test/proxies"
)

// Caches as people set them up, and a little more eager: Varnish looks into its
// cache for those who have a cookie or a token, too. Both keep everything that
// they are not told to leave alone.
var caches = map[string]string{
	"nginx": `pid DIR/pid;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
	proxy_cache_path DIR/cache keys_zone=all:1m;
	server {
		listen ADDR;
		location / {
			proxy_pass http://ORIGIN;
			proxy_cache all;
			proxy_cache_valid any 1m;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}`,
	"varnishd": `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "ORIGINPORT"; }
sub vcl_recv {
	if (req.method == "GET" || req.method == "HEAD") { return (hash); }
	return (pass);
}
sub vcl_backend_response { set beresp.grace = 1m; }`,
}

// shareable are the routes of which caches may keep answers.
var shareable = []string{
	"GET /events", "GET /events/search", "GET /events/{id}", "GET /events/{id}/plan", "GET /events/{id}/seats", "GET /docs",
	"GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml", "GET /problems", "GET /problems/{slug}",
	"GET /", "GET /search", "GET /developers", "GET /e/{id}", "GET /e/{id}/{slug}", "GET /e/{id}/poster.svg", "GET /e/{id}/og.png",
	"GET /e/{id}/calendar.ics", "GET /calendar.ics", "GET /robots.txt", "GET /sitemap.xml", "GET /tickets/keys.json",
	"GET /offline", "GET /sw.js", "GET /favicon.ico", "GET /manifest.webmanifest", "GET /assets/{name}",
}

// cached is a node behind a cache.
type cached struct {
	*ways
	cache string // its address
	asked int
}

func newCached(t *testing.T, server string) *cached {
	t.Helper()
	w := newWays(t)
	_, port, _ := strings.Cut(w.addr, ":")
	fill := strings.NewReplacer("ORIGINPORT", port, "ORIGIN", w.addr)
	return &cached{ways: w, cache: proxies.Start(t, server, fill.Replace(caches[server])).Addr}
}

type answer struct {
	status int
	header http.Header
	body   string
	own    bool // made for this request
}

// get asks through the cache.
func (c *cached) get(t *testing.T, as userapi.Fan, byCookie bool, path string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.cache+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.asked++
	id := fmt.Sprintf("request-%d", c.asked)
	r.Header.Set("X-Request-Id", id)
	switch {
	case as.Token == "":
	case byCookie:
		r.Header.Set("Cookie", "session="+as.Token)
	default:
		r.Header.Set("Authorization", "Bearer "+as.Token)
	}
	res, err := http.DefaultTransport.RoundTrip(r) // redirects are answers
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Header.Get("X-Request-Id") == id}
}

// TestCaches asks for everything there is, as everybody, through ordinary caches:
// whoever has something of their own is answered before those who have not, and
// nobody is given what was made for another. What may be shared is kept.
func TestCaches(t *testing.T) {
	if testing.Short() {
		t.Skip("needs nginx and Varnish")
	}
	for server := range caches {
		t.Run(server, func(t *testing.T) {
			c := newCached(t, server)
			kept := 0
			for _, route := range c.door.Routes() {
				method, path, _ := strings.Cut(route, " ")
				if method != http.MethodGet || strings.HasSuffix(path, "/live") {
					continue
				}
				kept += c.walk(t, "GET "+path, false) + c.walk(t, "GET "+path, true)
			}
			if kept < 20 {
				t.Errorf("only %d answers came out of the cache", kept)
			}
		})
	}
}

// walk asks for one route, and counts the answers that came out of the cache.
func (c *cached) walk(t *testing.T, route string, byCookie bool) (kept int) {
	t.Helper()
	s := c.scene(t, route, "on_sale")
	path, want := s.path(route), rights[route]
	if want == "" {
		want = pageRights[route]
	}
	statuses := strings.Fields(want)
	for _, i := range []int{2, 3, 5, 1, 4, 0, 0, 2} { // the owner, the organizer and an admin first
		a := c.get(t, s.people[i], byCookie, path)
		caching := a.header.Get("Cache-Control")
		if !a.own {
			kept++
		}
		switch {
		case caching == "":
			t.Errorf("%s as %s says nothing to caches", route, who[i])
		case !a.own && (!slices.Contains(shareable, route) || !strings.HasPrefix(caching, "public") && caching != "no-cache"):
			t.Errorf("%s as %s was kept for others (%s)", route, who[i], caching)
		case !a.own && (strings.Contains(a.body, "/sign-out") || s.booking != "" && strings.Contains(a.body, s.booking) || strings.Contains(a.body, s.people[2].UserID)):
			t.Errorf("%s as %s is somebody's own page: %s", route, who[i], a.body)
		case byCookie: // what the API answers to a cookie is another matter
		case fmt.Sprint(a.status) != statuses[i]:
			t.Errorf("%s as %s: %d, want %s (%s)", route, who[i], a.status, statuses[i], a.body)
		}
	}
	return kept
}

// A signed link to an order shows how things are, whatever lies between.
func TestCachedLinkIsNotStale(t *testing.T) {
	if testing.Short() {
		t.Skip("needs nginx and Varnish")
	}
	for server := range caches {
		t.Run(server, func(t *testing.T) {
			c := newCached(t, server)
			s := c.scene(t, "GET /bookings/{id}", "on_sale")
			link := c.must(t, s.people[2], "GET", "/bookings/"+s.booking, "", "link")
			_, token, ok := strings.Cut(link, "?")
			if !ok {
				t.Fatalf("link %q", link)
			}
			status := func() (string, string) {
				var doc struct{ Status string }
				api := c.get(t, userapi.Fan{}, false, "/bookings/"+s.booking+"?"+token)
				if err := json.Unmarshal([]byte(api.body), &doc); err != nil {
					t.Fatalf("%d %s", api.status, api.body)
				}
				return doc.Status, c.get(t, userapi.Fan{}, false, "/orders/"+s.booking+"?"+token).body
			}
			before, page := status()
			if before != "booked" || strings.Contains(page, "has been cancelled") {
				t.Fatalf("%s %s", before, page)
			}
			if _, err := c.Bookings.Cancel(context.WithoutCancel(t.Context()), caller.Caller{UserID: s.people[2].UserID, Role: caller.Customer}, bookingapi.Cancellation{BookingID: s.booking}); err != nil {
				t.Fatal(err)
			}
			if after, now := status(); after != "cancelled" || now == page {
				t.Errorf("%s after it was cancelled", after)
			}
		})
	}
}

// Every answer says what caches may do with it; none that failed may be kept.
func TestAnswersArePrivate(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/nowhere", "private, no-store"}, {"GET", "/events/0000000000000000", "private, no-store"}, {"PATCH", "/events", "private, no-store"},
		{"POST", "/bookings", "private, no-store"}, {"GET", "/bookings", "private, no-store"}, {"GET", "/e/0000000000000000/x", "private, no-store"},
		{"GET", "/healthz", "private, no-store"}, {"GET", "/readyz", "private, no-store"}, {"GET", "/account", "private, no-store"}, {"GET", "/sign-in", "private, no-store"},
		{"GET", "/?lang=de", "private, no-store"}, {"GET", "/", "public"}, {"GET", "/events", "public"},
	} {
		if got := h.ask(t, userapi.Fan{}, c.method, c.path, "").Header().Get("Cache-Control"); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, want %s", c.method, c.path, got, c.want)
		}
	}
	// Answers with a token, too.
	guest := h.ask(t, userapi.Fan{}, "POST", "/users/guest", `{"name":"Gus","email":"gus@example.org"}`)
	if got := guest.Header().Get("Cache-Control"); guest.Code != 201 || got != "private, no-store" {
		t.Errorf("entering as a guest: %d %q", guest.Code, got)
	}
	organizer := h.account(t, caller.Organizer)
	draft := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "draft"), "id")
	for _, path := range []string{"/events/" + draft, "/events/" + draft + "/plan", "/events/" + draft + "/seats", "/events/" + draft + "/seats?form=compact", "/e/" + draft + "/gala", "/e/" + draft + "/poster.svg"} {
		if got := h.ask(t, organizer, "GET", path, ""); got.Code != 200 || !strings.Contains(got.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("%s of a draft: %d %q", path, got.Code, got.Header().Get("Cache-Control"))
		}
	}
}
