package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// ways are the two paths to a node over connections of their own.
type ways struct {
	*house
	addr string
}

func newWays(t *testing.T, change ...func(*settings.Server)) *ways {
	t.Helper()
	w := &ways{house: newHouse(t, change...)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	go w.door.Serve(l) //nolint:errcheck // until the node is shut down
	t.Cleanup(func() {
		if err := w.door.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *ways) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, bufio.NewReader(c)
}

// short is how many requests have been answered on the fast path so far.
func (w *ways) short(t *testing.T) int {
	t.Helper()
	list, err := w.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.GetName() == "boxoffice_http_requests_short_total" {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatal("nobody counts the requests that are answered on the fast path")
	return 0
}

type wayReply struct {
	*http.Response
	body  string
	short int // requests that were answered on the fast path
}

// send sends a request as it is.
func (w *ways) send(t *testing.T, c net.Conn, in *bufio.Reader, text string) wayReply {
	t.Helper()
	before := w.short(t)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%v after %q", err, text)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return wayReply{res, string(body), w.short(t) - before}
}

// once sends a request over a connection of its own.
func (w *ways) once(t *testing.T, text string) wayReply {
	t.Helper()
	c, in := w.dial(t)
	defer c.Close()
	return w.send(t, c, in, text)
}

// plain is a request in the plain form.
func (w *ways) plain(as userapi.Fan, method, path, body string, headers ...string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: " + w.addr + "\r\n"
	if as.Token != "" {
		text += "Authorization: Bearer " + as.Token + "\r\n"
	}
	for i := 0; i+1 < len(headers); i += 2 {
		text += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// odd asks for the same in other words, which mean the same to the ordinary path.
var odd = map[string]func(string) string{
	"a preference": func(text string) string {
		return strings.Replace(text, "\r\n", "\r\nAccept: application/json;q=0.9\r\n", 1)
	},
	"absolute form": func(text string) string {
		_, host, _ := strings.Cut(text, "Host: ")
		host, _, _ = strings.Cut(host, "\r\n")
		return strings.Replace(text, " /", " http://"+host+"/", 1)
	},
	"bare line feeds": func(text string) string {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
	},
	"a fold": func(text string) string { return strings.Replace(text, "X-Request-Id: ", "X-Request-Id:\r\n ", 1) },
	"an escape": func(text string) string {
		if strings.HasPrefix(text, "GET") {
			return strings.Replace(text, "form=", "f%6Frm=", 1)
		}
		if strings.HasSuffix(text, "\r\n\r\n") {
			return text
		}
		return relength(strings.Replace(text, `_id":"0`, `_id":"\u0030`, 1))
	},
	"a charset": func(text string) string {
		return strings.Replace(text, "Type: application/json\r\n", "Type: application/json; charset=utf-8\r\nTE: trailers\r\n", 1)
	},
	"chunks": func(text string) string {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		if body == "" {
			return strings.Replace(text, "\r\n", "\r\nTE: trailers\r\n", 1)
		}
		head = head[:strings.Index(head, "Content-Length")]
		return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, body[:1], len(body)-1, body[1:])
	},
}

// relength makes a request say how long its body is.
func relength(text string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head[:strings.Index(head, "Content-Length")], len(body), body)
}

// both asks for the same in all manners, and fails unless the answers are the
// same, the plain one's by the fast path and the others' by the ordinary one.
func (w *ways) both(t *testing.T, want int, as userapi.Fan, method, path, body string, headers ...string) wayReply {
	t.Helper()
	headers = append([]string{"X-Request-Id", "the-same-id"}, headers...)
	text := w.plain(as, method, path, body, headers...)
	short := w.once(t, text)
	if short.StatusCode != want || short.short != 1 || short.Header.Get("X-Request-Id") != "the-same-id" {
		t.Errorf("%s %s: %d %s, %d on the fast path", method, path, short.StatusCode, short.body, short.short)
	}
	for name, change := range odd {
		other := change(text)
		if other == text {
			continue
		}
		long := w.once(t, other)
		if long.short != 0 {
			t.Errorf("%s %s with %s were answered on the fast path", method, path, name)
		}
		if short.StatusCode != long.StatusCode || short.body != long.body {
			t.Errorf("%s %s with %s: %d %q, the fast path %d %q", method, path, name, long.StatusCode, long.body, short.StatusCode, short.body)
		}
		if s, l := lasting(short.Header), lasting(long.Header); !maps.EqualFunc(s, l, slices.Equal) {
			t.Errorf("%s %s with %s: %v, the fast path %v", method, path, name, l, s)
		}
	}
	return short
}

// lasting are the headers that the same request gets again.
func lasting(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	if rest := h.Get("RateLimit"); rest != "" {
		name, _, _ := strings.Cut(rest, ";")
		h.Set("RateLimit", name) // what is left changes
	}
	for _, values := range h {
		slices.Sort(values)
	}
	return h
}

// The fast path and the ordinary path answer the same.
func TestFastPathAnswersLikeHuma(t *testing.T) {
	h := newWays(t)
	fan, organizer := h.account(t, caller.Customer), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	hold := func(rest string) string { return fmt.Sprintf(`{"event_id":%q,%s}`, event, rest) }
	key := func(k string) []string { return []string{"Idempotency-Key", k} }

	h.both(t, 422, fan, "POST", "/bookings", hold(`"seats":["nowhere"]`), key("k0")...)
	h.both(t, 422, fan, "POST", "/bookings", hold(`"seats":["x"],"quantity":2`), key("k0")...)
	h.both(t, 404, fan, "POST", "/bookings", `{"event_id":"06a1b2c3d4e5f6g7","quantity":1}`, key("k0")...)
	held := h.both(t, 201, fan, "POST", "/bookings", hold(`"quantity":2`), key("k1")...)
	if !strings.HasSuffix(held.body, "}\n") || held.Header.Get("ETag") == "" {
		t.Fatalf("%v %s", held.Header, held.body)
	}
	h.both(t, 422, fan, "POST", "/bookings", hold(`"quantity":3`), key("k1")...) // another wish with the same key
	booking := strings.TrimPrefix(held.Header.Get("Location"), "/bookings/")
	pay := func(method string) string { return fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method) }
	h.both(t, 402, fan, "POST", "/payments", pay(paymentapi.SandboxDecline), key("k2")...)
	over := func(amount string) string {
		return fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok","amount":%s}`, booking, amount)
	}
	h.both(t, 409, fan, "POST", "/payments", over("9999"), key("k2a")...)
	if got := h.once(t, h.plain(fan, "POST", "/payments", over("0"))); got.StatusCode != 409 {
		t.Errorf("over nothing: %d %s", got.StatusCode, got.body)
	}
	h.both(t, 201, fan, "POST", "/payments", over("10000"), key("k3")...)
	for path, body := range map[string]string{"/bookings": hold(`"section":"4111111111111111","quantity":1`), "/payments": pay("4111111111111111")} {
		if got := h.once(t, h.plain(fan, "POST", path, body)); got.StatusCode != 422 || got.short != 0 || !strings.Contains(got.body, "card number") {
			t.Errorf("a card number for %s: %d %s, %d on the fast path", path, got.StatusCode, got.body, got.short)
		}
	}
	h.both(t, 422, fan, "POST", "/payments", `{"booking_id":"06a1b2c3d4e5f6g7","method":"tok_ok"}`, key("k5")...)

	h.both(t, 200, fan, "GET", "/payments/booking/"+booking, "")
	h.both(t, 200, organizer, "GET", "/payments/booking/"+booking, "")
	h.both(t, 404, fan, "GET", "/payments/booking/06a1b2c3d4e5f6g7", "")
	h.both(t, 401, userapi.Fan{}, "DELETE", "/bookings/"+booking, "")
	h.both(t, 412, fan, "DELETE", "/bookings/"+booking, "", "If-Match", `"99999"`)
	taken := h.must(t, organizer, "GET", "/bookings/"+booking, "", "seat_number")
	other := h.account(t, caller.Customer)
	h.both(t, 409, other, "POST", "/bookings", hold(fmt.Sprintf(`"seats":[%q]`, taken)), key("k6")...)
	h.both(t, 404, other, "POST", "/payments", pay(paymentapi.SandboxOK), key("k7")...)
	h.both(t, 404, other, "GET", "/payments/booking/"+booking, "")
	h.both(t, 404, other, "DELETE", "/bookings/"+booking, "")
	mine := h.must(t, other, "POST", "/bookings", hold(`"quantity":1`), "id")
	gone := h.once(t, h.plain(other, "DELETE", "/bookings/"+mine, ""))
	if gone.StatusCode != 200 || gone.short != 1 || !strings.Contains(gone.body, `"cancelled"`) || gone.Header.Get("Location") != "" {
		t.Errorf("given up: %d %v %s, %d on the fast path", gone.StatusCode, gone.Header, gone.body, gone.short)
	}
	h.both(t, 401, userapi.Fan{}, "POST", "/bookings", hold(`"quantity":2`))
	h.both(t, 401, userapi.Fan{Token: "nobody"}, "POST", "/payments", pay(paymentapi.SandboxOK))

	h.Bookings.Close()
	h.both(t, 503, other, "POST", "/bookings", hold(`"quantity":1`), key("k8")...)
}

// A precondition of a change is refused by the ordinary path, whatever else the request
// looks like, and nothing is held or paid.
func TestPreconditionsAreHandedOver(t *testing.T) {
	h := newWays(t)
	fan, organizer := h.account(t, caller.Customer), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	hold := fmt.Sprintf(`{"event_id":%q,"quantity":2}`, event)
	pay := fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, h.must(t, fan, "POST", "/bookings", hold, "id"))
	for path, body := range map[string]string{"/bookings": hold, "/payments": pay} {
		for _, header := range []string{"If-Match", "If-None-Match"} {
			got := h.once(t, h.plain(fan, "POST", path, body, header, `"1"`))
			if got.StatusCode != 412 || got.short != 0 || !strings.Contains(got.body, "version-differs") {
				t.Errorf("%s with %s: %d %s, %d on the fast path", path, header, got.StatusCode, got.body, got.short)
			}
		}
	}
	if got := h.once(t, h.plain(fan, "POST", "/payments", pay, "If-None-Match", "*")); got.StatusCode != 412 || got.short != 0 {
		t.Errorf("any version: %d %s, %d on the fast path", got.StatusCode, got.body, got.short)
	}
	h.both(t, 201, fan, "POST", "/payments", pay, "Idempotency-Key", "k")
}

// So they do when asked for seats.
func TestFastPathOfSeats(t *testing.T) {
	h := newWays(t)
	fan, organizer := h.account(t, caller.Customer), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	draft := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "draft"), "id")
	h.must(t, fan, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":2}`, event), "id")
	sections, err := h.Bookings.Sections(t.Context(), caller.Caller{}, event)
	if err != nil {
		t.Fatal(err)
	}
	seats := "/events/" + event + "/seats"
	for _, as := range []userapi.Fan{{}, fan} {
		h.both(t, 422, as, "GET", seats+"?section=nowhere", "")
		h.both(t, 422, as, "GET", seats+"?form=compact&section=nowhere", "")
		h.both(t, 404, as, "GET", "/events/06a1b2c3d4e5f6g7/seats", "")
		h.both(t, 404, as, "GET", "/events/"+draft+"/seats?form=compact", "")
		for _, path := range []string{seats, seats + "?", seats + "?form=compact", seats + "?section=" + sections[0].ID, seats + "?form=compact&section=" + sections[0].ID} {
			for _, coding := range []string{"", "gzip", "br", "br, gzip;q=0.5"} {
				headers := []string{"Accept-Encoding", coding}
				if coding == "" {
					headers = nil
				}
				got := h.both(t, 200, as, "GET", path, "", headers...)
				zipped := strings.HasSuffix(path, "=compact") && strings.Contains(coding, "gzip")
				if (got.Header.Get("Content-Encoding") == "gzip") != zipped || got.Header.Get("Vary") != "Accept-Encoding" {
					t.Errorf("%s, %q: %v", path, coding, got.Header)
				}
				tag := got.Header.Get("ETag")
				for list, status := range map[string]int{tag: 304, `"0"`: 200} {
					if got := h.both(t, status, as, "GET", path, "", append(headers, "If-None-Match", list)...); status == 304 && got.body != "" {
						t.Errorf("304 with %q", got.body)
					}
				}
			}
		}
	}
	h.both(t, 200, organizer, "GET", "/events/"+draft+"/seats?form=compact", "")
	h.both(t, 401, userapi.Fan{Token: "nobody"}, "GET", seats, "")
	h.both(t, 200, fan, "GET", seats+"?after=1", "")
	h.both(t, 200, fan, "GET", seats+"?after=1&form=compact", "")
	// Whatever else may be asked takes the ordinary path.
	for path, status := range map[string]int{"?after=x": 422, "?form=huge": 422, "?form=compact&form=compact": 200, "?other=1": 200, "?section=%4F": 422, "?section=": 200} {
		if got := h.once(t, h.plain(fan, "GET", seats+path, "")); got.StatusCode != status || got.short != 0 {
			t.Errorf("%s: %d %s, %d on the fast path", path, got.StatusCode, got.body, got.short)
		}
	}
	if got := h.once(t, h.plain(fan, "GET", seats, "", "Cookie", "a=b")); got.StatusCode != 200 || got.short != 1 {
		t.Errorf("a cookie that does not count: %d, %d on the fast path", got.StatusCode, got.short)
	}
	if got := h.once(t, h.plain(userapi.Fan{}, "GET", seats, "", "Cookie", "a=b")); got.StatusCode != 200 || got.short != 1 {
		t.Errorf("a cookie that may count: %d, %d on the fast path", got.StatusCode, got.short)
	}
}

// So they do when asked for an event.
func TestFastPathOfEvents(t *testing.T) {
	h := newWays(t)
	fan, organizer := h.account(t, caller.Customer), h.account(t, caller.Organizer)
	event := "/events/" + h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	draft := "/events/" + h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "draft"), "id")
	for _, as := range []userapi.Fan{{}, fan} {
		got := h.both(t, 200, as, "GET", event, "")
		h.both(t, 304, as, "GET", event, "", "If-None-Match", got.Header.Get("ETag"))
		h.both(t, 404, as, "GET", draft, "")
		h.both(t, 404, as, "GET", "/events/06a1b2c3d4e5f6g7", "")
		h.both(t, 404, as, "GET", "/events/nowhere", "")
	}
	h.both(t, 200, organizer, "GET", draft, "")
	for path, status := range map[string]int{event + "?a=b": 200, "/events/search": 200} {
		if got := h.once(t, h.plain(fan, "GET", path, "")); got.StatusCode != status || got.short != 0 {
			t.Errorf("%s: %d %s, %d on the fast path", path, got.StatusCode, got.body, got.short)
		}
	}
}

// Limits, proxies and other sites are for both ways.
func TestFastPathKeepsLimits(t *testing.T) {
	h := newWays(t, func(s *settings.Server) {
		s.RateLimit, s.Proxies, s.Origins, s.PublicURL = 50, []string{"127.0.0.0/8"}, []string{"https://shop.example"}, "https://tickets.example"
	})
	event := h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	seats := "/events/" + event + "/seats?form=compact"
	got := h.both(t, 200, userapi.Fan{}, "GET", seats, "", "X-Forwarded-For", "203.0.113.1, 198.51.100.9")
	if vary := got.Header["Vary"]; len(vary) != 1 || vary[0] != "Accept-Encoding, Origin" || got.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%v", got.Header)
	}
	for allow, origin := range map[string]string{"https://shop.example": "https://shop.example", "": "https://evil.example"} {
		got := h.once(t, h.plain(userapi.Fan{}, "GET", seats, "", "Origin", origin))
		if got.short != 0 || got.Header.Get("Access-Control-Allow-Origin") != allow || !slices.Equal(got.Header["Vary"], []string{"Accept-Encoding, Origin"}) {
			t.Errorf("from %s: %d on the fast path, %v", origin, got.short, got.Header)
		}
	}
	// So few are allowed that a slow machine is too fast for them, too.
	h = newWays(t, func(s *settings.Server) { s.RateLimit, s.Proxies = 2, []string{"127.0.0.0/8"} })
	event = h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	seats = "/events/" + event + "/seats?form=compact"
	many := func(from string) (refused bool) {
		c, in := h.dial(t)
		for range 10000 {
			if got := h.send(t, c, in, h.plain(userapi.Fan{}, "GET", seats, "", "X-Forwarded-For", from)); got.StatusCode == 429 {
				return true
			}
		}
		return false
	}
	if !many("198.51.100.7") {
		t.Fatal("nobody is limited")
	}
	if got := h.once(t, h.plain(userapi.Fan{}, "GET", seats, "", "X-Forwarded-For", "198.51.100.8")); got.StatusCode != 200 {
		t.Errorf("somebody else: %d", got.StatusCode)
	}
}
