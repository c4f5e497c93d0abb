package app

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// asBrowser asks for pages rather than documents.
var asBrowser = []string{"Accept", "text/html"}

// read is a page that has to be there.
func (h *house) read(t *testing.T, as userapi.Fan, path string, header ...string) string {
	t.Helper()
	w := h.ask(t, as, "GET", path, "", append(header, asBrowser...)...)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func has(t *testing.T, body string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(body, word) {
			t.Errorf("there is no %q", word)
		}
	}
}

func hasNot(t *testing.T, body string, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(body, word) {
			t.Errorf("there is %q", word)
		}
	}
}

// The event page says what an event costs and when it is, also to programs.
func TestEventPage(t *testing.T) {
	h := newHouse(t)
	id := h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	w := h.ask(t, userapi.Fan{}, "GET", "/e/"+id+"/gala", "", asBrowser...)
	body := w.Body.String()
	has(t, body, "<h1><bdi>Gala</bdi></h1>", "€50.00", "100 of 100 seats free", `id="seatmap"`, `action="/e/`+id+`/hold"`, "21:00", "CET", "openstreetmap.org",
		`<meta property="og:image" content="/e/`+id+`/og.png">`)
	if cc := w.Header().Get("Cache-Control"); !strings.HasPrefix(cc, "public") {
		t.Errorf("Cache-Control: %s", cc)
	}
	if cc := h.ask(t, h.account(t, caller.Customer), "GET", "/e/"+id+"/gala", "", asBrowser...).Header().Get("Cache-Control"); !strings.HasPrefix(cc, "private") {
		t.Errorf("for somebody who is signed in: %s", cc)
	}
	block := regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`).FindStringSubmatch(body)
	if block == nil {
		t.Fatal("no JSON-LD")
	}
	var doc struct {
		StartDate   string `json:"startDate"`
		EventStatus string `json:"eventStatus"`
		Offers      struct{ LowPrice, PriceCurrency, Availability string }
	}
	if err := json.Unmarshal([]byte(block[1]), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.StartDate != "2099-03-01T21:00:00+01:00" || doc.EventStatus != "https://schema.org/EventScheduled" ||
		doc.Offers.LowPrice != "50.00" || doc.Offers.PriceCurrency != "EUR" || doc.Offers.Availability != "https://schema.org/InStock" {
		t.Errorf("%+v", doc)
	}
}

// What can be read of an event's sale follows what happens to it.
func TestEventPageStates(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	id := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "draft"), "id")
	page := "/e/" + id + "/gala"
	has(t, h.read(t, organizer, page), "Only you can see this page", `content="noindex"`)

	change := func(doc string) { h.must(t, organizer, "PUT", "/events/"+id, doc, "id") }
	change(`{"status":"published"}`)
	body := h.read(t, userapi.Fan{}, page)
	has(t, body, "The event is announced", `id="seatmap"`)
	hasNot(t, body, `id="hold"`)

	change(`{"status":"on_sale","sale_opens_at":"2098-01-01T09:00:00Z"}`)
	body = h.read(t, userapi.Fan{}, page)
	has(t, body, `data-countdown="reload"`, `datetime="2098-01-01T10:00:00&#43;01:00"`, "10:00")
	hasNot(t, body, `id="hold"`)

	change(`{"sale_opens_at":"2020-01-01T09:00:00Z","event_time":"2099-03-02T20:00:00Z"}`)
	body = h.read(t, userapi.Fan{}, page)
	has(t, body, `id="hold"`, "What has changed", "Sunday 1 March 2099", "Monday 2 March 2099", "EventRescheduled")
	has(t, h.read(t, userapi.Fan{}, page+"?lang=de"), "Was sich geändert hat", "Montag, 2. März 2099")

	for free := int32(100); free > 0; {
		free -= 4
		h.must(t, h.account(t, caller.Customer), "POST", "/bookings", `{"event_id":"`+id+`","quantity":4}`, "id")
	}
	body = h.read(t, userapi.Fan{}, page)
	has(t, body, "All seats are taken at the moment", "schema.org/SoldOut")
	hasNot(t, body, `id="hold"`)

	if w := h.ask(t, organizer, "DELETE", "/events/"+id, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	body = h.read(t, userapi.Fan{}, page)
	has(t, body, "This event has been cancelled", "EventCancelled", "What has changed")
	hasNot(t, body, `id="seatmap"`, "you can cancel your seats", "The sale ends")
}

// The list of seats shows what is taken, and who holds seats is led to them;
// others are not.
func TestSeatList(t *testing.T) {
	h := newHouse(t)
	owner, stranger := h.account(t, caller.Customer), h.account(t, caller.Customer)
	id := h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	sections, err := h.Bookings.Sections(t.Context(), caller.Caller{}, id)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := h.Bookings.Rows(t.Context(), caller.Caller{}, id, sections[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	taken, free := rows[0].Seats[0].Label, rows[0].Seats[1].Label
	booking := h.must(t, owner, "POST", "/bookings", `{"event_id":"`+id+`","seats":["`+taken+`"]}`, "id")

	page := "/e/" + id + "/gala"
	has(t, h.read(t, stranger, page), `href="?section=`+sections[0].ID+`#seatlist"`, "99 of 100 seats free")
	body := h.read(t, stranger, page+"?section="+sections[0].ID)
	has(t, body, `value="`+taken+`" disabled>`, `value="`+free+`">`)
	hasNot(t, body, "/checkout/"+booking, `"mine":`)
	has(t, h.read(t, owner, page), `href="/checkout/`+booking+`"`, `"mine":["`+taken+`"]`)
	if n := strings.Count(h.read(t, stranger, page+"?section=nowhere"), `name="seats"`); n != 0 {
		t.Errorf("%d seats of a section that is not there", n)
	}
	if w := h.ask(t, owner, "DELETE", "/bookings/"+booking, ""); w.Code >= 300 {
		t.Fatal(w.Body)
	}
	hasNot(t, h.read(t, owner, page), "/checkout/")
}

// What is large is sent compressed to those who take it, under a tag of its own,
// and is the same.
func TestCompressed(t *testing.T) {
	h := newHouse(t)
	id := h.must(t, h.account(t, caller.Organizer), "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"seats":100`, `"seats":5000`, 1), "id")
	for _, path := range []string{"/events/" + id + "/plan", "/events/" + id + "/seats?form=compact"} {
		plain := h.ask(t, userapi.Fan{}, "GET", path, "")
		zipped := h.ask(t, userapi.Fan{}, "GET", path, "", "Accept-Encoding", "br, gzip")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" || plain.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", path, zipped.Header())
		}
		if zipped.Body.Len()*5 > plain.Body.Len() {
			t.Errorf("%s: %d bytes of %d", path, zipped.Body.Len(), plain.Body.Len())
		}
		tag := zipped.Header().Get("ETag")
		if tag == plain.Header().Get("ETag") {
			t.Errorf("%s: %s for both", path, tag)
		}
		if again := h.ask(t, userapi.Fan{}, "GET", path, "", "Accept-Encoding", "gzip", "If-None-Match", tag); again.Code != 304 {
			t.Errorf("%s again: %d", path, again.Code)
		}
		if got := unzip(t, zipped); !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("%s: other bytes", path)
		}
	}
}

func unzip(t *testing.T, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Events are found by words, city and day, and are in maps and calendars once
// they are announced.
func TestFinding(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	make := func(title, city, at, status string) string {
		return h.must(t, organizer, "POST", "/events", fmt.Sprintf(`{"title":%q,"event_time":%q,"category":"Music","venue":{"name":"Hall","city":%q,"time_zone":"Asia/Tokyo"},
			"plan":{"template":"club","seats":50},"currency":"EUR","price":5000,"status":%q}`, title, at, city, status), "id")
	}
	early := make("Early Dvořák", "Tokyo", "2099-03-01T20:00:00Z", "on_sale") // 2 March in Tokyo
	late := make("Late Bird", "Osaka", "2099-03-09T20:00:00Z", "published")
	draft := make("Secret", "Osaka", "2099-03-09T20:00:00Z", "draft")

	for query, want := range map[string][2]bool{ // early, late
		"":                              {true, true},
		"q=dvorak":                      {true, false},
		"city=osaka":                    {false, true},
		"category=Music&to=2099-03-02":  {true, false},
		"from=2099-03-02&to=2099-03-02": {true, false},
		"from=2099-03-03":               {false, true},
		"to=2099-03-01":                 {false, false},
	} {
		body := h.read(t, organizer, "/search?"+query)
		results, _, _ := strings.Cut(body, "You might like")
		if got := [2]bool{strings.Contains(results, "/e/"+early+"/"), strings.Contains(results, "/e/"+late+"/")}; got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		hasNot(t, body, draft)
	}
	for _, path := range []string{"/sitemap.xml", "/calendar.ics", "/"} {
		body := strings.ReplaceAll(h.read(t, userapi.Fan{}, path), "\r\n ", "")
		has(t, body, early, late)
		hasNot(t, body, draft)
	}
	has(t, h.read(t, userapi.Fan{}, "/e/"+early+"/calendar.ics"), "BEGIN:VEVENT\r\n", "DTSTART:20990301T200000Z\r\n")
}
