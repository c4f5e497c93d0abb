package app

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/internal/caller"
)

// Clients that read a seller before they write it may do so from the beginning, and the
// description of the API lists all that they read.
func TestFirstDetailsOfASeller(t *testing.T) {
	h := newHouse(t)
	org := h.account(t, caller.Organizer)
	tag := h.ask(t, org, "GET", "/sellers/"+org.UserID, "").Header().Get("ETag")
	put := func(body string, header ...string) (code int, text string) {
		r := h.ask(t, org, "PUT", "/sellers/"+org.UserID, body, header...)
		return r.Code, r.Body.String()
	}
	if code, text := put(strings.Replace(aSeller, `"name"`, `"time_zone":"Mars/Base","name"`, 1), "If-Match", tag); code != 422 || !strings.Contains(text, "time_zone") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := put(aSeller, "If-Match", tag); code != 200 {
		t.Errorf("with the tag of what was read: %d %s", code, text)
	}
	if code, text := put(strings.Replace(aSeller, `"name"`, `"contact":"x","name"`, 1), "If-Match", tag); code != 412 {
		t.Errorf("with the tag of what was there before: %d %s", code, text)
	}
	var api struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(h.ask(t, org, "GET", "/openapi.json", "").Body.Bytes(), &api); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "name", "vat_number", "time_zone"} {
		if api.Components.Schemas["SellerShown"].Properties[name] == nil {
			t.Errorf("SellerShown has no %s", name)
		}
	}
}
