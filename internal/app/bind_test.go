package app

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
)

// heldTickets is what the API says of a booking's tickets.
type heldTickets struct {
	Items []struct {
		Seat, Token, Part string
		BoundTo           string `json:"bound_to"`
		Issue             uint16
	}
	Codes string
	Paper bool
	Rev   int64
	Time  *ticket.SignedTime
}

// A ticket is bound to a phone, which makes its codes without a network; a second phone takes
// it over, and the codes of the first are void.
func TestBindTickets(t *testing.T) {
	h := newHouse(t)
	g := h.doorway(t, "")
	ann := h.visitor(t, "ann")
	const rotating = `{"entrances":[{"id":"main","name":"Main"}],"reentry":"after-exit","alone":"admit","names":false,"codes":"rotating","paper":false}`
	booking := h.buys(t, ann, g.event, 1, paymentapi.SandboxOK)
	path := "/bookings/" + booking + "/tickets"
	read := func(as userapi.Fan, method, path, body string, status int) (got heldTickets) {
		t.Helper()
		w := h.ask(t, as, method, path, body)
		if w.Code != status {
			t.Fatalf("%s %s %s: %d, not %d: %s", method, path, body, w.Code, status, w.Body)
		}
		if status == 200 {
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
		} else if !strings.Contains(w.Body.String(), "/problems/") {
			t.Errorf("%s", w.Body)
		}
		return got
	}
	phones := [2]ed25519.PrivateKey{}
	publics := [2]string{}
	for n := range phones {
		phones[n] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize))
		publics[n] = base64.RawURLEncoding.EncodeToString(phones[n].Public().(ed25519.PublicKey))
	}
	body := func(phone int, more string) string { return `{"public_key":"` + publics[phone] + `"` + more + `}` }

	if before := read(ann, "GET", path, "", 200); before.Codes != "fixed" || !before.Paper || before.Items[0].Token == "" || before.Rev != 0 || before.Time != nil {
		t.Errorf("fixed: %+v", before)
	}
	read(ann, "POST", path+"/bind", body(0, ""), 409)
	printed := read(ann, "GET", path, "", 200).Items[0].Token
	h.must(t, g.organizer, "PUT", "/events/"+g.event+"/door", rotating, "codes")
	if free := read(ann, "GET", path+"?public_key="+publics[0], "", 200); free.Codes != "rotating" || free.Paper || free.Items[0].Token != "" || free.Time == nil || !h.Tickets.Keys().VerifyTime(publics[0], *free.Time) {
		t.Errorf("rotating: %+v", free)
	}
	read(ann, "GET", path+"?public_key=x", "", 422)
	read(ann, "POST", path+"/bind", `{"public_key":"AAAA"}`, 422)
	read(ann, "POST", path+"/bind", body(0, `,"seats":["nowhere"]`), 422)
	read(g.organizer, "POST", path+"/bind", body(0, ""), 404)
	read(h.account(t, caller.Customer), "POST", path+"/bind", body(0, ""), 404)
	read(userapi.Fan{}, "POST", path+"/bind", body(0, ""), 401)

	bound := read(ann, "POST", path+"/bind", body(0, `,"seen":0`), 200)
	again := read(ann, "POST", path+"/bind", body(0, `,"seen":0`), 200)
	one := bound.Items[0]
	if one.BoundTo != publics[0] || len(one.Part) != ticket.PartLen || one.Token != "" || one.Issue != 1 || bound.Rev != again.Rev || again.Items[0].Part != one.Part || !h.Tickets.Keys().VerifyTime(publics[0], *bound.Time) {
		t.Errorf("%+v, then %+v", bound, again)
	}
	code := func(part string, phone int, ago time.Duration) string {
		t.Helper()
		text, err := ticket.PhoneCode(part, phones[phone], h.DB.Now().Add(-ago), true)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	read(ann, "POST", path+"/bind", body(1, ""), 409)
	read(ann, "POST", path+"/bind", body(1, `,"move":true,"seen":0`), 409)
	counter := 0
	scan := func(name, token, want string) {
		t.Helper()
		counter++
		g.token = token
		if status, said, body := g.send(t, g.scan(counter, "")); status != 200 || said != want {
			t.Errorf("%s: %d %s, not %s: %s", name, status, said, want, body)
		}
	}
	scan("printed before", printed, "refused:replaced")
	scan("a copy", code(one.Part, 0, 16*time.Second), "refused:stale-code")
	moved := read(ann, "POST", path+"/bind", body(1, `,"move":true`), 200).Items[0]
	scan("of the first phone", code(one.Part, 0, 0), "refused:replaced")
	scan("of the second phone", code(moved.Part, 1, 0), "admitted:ok")
	h.must(t, ann, "POST", path+"/reissue", `{}`, "items")
	if free := read(ann, "GET", path, "", 200); free.Items[0].BoundTo != "" || free.Items[0].Issue != 3 || free.Items[0].Part != "" {
		t.Errorf("replaced: %+v", free)
	}
	w := h.ask(t, ann, "GET", "/bookings/"+booking+"/tickets.pdf", "")
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "%PDF") {
		t.Errorf("a PDF without codes: %d", w.Code)
	}
}
