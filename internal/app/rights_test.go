package app

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/gateway"
	"boxoffice/internal/gateway/gatewaytest"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/user"
	"boxoffice/internal/userapi"
)

// house is a whole node in this process, without a network.
type house struct {
	*Parts
	door *gateway.Gateway
	made int

	twoFactor bool // accounts have a second factor
}

// cheap makes hashes of passwords quick, for tests that are not about their
// strength. internal/user tests the cost that the program uses.
var cheap = user.Hashing{Memory: 8, Time: 1}

func newHouse(t *testing.T, change ...func(*settings.Server)) *house {
	t.Helper()
	return newHouseWith(t, Config{}, change...)
}

// newHouseWith is newHouse with some of what the services are built with.
func newHouseWith(t *testing.T, cfg Config, change ...func(*settings.Server)) *house {
	t.Helper()
	s := &settings.Server{Storage: settings.Storage{Data: t.TempDir()}}
	for _, f := range change {
		f(s)
	}
	if sqldbtest.OnPostgres(t) {
		s.DatabaseURL = sqldbtest.Postgres(t)
	}
	db, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cfg.Log, cfg.Hashing, cfg.TwoFactor = log, cheap, s.TwoFactor
	cfg.Payments = cmp.Or(cfg.Payments, "sandbox")
	p, err := Build(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	g, err := p.faces(s, "", true, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	return &house{Parts: p, door: g}
}

// account is a new account with a session.
func (h *house) account(t *testing.T, role caller.Role) userapi.Fan {
	t.Helper()
	fans, err := h.Users.CreateFans(t.Context(), 1, role, false)
	if err != nil {
		t.Fatal(err)
	}
	if h.twoFactor {
		h.write(t, `UPDATE users SET totp_active = TRUE WHERE id = $1`, fans[0].UserID)
	}
	return fans[0]
}

// write changes a row of the database.
func (h *house) write(t *testing.T, text string, args ...any) {
	t.Helper()
	err := h.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends a request as an account; a form when the body does not look like JSON.
func (h *house) ask(t *testing.T, as userapi.Fan, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	ctx := t.Context()
	leave := func() {}
	if strings.HasSuffix(path, "/live") { // it goes on for ever
		ctx, leave = context.WithCancel(ctx)
		defer leave()
	}
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[body[0] == '{'])
	}
	if as.Token != "" {
		r.Header.Set("Authorization", "Bearer "+as.Token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.door.Handler().ServeHTTP(glance{w, leave}, r)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") { // of pages
		if err := gatewaytest.Named(h.door.API().OpenAPI(), method, path, w.Code, w.Body.Bytes()); err != nil {
			t.Error(err)
		}
	}
	return w
}

// glance records an answer, and leaves once it begins.
type glance struct {
	*httptest.ResponseRecorder
	leave func()
}

func (g glance) WriteHeader(status int) {
	g.ResponseRecorder.WriteHeader(status)
	g.leave()
}

// must is ask for something that has to succeed; it answers a field of the answer.
func (h *house) must(t *testing.T, as userapi.Fan, method, path, body, field string) string {
	t.Helper()
	w := h.ask(t, as, method, path, body)
	var doc map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	text, _ := doc[field].(string)
	return text
}

const eventJSON = `{"title":"Gala","event_time":"2099-03-01T20:00:00Z","venue":{"name":"Hall","time_zone":"Europe/Berlin"},
	"plan":{"template":"theatre","seats":100},"currency":"EUR","price":5000,"status":%q}`

// scene is what one request is about: things of one owner, an event of one
// organizer, and people who have nothing to do with them.
type scene struct {
	people                           []userapi.Fan // as in who
	event, booking, payment, session string
	webhook, message                 string
	announcement, day                string
	invoice                          string // its number
	device                           string // at the event's door
	seat                             string // label of the booking's
}

const aDoor = `{"entrances":[{"id":"main","name":"Main entrance"}],"reentry":"after-exit","alone":"admit","names":true}`

const aSeller = `{"name":"Stadttheater","street":"Theaterplatz 1","city":"Berlin","country":"DE","vat_number":"DE136695976","tax_rate":700}`

const anAnnouncement = `{"subject":"Snow","text":"Come early."}`

// who asks, in the order of the matrix.
var who = []string{"nobody", "stranger", "owner", "organizer", "rival", "admin"}

func (h *house) scene(t *testing.T, route, status string) *scene {
	t.Helper()
	s := &scene{people: make([]userapi.Fan, len(who))}
	for i, role := range []caller.Role{"", caller.Customer, caller.Customer, caller.Organizer, caller.Organizer, caller.Admin} {
		if role != "" {
			s.people[i] = h.account(t, role)
		}
	}
	owner, organizer := s.people[2], s.people[3]
	s.event = h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, status), "id")
	sessions, err := h.Users.Sessions(t.Context(), caller.Caller{UserID: owner.UserID}, owner.UserID, "")
	if err != nil {
		t.Fatal(err)
	}
	s.session = sessions[0].ID
	if strings.Contains(route, "/webhooks/{") {
		s.webhook = h.must(t, organizer, "POST", "/webhooks", `{"url":"https://example.org/hooks"}`, "id")
		s.message = h.must(t, organizer, "POST", "/webhooks/"+s.webhook+"/test", "", "message_id")
	}
	if strings.Contains(route, "{day}") {
		s.day = "2024-05-31"
		if _, err := h.Payments.Reconcile(t.Context(), time.Date(2024, 5, 31, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(route, "{device}") {
		code := h.must(t, organizer, "POST", "/events/"+s.event+"/door/pairings", `{"name":"Left"}`, "code")
		s.device = h.must(t, userapi.Fan{}, "POST", "/door/pair", `{"code":"`+code+`"}`, "device")
	}
	if strings.Contains(route, "/announcements/{") {
		s.announcement = h.must(t, organizer, "POST", "/events/"+s.event+"/announcements", anAnnouncement, "id")
	}
	if strings.Contains(route, "/bookings/{id}") || strings.Contains(route, "{booking}") || strings.HasSuffix(route, "/door/corrections") || strings.HasSuffix(route, "/door/lists") || strings.Contains(route, "/payments") && !strings.Contains(route, "/users") {
		s.booking = h.must(t, owner, "POST", "/bookings", `{"event_id":"`+s.event+`","quantity":1}`, "id")
		if route != "PUT /bookings/{id}" && route != "POST /payments" && route != "DELETE /bookings/{id}" && !unpaid(route) {
			s.payment = h.must(t, owner, "POST", "/payments", `{"booking_id":"`+s.booking+`","method":"tok_ok"}`, "id")
		}
	}
	if strings.Contains(route, "/invoice-details") {
		h.must(t, organizer, "PUT", "/sellers/"+organizer.UserID, aSeller, "name")
	}
	if s.payment != "" && (strings.HasSuffix(route, "/seats") || strings.HasSuffix(route, "/door/corrections") || strings.HasSuffix(route, "/door/lists") || strings.Contains(route, "/door/guests/")) {
		s.seat = h.must(t, owner, "GET", "/bookings/"+s.booking, "", "seat_number")
	}
	if strings.Contains(route, "/invoices/") {
		h.must(t, organizer, "PUT", "/sellers/"+organizer.UserID, aSeller, "name")
		list, err := h.Invoices.OfBooking(t.Context(), caller.System, s.booking, "")
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		s.invoice = list[0].Number
	}
	return s
}

// unpaid reports whether a route is about a booking that is only held.
func unpaid(route string) bool {
	return strings.Contains(route, "/checkout/") || strings.Contains(route, "/pay/") || strings.Contains(route, "/invoice-details")
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

func (s *scene) path(route string) string {
	_, path, _ := strings.Cut(route, " ")
	root := strings.Split(path, "/")[1]
	return placeholder.ReplaceAllStringFunc(path, func(name string) string {
		switch name {
		case "{event_id}":
			return s.event
		case "{user_id}":
			return s.people[2].UserID
		case "{booking_id}", "{booking}":
			return s.booking
		case "{event}":
			return s.event
		case "{webhook}":
			return s.webhook
		case "{announcement_id}", "{announcement}":
			return s.announcement
		case "{number}":
			return s.invoice
		case "{message}":
			return s.message
		case "{provider}":
			return "bank" // there is none
		case "{device}":
			return s.device
		case "{page}":
			return "0"
		case "{day}":
			return s.day
		case "{name}":
			return "icon.svg"
		case "{session_id}":
			return s.session
		case "{slug}":
			return map[string]string{"e": "gala"}[root] + map[string]string{"problems": "not-found"}[root]
		}
		return map[string]string{"users": s.people[2].UserID, "events": s.event, "e": s.event, "bookings": s.booking, "payments": s.payment, "webhooks": s.webhook, "sellers": s.people[3].UserID}[root]
	})
}

// bodies are what is sent; $event and the like stand for the scene's.
var bodies = map[string]string{
	"POST /users":                        `{"email":"$mail","name":"Ann","password":"velvet curtain"}`,
	"POST /users/login":                  `{"email":"nobody@example.org","password":"velvet curtain"}`,
	"PUT /users/{id}":                    `{"name":"Ann"}`,
	"PUT /users/{id}/email-preferences":  `{"reminders":false}`,
	"POST /users/verify":                 `{"token":"x"}`,
	"POST /users/password-reset":         `{"email":"nobody@example.org"}`,
	"POST /users/password-reset/confirm": `{"token":"x","password":"velvet curtain"}`,
	"POST /users/guest":                  `{"name":"Gus","email":"g@example.org"}`,
	"POST /users/guest/verify":           `{"code":"000000"}`,
	"POST /users/{id}/totp":              `{"current_password":"velvet curtain"}`,
	"PUT /users/{id}/totp":               `{"code":"000000"}`,
	"POST /events":                       fmt.Sprintf(eventJSON, "published"),
	"PUT /events/{id}":                   `{"title":"Other"}`,
	"POST /events/{id}/blocks":           `{"quantity":1}`,
	"POST /events/{id}/complimentary":    `{"quantity":1}`,
	"PUT /events/{id}/refunds":           `{"state":"running"}`,
	"POST /bookings":                     `{"event_id":"$event","quantity":1}`,
	"PUT /bookings/{id}":                 `{"quantity":2}`,
	"POST /payments":                     `{"booking_id":"$booking","method":"tok_ok"}`,
	"POST /payments/webhooks/{provider}": `{"id":"evt_1"}`,
	"PUT /payments/{id}":                 `{"method":"tok_ok"}`,
	"POST /texts/status":                 "MessageStatus=sent",
	"POST /bookings/{id}/notices":        `{}`,
	"PUT /sellers/{id}":                  aSeller,
	"PUT /bookings/{id}/invoice-details": `{"name":"Stadttheater","street":"Theaterplatz 1","city":"Berlin","country":"DE"}`,
	"POST /bookings/{id}/cancellations":  `{"reason":"The stalls are closed."}`,
	"POST /bookings/{id}/refunds":        `{"amount":1,"paid_left":5000,"reason":"The view was bad."}`,
	"PUT /bookings/{id}/seats":           `{"seats":["$seat"],"reason":"The row is closed."}`,
	"PUT /events/{id}/door":              aDoor,
	"POST /events/{id}/door/pairings":    `{"name":"Left"}`,
	"POST /events/{id}/door/corrections": `{"booking_id":"$booking","seat":"$seat","kind":"in","reason":"The scanner was broken."}`,
	"POST /events/{id}/door/lists":       `{"booking_id":"$booking","list":"Press"}`,
	"POST /door/pair":                    `{"code":"0123456789ab"}`,
	"POST /door/node/scans":              `{"scans":[{"device":"06a1b2c3d4e5f6g7","ruled":"malformed","scan":{"counter":1,"at":1796068800000,"kind":"in","token":"x","entrance":"main","how":"camera"}}]}`,
	"POST /door/scans":                   `{"scans":[{"counter":1,"at":1796068800000,"kind":"in","token":"x","entrance":"main","how":"camera"}]}`,
	"POST /webhooks":                     `{"url":"https://example.org/other"}`,
	"PUT /webhooks/{id}":                 `{"enabled":false}`,
	"POST /webhooks/{id}/replay":         `{"message_id":"$message"}`,

	"POST /events/{id}/announcements":                        anAnnouncement,
	"PUT /events/{id}/announcements/{announcement_id}":       `{"subject":"Hail","text":"Come early."}`,
	"POST /events/{id}/announcements/{announcement_id}/send": `{"version":1}`,

	"POST /bookings/{id}/tickets/reissue": `{"reason":"The codes were seen."}`,
	"POST /bookings/{id}/tickets/bind":    `{"public_key":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
}

func (s *scene) body(h *house, route string) string {
	h.made++
	body, ok := bodies[route]
	if !ok {
		body = pageForms[route]
	}
	return strings.NewReplacer("$event", s.event, "$booking", s.booking, "$message", s.message, "$seat", s.seat, "$mail", fmt.Sprintf("fan%d@example.org", h.made)).Replace(body)
}

// rights is the status that each of these callers gets, on every route there is. A
// route without an entry fails the test: whoever adds one says who may.
var rights = map[string]string{
	//                                    nobody stranger owner organizer rival admin
	"POST /users":                              "201 201 201 201 201 201",
	"POST /users/login":                        "401 401 401 401 401 401",
	"POST /users/logout":                       "401 204 204 204 204 204",
	"GET /users/{id}":                          "401 404 200 404 404 200",
	"PUT /users/{id}":                          "401 404 200 404 404 200",
	"DELETE /users/{id}":                       "401 404 204 404 404 204",
	"GET /users/{id}/bookings":                 "401 404 200 404 404 200",
	"GET /users/{id}/payments":                 "401 404 200 404 404 200",
	"POST /users/{id}/verification":            "401 404 409 404 404 409", // no address to verify
	"POST /users/verify":                       "422 422 422 422 422 422",
	"POST /users/password-reset":               "202 202 202 202 202 202",
	"POST /users/password-reset/confirm":       "422 422 422 422 422 422",
	"POST /users/guest":                        "201 201 201 201 201 201",
	"POST /users/guest/verify":                 "401 409 409 409 409 409",
	"POST /users/guest/code":                   "401 409 409 409 409 409",
	"GET /users/{id}/sessions":                 "401 404 200 404 404 200",
	"DELETE /users/{id}/sessions":              "401 404 204 404 404 204",
	"DELETE /users/{id}/sessions/{session_id}": "401 404 204 404 404 204",
	"POST /users/{id}/totp":                    "401 404 422 404 404 403", // the wrong password
	"PUT /users/{id}/totp":                     "401 404 409 404 404 403", // no secret yet
	"DELETE /users/{id}/totp":                  "401 404 422 404 404 403",

	"GET /users/{id}/email-preferences": "401 404 403 404 404 403", // made in bulk: no address
	"PUT /users/{id}/email-preferences": "401 404 403 404 404 403",

	"POST /events":                    "401 403 403 201 201 201",
	"GET /events":                     "200 200 200 200 200 200",
	"GET /events/search":              "200 200 200 200 200 200",
	"GET /events/{id}":                "200 200 200 200 200 200",
	"PUT /events/{id}":                "401 404 404 200 404 200",
	"DELETE /events/{id}":             "401 404 404 200 404 200",
	"GET /events/{id}/plan":           "200 200 200 200 200 200",
	"GET /events/{id}/seats":          "200 200 200 200 200 200",
	"GET /events/{id}/live":           "200 200 200 200 200 200",
	"GET /events/{id}/checkpoint":     "200 200 200 200 200 200",
	"GET /events/{id}/ledger":         "401 404 404 200 404 200",
	"GET /events/{id}/bookings":       "401 404 404 200 404 200",
	"GET /events/{id}/mailings":       "401 404 404 200 404 200",
	"GET /events/{id}/payments":       "401 404 404 200 404 200",
	"GET /events/{id}/refunds":        "401 404 404 200 404 200",
	"PUT /events/{id}/refunds":        "401 404 404 200 404 200",
	"POST /events/{id}/blocks":        "401 404 404 201 404 201",
	"POST /events/{id}/complimentary": "401 404 404 201 404 201",

	"GET /events/{id}/announcements":                           "401 404 404 200 404 200",
	"POST /events/{id}/announcements":                          "401 404 404 201 404 201",
	"GET /events/{id}/announcements/{announcement_id}":         "401 404 404 200 404 200",
	"GET /events/{id}/announcements/{announcement_id}/preview": "401 404 404 200 404 200",
	"PUT /events/{id}/announcements/{announcement_id}":         "401 404 404 200 404 200",
	"DELETE /events/{id}/announcements/{announcement_id}":      "401 404 404 204 404 204",
	"POST /events/{id}/announcements/{announcement_id}/test":   "401 404 404 403 404 403", // made in bulk: no address
	"POST /events/{id}/announcements/{announcement_id}/send":   "401 404 404 403 404 403",
	"POST /events/{id}/announcements/{announcement_id}/stop":   "401 404 404 409 404 409", // a draft

	"POST /bookings":                     "401 201 201 201 201 201",
	"POST /bookings/{id}/cancellations":  "401 404 404 200 404 200",
	"POST /bookings/{id}/refunds":        "401 404 404 200 404 200",
	"PUT /bookings/{id}/seats":           "401 404 404 200 404 200",
	"GET /bookings":                      "401 200 200 200 200 200",
	"GET /bookings/{id}":                 "401 404 200 200 404 200",
	"PUT /bookings/{id}":                 "401 404 200 403 404 200",
	"DELETE /bookings/{id}":              "401 404 200 403 404 200",
	"GET /bookings/{id}/tickets":         "401 404 200 404 404 404",
	"GET /bookings/{id}/tickets.pdf":     "401 404 200 404 404 404",
	"POST /bookings/{id}/link":           "401 404 200 403 404 403",
	"GET /bookings/{id}/notices":         "401 404 404 200 404 200",
	"POST /bookings/{id}/notices":        "401 404 404 409 404 409", // made in bulk: without an address
	"GET /bookings/{id}/payment":         "401 404 200 200 404 200",
	"GET /bookings/user/{user_id}":       "401 404 200 404 404 200",
	"GET /bookings/event/{event_id}":     "401 404 404 200 404 200",
	"POST /payments":                     "401 404 201 404 404 404",
	"POST /payments/webhooks/{provider}": "404 404 404 404 404 404", // no such gateway; the others need its signature
	"POST /texts/status":                 "404 404 404 404 404 404", // no provider; another one needs its signature
	"GET /payments/{id}":                 "401 404 200 200 404 200",
	"GET /payments/booking/{booking_id}": "401 404 200 200 404 200",
	"GET /payments/{id}/journal":         "401 404 200 200 404 200",
	"PUT /payments/{id}":                 "401 404 200 403 404 200",
	"DELETE /payments/{id}":              "401 404 202 403 404 202", // captured: it is refunded, by a janitor that does not run here

	"GET /events/{id}/settlement":              "401 404 404 200 404 200",
	"GET /sellers/{id}":                        "401 404 404 200 404 200",
	"PUT /sellers/{id}":                        "401 404 404 200 404 200",
	"GET /sellers/{id}/invoices":               "401 404 404 200 404 200",
	"GET /bookings/{id}/invoices":              "401 404 200 200 404 200",
	"GET /bookings/{id}/invoices/{number}.pdf": "401 404 200 200 404 200",
	"POST /bookings/{id}/tickets/reissue":      "401 404 200 200 404 200",
	"POST /bookings/{id}/tickets/bind":         "401 404 409 404 404 404", // the codes of its event are fixed
	"GET /bookings/{id}/invoice-details":       "401 404 200 403 404 200",
	"PUT /bookings/{id}/invoice-details":       "401 404 200 403 404 200",

	"GET /events/{id}/door":                     "401 404 404 200 404 200",
	"PUT /events/{id}/door":                     "401 404 404 200 404 200",
	"POST /events/{id}/door/pairings":           "401 404 404 201 404 201",
	"GET /events/{id}/door/devices":             "401 404 404 200 404 200",
	"DELETE /events/{id}/door/devices/{device}": "401 404 404 200 404 200",
	"GET /events/{id}/door/attendance":          "401 404 404 200 404 200",
	"GET /events/{id}/door/attendance.csv":      "401 404 404 200 404 200",
	"GET /events/{id}/door/guests":              "401 404 404 422 404 422",
	"GET /events/{id}/door/list":                "401 404 404 200 404 200",
	"POST /events/{id}/door/corrections":        "401 404 404 201 404 201",
	"POST /events/{id}/door/lists":              "401 404 404 200 404 200",
	"GET /events/{id}/door/log":                 "401 404 404 200 404 200",

	// For devices; what these may is in door_test.go.
	"POST /door/pair":        "422 422 422 422 422 422", // there is no such code
	"GET /door":              "401 401 401 401 401 401",
	"GET /door/list":         "401 401 401 401 401 401",
	"GET /door/scans":        "401 401 401 401 401 401",
	"POST /door/scans":       "401 401 401 401 401 401",
	"GET /door/live":         "401 401 401 401 401 401",
	"GET /door/guests":       "401 401 401 401 401 401",
	"GET /door/names":        "401 401 401 401 401 401",
	"GET /door/names/{page}": "401 401 401 401 401 401",

	// For gate nodes; what these may is in gate_node_test.go.
	"GET /door/node":        "401 401 401 401 401 401",
	"GET /door/node/scans":  "401 401 401 401 401 401",
	"POST /door/node/scans": "401 401 401 401 401 401",

	"GET /webhooks":                 "401 403 403 200 200 200",
	"POST /webhooks":                "401 403 403 201 201 201",
	"GET /webhooks/{id}":            "401 404 404 200 404 200",
	"PUT /webhooks/{id}":            "401 404 404 200 404 200",
	"DELETE /webhooks/{id}":         "401 404 404 204 404 204",
	"POST /webhooks/{id}/secret":    "401 404 404 201 404 201",
	"POST /webhooks/{id}/test":      "401 404 404 202 404 202",
	"POST /webhooks/{id}/replay":    "401 404 404 202 404 202",
	"GET /webhooks/{id}/deliveries": "401 404 404 200 404 200",

	"GET /docs":             "200 200 200 200 200 200",
	"GET /openapi.json":     "200 200 200 200 200 200",
	"GET /openapi.yaml":     "200 200 200 200 200 200",
	"GET /openapi-3.0.json": "200 200 200 200 200 200",
	"GET /openapi-3.0.yaml": "200 200 200 200 200 200",
	"GET /problems":         "200 200 200 200 200 200",
	"GET /problems/{slug}":  "200 200 200 200 200 200",
	"GET /healthz":          "200 200 200 200 200 200",
	"GET /readyz":           "200 200 200 200 200 200",
}

// onDrafts is the same for an event that is a draft, where it makes a difference.
var onDrafts = map[string]string{
	"GET /events/{id}":            "404 404 404 200 404 200",
	"GET /events/{id}/plan":       "404 404 404 200 404 200",
	"GET /events/{id}/seats":      "404 404 404 200 404 200",
	"GET /events/{id}/live":       "404 404 404 200 404 200",
	"GET /events/{id}/checkpoint": "404 404 404 200 404 200",
	"POST /bookings":              "401 404 404 404 404 404",
	"POST /events/{id}/blocks":    "401 404 404 201 404 201",
}

func TestRights(t *testing.T) {
	if testing.Short() {
		t.Skip("asks everything, one after the other")
	}
	h := newHouse(t)
	seen := map[string]bool{}
	for _, route := range h.door.Routes() {
		method, _, _ := strings.Cut(route, " ")
		if seen[route] {
			continue
		}
		seen[route] = true
		want, ok := rights[route]
		if !ok {
			want, ok = pageRights[route]
		}
		if !ok {
			t.Errorf("%s has no entry in rights: who may?", route)
			continue
		}
		h.matrix(t, method, route, "on_sale", want)
	}
	all := maps.Clone(rights)
	maps.Copy(all, pageRights)
	for route := range all {
		if !seen[route] {
			t.Errorf("%s is in rights, and no route", route)
		}
	}
	drafts := maps.Clone(onDrafts)
	maps.Copy(drafts, pagesOnDrafts)
	for route, want := range drafts {
		method, _, _ := strings.Cut(route, " ")
		h.matrix(t, method, route, "draft", want)
	}
}

func (h *house) matrix(t *testing.T, method, route, status, want string) {
	t.Helper()
	var got []string
	for i := range who {
		s := h.scene(t, route, status)
		w := h.ask(t, s.people[i], method, s.path(route), s.body(h, route))
		got = append(got, fmt.Sprint(w.Code))
		if _, page := pageRights[route]; w.Code >= 400 && !page && !strings.Contains(w.Header().Get("Content-Type"), "problem+json") {
			t.Errorf("%s as %s: %d is not a problem document: %s", route, who[i], w.Code, w.Body)
		}
	}
	if all := strings.Join(got, " "); all != want {
		t.Errorf("%s (%s): %s, want %s (%s)", route, status, all, want, strings.Join(who, " "))
	}
}

// forbidden are fields that nobody sets for themselves.
var forbidden = map[string]any{
	"id": "06a1b2c3d4e5f6g7", "role": "admin", "price": 1, "status": "booked", "owner": "x", "user_id": "06a1b2c3d4e5f6g7", "organizer_id": "06a1b2c3d4e5f6g7", "amount": 1, "fees": 0,
	"currency": "EUR", "version": 99, "seq": 99, "hash": "x", "created_at": "2020-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z", "payment_id": "x", "bookings": []string{},
	"email_verified": true, "disabled": false, "password_hash": "x", "refunded": 0, "history": []string{}, "available_seats": 1, "total_seats": 1, "two_factor": false, "kind": "block", "reference": "x", "guest": true,
}

// TestForbiddenFields adds to the body of every write what its schema does not
// have: none takes effect.
func TestForbiddenFields(t *testing.T) {
	if testing.Short() {
		t.Skip("asks everything, one after the other")
	}
	h := newHouse(t)
	device := h.doorway(t, "")
	_, node := device.node(t)
	doc := h.door.API().OpenAPI()
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{"POST": item.Post, "PUT": item.Put} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			route := method + " " + path
			content := op.RequestBody.Content["application/json"]
			if content == nil || content.Schema.Ref == "" {
				continue // a provider's message: it is taken as it comes, and signed
			}
			ref := content.Schema.Ref
			schema := doc.Components.Schemas.SchemaFromRef(ref)
			for field, value := range forbidden {
				if schema.Properties[field] != nil {
					continue // it is one of the operation's own
				}
				s := h.scene(t, route, "on_sale")
				var body map[string]any
				if err := json.Unmarshal([]byte(s.body(h, route)), &body); err != nil {
					t.Fatalf("%s: %v", route, err)
				}
				body[field] = value
				raw, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				as := s.people[2]
				if organizersOnly[route] || strings.HasPrefix(path, "/events") || strings.HasPrefix(path, "/webhooks") {
					as = s.people[3]
				}
				switch route {
				case "POST /door/scans":
					as = device.as
				case "POST /door/node/scans":
					as = node
				}
				w := h.ask(t, as, method, s.path(route), string(raw))
				var p struct{ Fields []struct{ Name string } }
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 422 || !slices.ContainsFunc(p.Fields, func(f struct{ Name string }) bool { return f.Name == field }) {
					t.Errorf("%s with %s: %d %s", route, field, w.Code, w.Body)
				}
			}
		}
	}
	// Fields that others may set are refused when one may not.
	owner := h.account(t, caller.Customer)
	for _, body := range []string{`{"role":"admin"}`, `{"disabled":true}`} {
		if w := h.ask(t, owner, http.MethodPut, "/users/"+owner.UserID, body); w.Code != 403 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
