package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
)

// doorway is a device at a door, and the event with a sold ticket that it is about.
type doorway struct {
	h         *house
	organizer userapi.Fan
	event     string
	booking   string
	owner     userapi.Fan // of the booking
	token     string      // of the ticket
	as        userapi.Fan
	id        string
}

func (h *house) doorway(t *testing.T, more string) *doorway {
	t.Helper()
	g := &doorway{h: h, organizer: h.account(t, caller.Organizer)}
	g.event = h.must(t, g.organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	g.buy(t)
	h.must(t, g.organizer, "PUT", "/events/"+g.event+"/door", aDoor, "reentry")
	g.pair(t, more)
	return g
}

// buy sells a ticket.
func (g *doorway) buy(t *testing.T) {
	t.Helper()
	h, owner := g.h, g.h.account(t, caller.Customer)
	g.owner = owner
	h.write(t, `UPDATE users SET name = 'Somebody named ' || id WHERE id = $1`, owner.UserID) // which no other bytes contain by chance
	g.booking = h.must(t, owner, "POST", "/bookings", `{"event_id":"`+g.event+`","quantity":1}`, "id")
	h.must(t, owner, "POST", "/payments", `{"booking_id":"`+g.booking+`","method":"tok_ok"}`, "id")
	b, err := h.Bookings.Recent(t.Context(), g.booking)
	if err != nil {
		t.Fatal(err)
	}
	if g.token, err = h.Tickets.Sign(ticket.Ticket{BookingID: g.booking, Seat: b.Seats[0], PlanVersion: b.PlanVersion}); err != nil {
		t.Fatal(err)
	}
}

// pair pairs a device.
func (g *doorway) pair(t *testing.T, more string) {
	t.Helper()
	code := g.h.must(t, g.organizer, "POST", "/events/"+g.event+"/door/pairings", `{"name":"Left"`+more+`}`, "code")
	w := g.h.ask(t, userapi.Fan{}, "POST", "/door/pair", `{"code":"`+strings.ToUpper(code[:4])+"-"+code[4:]+`"}`)
	var paired struct{ Device, Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &paired); err != nil || w.Code != 201 || paired.Token == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	g.as, g.id = userapi.Fan{Token: paired.Token}, paired.Device
}

// scan is a scan of the ticket as JSON.
func (g *doorway) scan(counter int, more string) string {
	return fmt.Sprintf(`{"counter":%d,"at":%d,"kind":"in","token":%q,"entrance":"main","how":"camera"%s}`, counter, g.h.DB.Now().UnixMilli(), g.token, more)
}

// send sends scans, and returns status, slug or reasons, and the body.
func (g *doorway) send(t *testing.T, scans ...string) (int, string, string) {
	t.Helper()
	w := g.h.ask(t, g.as, "POST", "/door/scans", `{"scans":[`+strings.Join(scans, ",")+`]}`)
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

// Devices may do what they were paired for: at their event and entrance, at their time, and
// until they are revoked.
func TestDoorDevices(t *testing.T) {
	h := newHouse(t)
	g, other := h.doorway(t, ""), h.doorway(t, "")
	for _, path := range []string{"/door", "/door/list", "/door/scans"} {
		for who, as := range map[string]userapi.Fan{"nobody": {}, "a wrong token": {Token: "door_0123456789abcdefghjkmnpqrs"}, "an organizer": g.organizer} {
			if w := h.ask(t, as, "GET", path, ""); w.Code != 401 || !strings.Contains(w.Body.String(), "/problems/device-revoked") {
				t.Errorf("%s as %s: %d %s", path, who, w.Code, w.Body)
			}
		}
		if w := h.ask(t, g.as, "GET", path, ""); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/events/" + g.event + "/door", "/users/" + g.organizer.UserID, "/bookings/" + g.booking} {
		if w := h.ask(t, g.as, "GET", path, ""); w.Code != 401 {
			t.Errorf("a device reads %s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := h.ask(t, g.as, "GET", "/events/"+g.event+"/plan", ""); w.Code != 200 {
		t.Errorf("a device reads the plan: %d %s", w.Code, w.Body)
	}
	if w := h.ask(t, g.as, "GET", "/door/guests?q=fan", ""); w.Code != 403 {
		t.Errorf("a device without names: %d %s", w.Code, w.Body)
	}
	other.token = g.token
	if status, said, body := other.send(t, other.scan(1, "")); status != 200 || said != "refused:other-event" {
		t.Errorf("at another event's door: %d %s", status, body)
	}
	if status, said, body := g.send(t, g.scan(1, ""), g.scan(2, "")); status != 200 || said != "admitted:ok refused:already-inside" || !strings.Contains(body, `"first":{"device":"`+g.id) {
		t.Errorf("%d %s", status, body)
	}
	if status, said, body := g.send(t, fmt.Sprintf(`{"counter":3,"at":%d,"kind":"out","booking_id":%q,"ordinal":0,"entrance":"main","how":"search"}`, time.Now().UnixMilli(), g.booking)); status != 200 || said != "refused:not-allowed" {
		t.Errorf("without a code: %d %s", status, body)
	}
	if w := h.ask(t, g.organizer, "DELETE", "/events/"+other.event+"/door/devices/"+g.id, ""); w.Code != 404 {
		t.Errorf("another organizer's device: %d %s", w.Code, w.Body)
	}
	early := &doorway{h: h, organizer: g.organizer, event: g.event, token: g.token}
	early.pair(t, `,"valid_from":"2098-01-01T00:00:00Z"`)
	if w := h.ask(t, early.as, "GET", "/door", ""); w.Code != 403 || !strings.Contains(w.Body.String(), "device-not-now") {
		t.Errorf("before its time: %d %s", w.Code, w.Body)
	}
	if w := h.ask(t, g.organizer, "DELETE", "/events/"+g.event+"/door/devices/"+g.id, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"revoked_at"`) || !strings.Contains(w.Body.String(), `"scans":3`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, g.as, "GET", "/door", ""); w.Code != 401 {
		t.Errorf("revoked: %d %s", w.Code, w.Body)
	}
	if status, said, body := g.send(t, g.scan(4, "")); status != 200 || said != "refused:device-revoked" {
		t.Errorf("revoked: %d %s", status, body)
	}
}

// Bad input changes nothing, and the answer names the field.
func TestDoorRefuses(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, `,"names":true`)
	many := make([]string, 501)
	for i := range many {
		many[i] = g.scan(i+1, "")
	}
	good := g.scan(1, "")
	for name, c := range map[string]struct {
		scans []string
		want  string // status, slug, and what the body has
	}{
		"none":             {nil, "422 invalid-field scans"},
		"too many":         {many, "422 invalid-field scans"},
		"an unknown field": {[]string{good, g.scan(2, `,"price":1`)}, "422 invalid-field scans[1].price"},
		"counter 0":        {[]string{good, g.scan(0, "")}, "422 invalid-field scans[1].counter"},
		"long ago":         {[]string{good, `{"counter":2,"at":12,"kind":"in","token":"x","entrance":"main","how":"camera"}`}, "422 invalid-field scans[1].at"},
		"out of range":     {[]string{good, g.scan(2, `,"n":1000000001`)}, "422 invalid-field scans[1].n"},
		"no kind":          {[]string{good, `{"counter":2,"at":1796068800000,"token":"x","entrance":"main","how":"camera"}`}, "422 invalid-field scans[1].kind"},
		"no ticket":        {[]string{good, `{"counter":2,"at":1796068800000,"kind":"in","entrance":"main","how":"camera"}`}, "422 invalid-field scans[1].token"},
		"two tickets":      {[]string{good, g.scan(2, `,"booking_id":"`+g.booking+`"`)}, "422 invalid-field scans[1].token"},
		"undo of nothing":  {[]string{good, `{"counter":2,"at":1796068800000,"kind":"undo","entrance":"main","how":"camera"}`}, "422 invalid-field scans[1].of"},
		"no reason":        {[]string{good, g.scan(2, `,"decided":"refused","reason":"ok"`)}, "422 invalid-field scans[1].reason"},
		"decided as asked": {[]string{good, g.scan(2, `,"decided":"recorded","reason":"ok"`)}, "422 invalid-field scans[1].decided"},
		"a counter twice":  {[]string{good, g.scan(1, `,"of":null`), strings.Replace(good, `"in"`, `"out"`, 1)}, "409 counter-used scans[2].counter"},
	} {
		status, said, body := g.send(t, c.scans...)
		want := strings.Fields(c.want)
		if fmt.Sprint(status) != want[0] || said != want[1] || !strings.Contains(body, want[2]) {
			t.Errorf("%s: %d %s, want %s", name, status, body, c.want)
		}
	}
	if w := h.ask(t, g.organizer, "GET", "/events/"+g.event+"/door/attendance", ""); !strings.Contains(w.Body.String(), `"inside":0`) {
		t.Errorf("half of a request counts: %s", w.Body)
	}
	later := fmt.Sprintf(`{"counter":1,"at":4102444799999,"kind":"in","token":%q,"entrance":"main","how":"camera"}`, g.token)
	w := h.ask(t, g.as, "POST", "/door/scans", `{"scans":[`+later+`]}`)
	var doc struct {
		Now   int64
		Items []struct{ At int64 }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Items) != 1 || doc.Items[0].At > doc.Now/1000+600_000 {
		t.Errorf("a clock of another century: %d %s", w.Code, w.Body)
	}
	var minute []string // some of these times look like numbers of cards
	for i := range 40 {
		minute = append(minute, fmt.Sprintf(`{"counter":%d,"at":%d,"kind":"in","token":"x","entrance":"main","how":"camera"}`, 100+i, h.DB.Now().UnixMilli()-int64(i)))
	}
	if status, _, body := g.send(t, minute...); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if w := h.ask(t, g.as, "GET", "/door/guests?q=%20x", ""); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, g.as, "GET", "/door/list?since=1.x", ""); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, g.as, "GET", "/door/scans?after=x", ""); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, userapi.Fan{}, "POST", "/door/pair", `{"code":"0123456789ab"}`); w.Code != 422 || !strings.Contains(w.Body.String(), `"code"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A device asks before it sends: without the right token, the body is not read.
func TestDoorBeforeTheBody(t *testing.T) {
	h := newHouse(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/door/scans", unread{t})
	r.Header.Set("Authorization", "Bearer door_0123456789abcdefghjkmnpqrs")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.door.Handler().ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}

// What one device scans, the others are told, with the list and the rules; a revoked one is
// told that, and then nothing.
func TestDoorLive(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	watcher := &doorway{h: h, organizer: g.organizer, event: g.event, token: g.token}
	watcher.pair(t, "")
	server := httptest.NewServer(h.door.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience.Long)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/door/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+watcher.as.Token)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func(event string) string {
		t.Helper()
		for lines.Scan() {
			if lines.Text() != "event: "+event {
				continue
			}
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					return data
				}
			}
		}
		t.Fatalf("the stream ends without %s: %v", event, lines.Err())
		return ""
	}
	next("list")
	g.send(t, g.scan(1, ""))
	if data := next("scans"); !strings.Contains(data, `"device":"`+g.id+`"`) || !strings.Contains(data, `"outcome":"admitted"`) || !strings.Contains(data, `"digest":"`) {
		t.Error(data)
	}
	h.must(t, g.organizer, "PUT", "/events/"+g.event+"/door", strings.Replace(aDoor, `"admit"`, `"refuse"`, 1), "reentry")
	next("state")
	h.ask(t, h.account(t, caller.Customer), "POST", "/bookings", `{"event_id":"`+g.event+`","quantity":1}`)
	next("list")
	h.ask(t, g.organizer, "DELETE", "/events/"+g.event+"/door/devices/"+watcher.id, "")
	next("revoked")
	lines.Scan() // the empty line that ends the message
	if lines.Scan() {
		t.Errorf("after that it says %q", lines.Text())
	}
}

// The list says of each seat whether its ticket may enter, as the tokens and the organizer
// say; what changes is told as changes.
func TestDoorList(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	read := func() *ticket.List {
		t.Helper()
		w := h.ask(t, g.as, "GET", "/door/list", "")
		l, err := ticket.DecodeList(w.Body.Bytes())
		if err != nil {
			t.Fatalf("%d %v", w.Code, err)
		}
		return l
	}
	first := read()
	one, err := h.Tickets.Keys().Verify(g.token, g.event)
	if err != nil || first.Check(one.Ticket) != nil {
		t.Errorf("%v %v", err, first.Check(one.Ticket))
	}
	if sold := slices.DeleteFunc(slices.Clone(first.Seats), func(d ticket.Digest) bool { return d == ticket.Digest{} }); len(sold) != 1 {
		t.Errorf("%d tickets", len(sold))
	}
	h.must(t, g.organizer, "POST", "/bookings/"+g.booking+"/cancellations", `{"reason":"The stalls are closed."}`, "id")
	var w *httptest.ResponseRecorder
	patience.Until(t, "the list follows", func() bool { // it may be a second old
		w = h.ask(t, g.as, "GET", fmt.Sprintf("/door/list?since=%d.%d", first.LedgerSeq, first.IssueRev), "")
		c, err := ticket.DecodeChanges(w.Body.Bytes())
		return err == nil && len(c.Seats) == 1 && first.Apply(c) == nil
	})
	if first.Check(one.Ticket) == nil {
		t.Error("a ticket that was given back is in the list")
	}
	if got := read(); !slices.Equal(got.Seats, first.Seats) {
		t.Error("the changes are not what has changed")
	}
	if status, said, body := g.send(t, g.scan(1, "")); status != 200 || said != "refused:not-sold" {
		t.Errorf("%d %s", status, body)
	}
}

// Who was let in gets no refund by cancelling, even after leaving; the organizer can give it,
// and a scan that was undone does not count.
func TestUsedTicketsStaySold(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	owner := g.owner
	seat := h.must(t, owner, "GET", "/bookings/"+g.booking, "", "seat_number")
	cancel := func(path string) (int, string) {
		w := h.ask(t, owner, "DELETE", "/bookings/"+g.booking+path, "")
		return w.Code, w.Body.String()
	}
	g.send(t, g.scan(1, ""))
	for _, path := range []string{"", "?seats=" + url.QueryEscape(seat)} {
		if code, body := cancel(path); code != 409 || !strings.Contains(body, "/problems/already-used") || !strings.Contains(body, `"seats":["`+seat+`"]`) {
			t.Errorf("%q, inside: %d %s", path, code, body)
		}
	}
	if text := visible(h.page(t, owner, "GET", "/orders/"+g.booking+"/cancel", nil, 200)); !strings.Contains(text, "Somebody was let in with these tickets") {
		t.Errorf("the page says nothing: %s", text)
	}
	g.send(t, strings.Replace(g.scan(2, ""), `"in"`, `"out"`, 1))
	if code, body := cancel(""); code != 409 {
		t.Errorf("has left: %d %s", code, body)
	}
	h.must(t, g.organizer, "POST", "/bookings/"+g.booking+"/cancellations", `{"reason":"The second half did not take place."}`, "status")

	gift := h.must(t, g.organizer, "POST", "/events/"+g.event+"/complimentary", `{"quantity":1}`, "id")
	h.must(t, g.organizer, "POST", "/events/"+g.event+"/door/corrections", fmt.Sprintf(`{"booking_id":%q,"seat":%q,"kind":"in","reason":"Came with the band."}`, gift, h.must(t, g.organizer, "GET", "/bookings/"+gift, "", "seat_number")), "outcome")
	if w := h.ask(t, g.organizer, "DELETE", "/bookings/"+gift, ""); w.Code != 200 {
		t.Errorf("a gift, by the organizer: %d %s", w.Code, w.Body)
	}

	g.buy(t)
	owner = g.owner
	if _, said, _ := g.send(t, g.scan(3, "")); said != "admitted:ok" {
		t.Fatal(said)
	}
	g.send(t, fmt.Sprintf(`{"counter":4,"at":%d,"kind":"undo","of":{"device":%q,"counter":3},"entrance":"main","how":"camera"}`, h.DB.Now().UnixMilli(), g.id))
	if code, body := cancel(""); code != 200 {
		t.Errorf("undone: %d %s", code, body)
	}
}
