package app

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
)

// codes are the tickets of a booking as the API gives them to its owner: the issue of each
// token, by seat, after a check of its signature.
func (h *house) codes(t *testing.T, as userapi.Fan, booking string) (issues map[string]uint16, tokens []string) {
	t.Helper()
	w := h.ask(t, as, "GET", "/bookings/"+booking+"/tickets", "")
	var doc struct {
		Items []struct {
			Seat, Token string
			Issue       uint16
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	issues = map[string]uint16{}
	for _, i := range doc.Items {
		got, err := h.Tickets.Keys().Verify(i.Token, "")
		if err != nil || got.Issue != i.Issue || got.BookingID != booking || got.PlanVersion < 1 {
			t.Fatalf("%+v %v, issue %d", got, err, i.Issue)
		}
		issues[i.Seat] = i.Issue
		tokens = append(tokens, i.Token)
	}
	return issues, tokens
}

// all reports whether each of n tickets has an issue.
func all(issues map[string]uint16, n int, issue uint16) bool {
	for _, is := range issues {
		if is != issue {
			return false
		}
	}
	return len(issues) == n
}

// Whoever has the tickets of a booking can replace them, and so can its organizer, who does
// not get the new ones.
func TestReissueAPI(t *testing.T) {
	h := newHouse(t)
	ann, bob, nobody := h.visitor(t, "ann"), h.visitor(t, "bob"), userapi.Fan{}
	booking, _ := h.bought(t, ann, 2, paymentapi.SandboxOK)
	path := "/bookings/" + booking + "/tickets/reissue"
	before, first := h.codes(t, ann, booking)
	if !all(before, 2, 0) {
		t.Fatalf("%v", before)
	}
	answer := func(as userapi.Fan, path, body string, status int) string {
		t.Helper()
		w := h.ask(t, as, "POST", path, body)
		if w.Code != status {
			t.Fatalf("%s %s: %d, not %d: %s", path, body, w.Code, status, w.Body)
		}
		return w.Body.String()
	}
	answer(ann, path, `{}`, 200)
	issues, second := h.codes(t, ann, booking)
	if !all(issues, 2, 1) || slices.Equal(first, second) {
		t.Errorf("%v", issues)
	}
	var seat string
	for seat = range issues {
	}
	_, token := h.link(t, booking)
	has(t, answer(nobody, path+"?token="+token, `{"seats":["`+seat+`"]}`, 200), `"issue":2`, `"issue":1`)
	if issues, _ = h.codes(t, ann, booking); issues[seat] != 2 || len(issues) != 2 {
		t.Errorf("%v", issues)
	}
	answer(nobody, path, `{}`, 401)
	answer(nobody, path+"?token=x", `{}`, 404)
	answer(bob, path, `{}`, 404)
	has(t, answer(ann, path, `{"seats":["no such seat"]}`, 422), "seats")
	held, _ := h.bought(t, bob, 1, "")
	has(t, answer(bob, "/bookings/"+held+"/tickets/reissue", `{}`, 409), "no-tickets")

	organizer := h.account(t, caller.Organizer)
	event := h.event(t, organizer)
	sold := h.buys(t, ann, event, 1, paymentapi.SandboxOK)
	path = "/bookings/" + sold + "/tickets/reissue"
	has(t, answer(organizer, path, `{}`, 422), "reason")
	has(t, answer(organizer, path, `{"reason":"The printed tickets were lost."}`, 200), `"issue":1`)
	if issues, _ := h.codes(t, ann, sold); !all(issues, 1, 1) {
		t.Errorf("%v", issues)
	}
	if w := h.ask(t, organizer, "GET", "/bookings/"+sold+"/tickets", ""); w.Code != 404 {
		t.Errorf("the organizer gets tickets: %d", w.Code)
	}
}

// The page says what replacing means, and a form that is sent twice replaces once. Page,
// PDF and mail have the current codes.
func TestReissuePage(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 2, paymentapi.SandboxOK)
	at := "/orders/" + booking + "/tickets"
	shows := func(body string, tokens []string, want bool) {
		t.Helper()
		for _, token := range tokens {
			code, err := ticket.NewQR(token)
			if err != nil {
				t.Fatal(err)
			}
			svg, err := code.SVG()
			if err != nil || strings.Contains(body, string(svg[strings.Index(string(svg), "<svg"):])) != want {
				t.Errorf("a code of the page is the current one: %v %v", !want, err)
			}
		}
	}
	body := h.read(t, ann, at)
	has(t, body, "Replace these codes", "stop working at once")
	issues, old := h.codes(t, ann, booking)
	shows(body, old, true)
	pdf := h.ask(t, ann, "GET", at+".pdf", "").Body.String()

	form := url.Values{"seen": {field(t, body, "seen")}}
	for label := range issues {
		form.Add("seats", label)
	}
	for range 2 {
		h.page(t, ann, "POST", at, form, http.StatusSeeOther)
	}
	issues, fresh := h.codes(t, ann, booking)
	if !all(issues, 2, 1) {
		t.Errorf("%v", issues)
	}
	body = h.read(t, ann, at)
	shows(body, old, false)
	shows(body, fresh, true)
	if again := h.ask(t, ann, "GET", at+".pdf", "").Body.String(); again == pdf {
		t.Error("the PDF has the codes of before")
	}
	mailed, err := h.fans.Attachments(t.Context(), booking, "en")
	if err != nil || len(mailed) == 0 || string(mailed[0].Body) == pdf {
		t.Errorf("the mail has the codes of before: %v", err)
	}

	h.page(t, ann, "POST", at, url.Values{"seen": {field(t, body, "seen")}}, http.StatusSeeOther) // none is chosen
	if issues, _ = h.codes(t, ann, booking); !all(issues, 2, 1) {
		t.Errorf("%v", issues)
	}

	// A new link, and new codes with it.
	body = h.read(t, ann, "/orders/"+booking)
	form = url.Values{"link": {field(t, body, "link")}, "seen": {field(t, body, "seen")}}
	h.page(t, ann, "POST", "/orders/"+booking+"/link", form, http.StatusSeeOther)
	if issues, _ = h.codes(t, ann, booking); !all(issues, 2, 1) {
		t.Errorf("a link alone: %v", issues)
	}
	form.Set("codes", "yes")
	form.Set("link", field(t, h.read(t, ann, "/orders/"+booking), "link"))
	for range 2 {
		h.page(t, ann, "POST", "/orders/"+booking+"/link", form, http.StatusSeeOther)
	}
	if issues, _ = h.codes(t, ann, booking); !all(issues, 2, 2) {
		t.Errorf("with the link: %v", issues)
	}
}

// The organizer replaces tickets with a reason, which the order's page shows.
func TestReissueConsole(t *testing.T) {
	h := newHouse(t)
	ann, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	event := h.event(t, organizer)
	booking := h.buys(t, ann, event, 2, paymentapi.SandboxOK)
	at := "/organizer/events/" + event + "/orders/" + booking
	body := h.page(t, organizer, "GET", at, nil, http.StatusOK)
	has(t, body, "Replace the codes of tickets")
	hasNot(t, body, "replaced once")
	form := url.Values{"seen": {field(t, body[strings.Index(body, `id="reissue"`):], "seen")}}
	before, _ := h.codes(t, ann, booking)
	for label := range before {
		form.Set("seats", label)
	}
	has(t, h.page(t, organizer, "POST", at+"/tickets", form, http.StatusUnprocessableEntity), "replace-reason-fault")
	form.Set("reason", "The printed tickets were stolen.")
	for range 2 {
		h.page(t, organizer, "POST", at+"/tickets", form, http.StatusSeeOther)
	}
	body = h.page(t, organizer, "GET", at, nil, http.StatusOK)
	has(t, body, "replaced once, last by an organizer", "The printed tickets were stolen.")
	issues, _ := h.codes(t, ann, booking)
	if n := issues[form.Get("seats")]; n != 1 || len(issues) != 2 || all(issues, 2, 1) {
		t.Errorf("%v", issues)
	}
}
