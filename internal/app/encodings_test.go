package app

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// Events and lists are compressed by ourselves, for those who take that; an event
// once for all of them. Tags tell the encodings apart, and both do for a change.
func TestEncodings(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	var id string
	for n := range 4 {
		id = h.must(t, organizer, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), "Gala", fmt.Sprint("Gala ", n), 1), "id")
	}
	for _, path := range []string{"/events/" + id, "/events", "/events/search?q=gala", "/events/" + id + "/plan", "/events/" + id + "/seats?form=compact"} {
		plain := h.ask(t, userapi.Fan{}, "GET", path, "")
		zipped := h.ask(t, userapi.Fan{}, "GET", path, "", "Accept-Encoding", "gzip")
		if plain.Code != 200 || plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %d %v %v", path, plain.Code, plain.Header(), zipped.Header())
		}
		for _, w := range []http.Header{plain.Header(), zipped.Header()} {
			if !strings.Contains(strings.Join(w["Vary"], ", "), "Accept-Encoding") {
				t.Errorf("%s: Vary %v", path, w["Vary"])
			}
		}
		z, err := gzip.NewReader(bytes.NewReader(zipped.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != plain.Body.String() {
			t.Errorf("%s: %v, other bytes", path, err)
		}
		if tag := plain.Header().Get("ETag"); tag != "" && tag == zipped.Header().Get("ETag") {
			t.Errorf("%s: one tag for two encodings", path)
		}
		if no := h.ask(t, userapi.Fan{}, "GET", path, "", "Accept-Encoding", "gzip;q=0"); no.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: compressed for those who do not take it", path)
		}
	}
	tag := h.ask(t, userapi.Fan{}, "GET", "/events/"+id, "", "Accept-Encoding", "gzip").Header().Get("ETag")
	if w := h.ask(t, userapi.Fan{}, "GET", "/events/"+id, "", "Accept-Encoding", "gzip", "If-None-Match", tag); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("%d", w.Code)
	}
	if w := h.ask(t, organizer, "PUT", "/events/"+id, `{"title":"Other"}`, "If-Match", tag); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What the front door answers is documented with each operation.
func TestStatusesOfTheDoor(t *testing.T) {
	h := newHouse(t)
	for path, item := range h.door.API().OpenAPI().Paths {
		for method, has := range map[string]func() ([]string, bool){
			"GET": func() ([]string, bool) { return []string{"401", "429", "503"}, item.Get != nil },
			"POST": func() ([]string, bool) {
				return []string{"401", "413", "415", "429", "503"}, item.Post != nil && item.Post.RequestBody != nil
			},
			"PUT": func() ([]string, bool) {
				return []string{"401", "413", "415", "429", "503"}, item.Put != nil && item.Put.RequestBody != nil
			},
		} {
			want, there := has()
			if !there {
				continue
			}
			op := item.Get
			if method == "POST" {
				op = item.Post
			} else if method == "PUT" {
				op = item.Put
			}
			if ok := op.Responses["200"]; method == "GET" && ok != nil && ok.Headers["ETag"] != nil {
				want = append(want, "304")
			}
			for _, status := range want {
				if status == "401" && slices.Contains([]string{"/users", "/users/guest", "/users/password-reset", "/users/password-reset/confirm"}, path) && method == "POST" {
					if op.Responses[status] != nil {
						t.Errorf("%s says 401, and does not look at who asks", path)
					}
					continue
				}
				if op.Responses[status] == nil || op.Responses[status].Description == "" {
					t.Errorf("%s %s does not say what %s means", method, path, status)
				}
			}
		}
	}
}

// Types of media do not depend on case.
func TestMediaTypeCase(t *testing.T) {
	h := newHouse(t)
	fan := h.account(t, caller.Customer)
	for _, kind := range []string{"application/json", "Application/JSON", "APPLICATION/JSON; Charset=UTF-8", "application/Json;charset=utf-8"} {
		if w := h.ask(t, fan, "PUT", "/users/"+fan.UserID, `{"name":"Ann"}`, "Content-Type", kind); w.Code != 200 {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
	}
	if w := h.ask(t, fan, "PUT", "/users/"+fan.UserID, `{"name":"Ann"}`, "Content-Type", "Text/Plain"); w.Code != 415 {
		t.Errorf("text: %d", w.Code)
	}
	w := h.ask(t, userapi.Fan{}, "GET", "/nowhere", "", "Accept", "Text/HTML")
	if !strings.Contains(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("a page: %v", w.Header())
	}
}

// If-Match of a payment takes what that of all else takes: a list of tags.
func TestIfMatchOfPayments(t *testing.T) {
	h := newHouse(t)
	fan := h.visitor(t, "ann")
	event := h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking := h.must(t, fan, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	path := "/payments/" + h.must(t, fan, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	tag := h.ask(t, fan, "GET", path, "").Header().Get("ETag")
	for header, want := range map[string]string{
		tag: "", `"99", ` + tag: "", "*": "",
		`"99"`: "changed-meanwhile", "W/" + tag: "changed-meanwhile", `"98", "99"`: "changed-meanwhile", "not a tag": "version-differs",
	} {
		w := h.ask(t, fan, "PUT", path, `{"method":"tok_ok"}`, "If-Match", header)
		if want == "" && w.Code != http.StatusOK || want != "" && (w.Code != http.StatusPreconditionFailed || !strings.Contains(w.Body.String(), want)) {
			t.Errorf("%s: %d %s", header, w.Code, w.Body)
		}
	}
}
