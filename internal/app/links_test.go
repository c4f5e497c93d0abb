package app

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// Every link, picture, script and search form of every page that people can come
// to from the home page leads somewhere, whoever they are.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("asks everything, one after the other")
	}
	h := newHouse(t)
	ann, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	var events []string
	for _, status := range []string{"on_sale", "on_sale", "published", "draft"} {
		events = append(events, h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, status), "id"))
	}
	for _, pay := range []bool{true, false} { // one booking, one hold
		booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+events[0]+`","quantity":2}`, "id")
		if pay {
			h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
		}
	}
	h.must(t, ann, "POST", "/bookings", `{"event_id":"`+events[1]+`","quantity":1}`, "id")
	h.must(t, organizer, "POST", "/events/"+events[0]+"/complimentary", `{"quantity":1,"name":"Guest"}`, "id")
	h.must(t, organizer, "PUT", "/events/"+events[1], `{"status":"cancelled"}`, "id")
	for name, who := range map[string]userapi.Fan{"nobody": {}, "buyer": ann, "organizer": organizer, "admin": h.account(t, caller.Admin), "stranger": h.account(t, caller.Customer)} {
		t.Run(name, func(t *testing.T) {
			c := crawl{house: h, who: who, from: map[string]string{}}
			for _, start := range []string{"/", "/search?q=nothingofthekind", "/nowhere", "/docs", "/developers", "/forgot", "/sign-up", "/offline"} {
				c.add(start, "")
			}
			c.all(t)
			if len(c.from) < 25 {
				t.Errorf("only %d addresses were found", len(c.from))
			}
		})
	}
}

// crawl is a walk along all links of pages.
type crawl struct {
	house *house
	who   userapi.Fan
	todo  []string
	from  map[string]string // address → the page that links to it
}

var (
	linked = regexp.MustCompile(`(?s)<(?:a|link|img|script|form)\b[^>]*?\s(?:href|src|action)="([^"]*)"[^>]*>`)
	posted = regexp.MustCompile(`\smethod="post"`)
	named  = regexp.MustCompile(`\sid="([^"]+)"`)
)

func (c *crawl) add(address, page string) {
	if _, known := c.from[address]; known || len(c.from) > 2000 {
		return
	}
	c.from[address] = page
	c.todo = append(c.todo, address)
}

func (c *crawl) all(t *testing.T) {
	t.Helper()
	for len(c.todo) > 0 {
		address := c.todo[0]
		c.todo = c.todo[1:]
		w := c.house.ask(t, c.who, "GET", address, "", asBrowser...)
		page := c.from[address]
		if w.Code >= 400 && page != "" {
			t.Errorf("%s links to %s: %d", page, address, w.Code)
		}
		base, err := url.Parse(address)
		if err != nil {
			t.Fatalf("%s links to %s: %v", page, address, err)
		}
		if to := w.Header().Get("Location"); to != "" {
			c.follow(t, base, address, to)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			c.read(t, base, address, w.Body.String())
		}
	}
}

// read takes the links out of a page; those within it need their aim on it.
func (c *crawl) read(t *testing.T, base *url.URL, address, body string) {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(body, -1) {
		ids[html.UnescapeString(m[1])] = true
	}
	for _, m := range linked.FindAllStringSubmatch(body, -1) {
		if posted.MatchString(m[0]) {
			continue
		}
		to := html.UnescapeString(m[1])
		if aim, here := strings.CutPrefix(to, "#"); here && !ids[aim] && !strings.HasPrefix(m[0], "<form") {
			t.Errorf("%s links to %s, which it does not have", address, to)
		}
		c.follow(t, base, address, to)
	}
}

func (c *crawl) follow(t *testing.T, base *url.URL, address, to string) {
	t.Helper()
	u, err := base.Parse(to)
	if err != nil {
		t.Errorf("%s links to %q: %v", address, to, err)
		return
	}
	if u.IsAbs() && u.Hostname() != "example.com" || u.Query().Has("lang") {
		return // elsewhere, or the same page in another language
	}
	c.add((&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String(), address)
}
