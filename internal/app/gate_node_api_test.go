package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/userapi"
)

// node pairs a gate node with the event of a device.
func (g *doorway) node(t *testing.T) (id string, as userapi.Fan) {
	t.Helper()
	code := g.h.must(t, g.organizer, "POST", "/events/"+g.event+"/door/pairings", `{"name":"Laptop","kind":"node"}`, "code")
	if w := g.h.ask(t, userapi.Fan{}, "POST", "/door/pair", `{"code":"`+code+`"}`); w.Code != 422 || !strings.Contains(w.Body.String(), "another kind") {
		t.Errorf("a phone takes the code of a gate node: %d %s", w.Code, w.Body)
	}
	w := g.h.ask(t, userapi.Fan{}, "POST", "/door/pair", `{"code":"`+code+`","kind":"node"}`)
	var paired struct{ Device, Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &paired); err != nil || w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return paired.Device, userapi.Fan{Token: paired.Token}
}

// through sends scans of devices through a gate node, and returns status, slug or reasons,
// and the body.
func (g *doorway) through(t *testing.T, node userapi.Fan, scans ...string) (int, string, string) {
	t.Helper()
	w := g.h.ask(t, node, "POST", "/door/node/scans", `{"scans":[`+strings.Join(scans, ",")+`]}`)
	var doc struct {
		Type  string
		Items []struct{ Outcome, Reason string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	said := strings.TrimPrefix(doc.Type, "/problems/")
	for _, one := range doc.Items {
		said += one.Outcome + ":" + one.Reason + " "
	}
	return w.Code, strings.TrimSpace(said), w.Body.String()
}

// from is a scan of a device as a gate node sends it.
func from(device, ruled, scan string) string {
	if ruled != "" {
		ruled = `"ruled":"` + ruled + `",`
	}
	return fmt.Sprintf(`{"device":%q,%s"scan":%s}`, device, ruled, scan)
}

// A gate node reads and sends what it needs, for the devices of its event and for no other,
// and sees no names. It does not scan.
func TestGateNodeMay(t *testing.T) {
	h := newHouse(t)
	g, other := h.doorway(t, `,"names":true`), h.doorway(t, "")
	id, node := g.node(t)
	for _, route := range []string{"GET /door/node", "GET /door/node/scans"} {
		method, path, _ := strings.Cut(route, " ")
		if w := h.ask(t, g.as, method, path, ""); w.Code != 403 || !strings.Contains(w.Body.String(), "other-kind") {
			t.Errorf("%s as a device that scans: %d %s", route, w.Code, w.Body)
		}
		if w := h.ask(t, node, method, path, ""); w.Code != 200 || strings.Contains(w.Body.String(), `"X"`) {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
	for _, route := range []string{"GET /door", "GET /door/list"} {
		method, path, _ := strings.Cut(route, " ")
		if w := h.ask(t, node, method, path, ""); w.Code != 200 {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/door/scans", "/door/guests?q=fan"} {
		if w := h.ask(t, node, "GET", path, ""); w.Code != 403 || !strings.Contains(w.Body.String(), "other-kind") {
			t.Errorf("a gate node reads %s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := h.ask(t, node, "POST", "/door/scans", `{"scans":[`+g.scan(1, "")+`]}`); w.Code != 403 {
		t.Errorf("a gate node scans: %d %s", w.Code, w.Body)
	}
	w := h.ask(t, node, "GET", "/door/node", "")
	var state struct {
		Devices []struct{ ID, Kind, Token string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil || len(state.Devices) != 2 || strings.Contains(w.Body.String(), g.as.Token) || len(state.Devices[0].Token) != 64 {
		t.Errorf("%v %s", err, w.Body)
	}
	for device, want := range map[string]string{other.id: "422 invalid-field", "office": "422 invalid-field", id: "422 invalid-field", "06a1b2c3d4e5f6g7": "422 invalid-field", g.id: "200 admitted:ok"} {
		status, said, body := g.through(t, node, from(device, "", g.scan(1, "")))
		if got := fmt.Sprint(status, " ", said); got != want {
			t.Errorf("for the device %s: %s, want %s", device, body, want)
		}
	}
	status, said, body := g.through(t, node, from(g.id, "ok", g.scan(2, "")), from(g.id, "already-inside", g.scan(3, `,"decided":"admitted","reason":"ok"`)), from(g.id, "", g.scan(4, "")))
	if status != 200 || said != "recorded:already-inside recorded:already-inside refused:already-inside" {
		t.Errorf("%d %s", status, body)
	}
	if _, _, again := g.through(t, node, from(g.id, "ok", g.scan(2, ""))); !strings.Contains(again, "already-inside") {
		t.Error(again)
	}
	if status, said, body = g.through(t, node, from(g.id, "lovely", g.scan(5, ""))); status != 422 || !strings.Contains(body, "scans[0].ruled") {
		t.Errorf("%d %s %s", status, said, body)
	}
	if status, said, body = g.through(t, node, from(g.id, "", g.scan(5, `,"decided":"admitted"`))); status != 422 || !strings.Contains(body, "scans[0].scan.reason") {
		t.Errorf("%d %s %s", status, said, body)
	}
	if status, said, body = g.through(t, node, from(g.id, "ok", strings.Replace(g.scan(6, ""), g.token, strings.Repeat("A", len(g.token)), 1))); status != 200 || said != "recorded:malformed" {
		t.Errorf("a code that is none: %d %s", status, body)
	}
	w = h.ask(t, g.organizer, "GET", "/events/"+g.event+"/door/attendance", "")
	if !strings.Contains(w.Body.String(), `"inside":1,"entered":1`) || !strings.Contains(w.Body.String(), `"alone":2`) {
		t.Error(w.Body)
	}
}

// A gate node that was revoked may send what was scanned before, and nothing else; so may
// the devices at it.
func TestGateNodeRevoked(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	id, node := g.node(t)
	before := g.scan(1, "")
	if w := h.ask(t, g.organizer, "DELETE", "/events/"+g.event+"/door/devices/"+id, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"kind":"node"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/door/node", "/door/node/scans", "/door/list"} {
		if w := h.ask(t, node, "GET", path, ""); w.Code != 401 || !strings.Contains(w.Body.String(), "device-revoked") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if status, said, body := g.through(t, node, from(g.id, "ok", strings.Replace(before, `"kind"`, `"n":0,"kind"`, 1)+``)); status != 200 || said == "recorded:device-revoked" {
		t.Errorf("what was scanned before: %d %s", status, body)
	}
	if status, said, body := g.through(t, node, from(g.id, "", g.scan(2, "")), from(g.id, "ok", g.scan(3, ""))); status != 200 || said != "refused:device-revoked recorded:device-revoked" {
		t.Errorf("what it scans afterwards: %d %s", status, body)
	}
}
