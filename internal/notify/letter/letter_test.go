package letter

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"boxoffice/internal/locale"
	"boxoffice/internal/notifyapi"
)

var update = flag.Bool("update", false, "write the golden files")

func newRenderer(t testing.TB) *Renderer {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// example is a notice of a kind with all its data.
func example(kind notifyapi.Kind, lang string) *notifyapi.Notice {
	starts := time.Date(2027, 3, 13, 18, 30, 0, 0, time.UTC)
	n := &notifyapi.Notice{ID: "1", Kind: kind, To: "ada@example.org", Name: "Ada Lovelace", Lang: lang, Data: notifyapi.Data{
		Link: "https://tickets.example/a?token=abc&x=1", Forgot: "https://tickets.example/forgot", Code: "ABC-DEF-GHJ", Minutes: 60,
		Event: &notifyapi.Event{Title: "Night of the Violins", Starts: starts, Zone: "Europe/Berlin", Venue: "Old Hall", Address: "Main Street 1", City: "Ulm"},
		Order: &notifyapi.Order{Reference: "ABCD-EFGH", Amount: 123450, Currency: "EUR", Places: []notifyapi.Place{
			{Section: "Stalls", Row: "3", Number: "7", Price: 61725}, {Section: "Standing", Price: 61725},
		}},
		Refund:      &notifyapi.Refund{Amount: 61725, Left: 1, Reason: "seats-gone", Again: true},
		Before:      &notifyapi.Event{Title: "Night of the Violins", Starts: starts.Add(-24 * time.Hour), Zone: "Europe/Berlin", Venue: "New Hall", City: "Ulm"},
		CancelUntil: starts.Add(-24 * time.Hour),
		Webhook:     &notifyapi.Webhook{URL: "https://crm.example/hooks"},
		Organizer:   &notifyapi.Organizer{ID: "hall", Name: "Friends of the Old Hall"},
		Dispute:     &notifyapi.Dispute{State: "open", Amount: 61725, Reason: "fraudulent", Due: starts.Add(-72 * time.Hour)},
		Unsubscribe: "https://tickets.example/unsubscribe?token=def",
		Message:     &notifyapi.Message{Subject: "Doors open at 6", Text: "Because of the snow we open\nearlier.\n\nCoats & hats are free: come early."},
	}}
	switch kind {
	case notifyapi.Refunded:
		n.Data.Order.Places = n.Data.Order.Places[:1]
	case notifyapi.PaidTooLate:
		n.Data.Refund.Amount = n.Data.Order.Amount
	}
	return n
}

// The letters of all kinds, in all languages, as they were reviewed.
func TestGolden(t *testing.T) {
	r := newRenderer(t)
	for _, kind := range notifyapi.Kinds {
		for _, lang := range locale.Languages {
			l, err := r.Render(example(kind, lang))
			if err != nil {
				t.Error(err)
				continue
			}
			for ending, got := range map[string]string{"txt": l.Subject + "\n\n" + l.Text, "html": l.HTML} {
				name := filepath.Join("testdata", fmt.Sprintf("%s.%s.%s", kind, lang, ending))
				if *update {
					if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(name); err != nil || string(want) != got {
					t.Errorf("%s (%v): go test ./internal/notify/letter -update writes what is new; it is\n%s", name, err, got)
				}
			}
		}
	}
	if len(kinds) != len(notifyapi.Kinds) {
		t.Errorf("%d letters for %d kinds", len(kinds), len(notifyapi.Kinds))
	}
}

// Text and HTML say the same.
func TestTextAndHTMLAgree(t *testing.T) {
	r := newRenderer(t)
	for _, kind := range notifyapi.Kinds {
		for _, lang := range locale.Languages {
			l, err := r.Render(example(kind, lang))
			if err != nil {
				t.Fatal(err)
			}
			plain, _ := shownIn(t, strings.NewReplacer(`<span class="unbroken">ABCD-EFGH</span>`, "ABCD-EFGH").Replace(l.HTML))
			for _, word := range strings.Fields(l.Text) {
				if !strings.Contains(plain, strings.TrimRight(word, ":")) {
					t.Errorf("%s in %s: the HTML lacks %q", kind, lang, word)
				}
			}
		}
	}
}

// shownIn returns the text of an HTML page, and where its links lead.
func shownIn(t *testing.T, page string) (text string, links []string) {
	t.Helper()
	var all strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	hidden := ""
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return all.String(), links
		case html.StartTagToken:
			tag := z.Token()
			switch tag.Data {
			case "script", "img", "iframe", "object", "form", "link", "svg":
				t.Errorf("a mail has a tag <%s>", tag.Data)
			case "style", "title":
				hidden = tag.Data
			}
			for _, a := range tag.Attr {
				if a.Key == "href" {
					links = append(links, a.Val)
				} else if strings.HasPrefix(a.Key, "on") || a.Key == "src" {
					t.Errorf("a mail has an attribute %s", a.Key)
				}
			}
		case html.EndTagToken:
			if z.Token().Data == hidden {
				hidden = ""
			}
		case html.TextToken:
			if hidden == "" {
				all.WriteString(z.Token().Data)
				all.WriteString(" ")
			}
		}
	}
}

// Whatever strangers call themselves, their events, venues and seats, the mail has one
// subject line, our links only, and no markup of theirs.
func TestHostileNames(t *testing.T) {
	r := newRenderer(t)
	for _, bad := range hostile {
		for _, kind := range notifyapi.Kinds {
			for _, lang := range locale.Languages {
				n := example(kind, lang)
				n.Name = bad
				n.Data.Event = &notifyapi.Event{Title: bad, Starts: n.Data.Event.Starts, Zone: "Europe/Berlin", Venue: bad, Address: bad, City: bad}
				n.Data.Before = &notifyapi.Event{Title: bad + "!", Starts: n.Data.Before.Starts, Zone: "Europe/Berlin", Venue: bad + "!", Address: bad, City: bad}
				n.Data.Organizer.Name, n.Data.Message.Subject = bad, bad
				n.Data.Order.Places = []notifyapi.Place{{Section: bad, Row: bad, Number: bad, Price: 100}}
				l, err := r.Render(n)
				if err != nil {
					t.Fatal(err)
				}
				if strings.ContainsAny(l.Subject, "\r\n\x00") {
					t.Errorf("%s with %q: subject %q", kind, bad, l.Subject)
				}
				_, links := shownIn(t, l.HTML)
				for _, link := range links {
					if link != n.Data.Link && link != n.Data.Forgot && link != n.Data.Unsubscribe {
						t.Errorf("%s with %q links to %q", kind, bad, link)
					}
				}
				ours := strings.NewReplacer(n.Data.Link, "", n.Data.Forgot, "", n.Data.Unsubscribe, "")
				if found := linkLike.FindString(ours.Replace(l.Subject + "\n" + l.Text)); found != "" {
					t.Errorf("%s with %q: mail programs make a link of %q", kind, bad, found)
				}
				for _, line := range strings.Split(l.Text, "\n") {
					if strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, ".") {
						t.Errorf("%s with %q has the line %q", kind, bad, line)
					}
				}
			}
		}
	}
}

var linkLike = regexp.MustCompile(`(?i)https?://|www\.\w|[\w-]+\.example\b|\w@\w+\.\w`)

var hostile = []string{
	"x\r\nBcc: all@evil.example", "x\n.\nMAIL FROM:<a@evil.example>", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	"https://evil.example/now", "Win at www.evil.example", "a@evil.example", "{{.Data.Code}}", "javascript:alert(1)", "\u202eevil", "</style></head>",
	"=?utf-8?q?hi?=", strings.Repeat("long ", 300), "<a href=https://evil.example>here</a>", "x\u2028y\u2029z",
}

// A notice that lacks data is given up, not sent half empty.
func TestIncomplete(t *testing.T) {
	r := newRenderer(t)
	for _, kind := range notifyapi.Kinds {
		n := example(kind, "en")
		n.Data = notifyapi.Data{}
		_, err := r.Render(n)
		needs := kind != notifyapi.PasswordChanged && kind != notifyapi.AddressChanged
		if (err != nil) != needs {
			t.Errorf("%s without data: %v", kind, err)
		}
	}
	if _, err := r.Render(example("unheard-of", "en")); err == nil {
		t.Error("a letter of an unknown kind")
	}
}

// Times are the venue's; an unknown time shows what is known. A server that does not
// know its own address says so instead of a link.
func TestTimesAndLinks(t *testing.T) {
	r := newRenderer(t)
	n := example(notifyapi.Booked, "en")
	n.Data.Event.Starts, n.Data.Event.Date = time.Time{}, "2027-03-13"
	n.Data.Link = "[this ticket office's address: see --public-url]/orders/x"
	l, err := r.Render(n)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.Text, "Saturday 13 March 2027\n") || strings.Contains(l.Text, "Berlin") {
		t.Error(l.Text)
	}
	if _, links := shownIn(t, l.HTML); len(links) != 0 || !strings.Contains(l.HTML, "--public-url]/orders/x") {
		t.Errorf("%v %s", links, l.HTML)
	}
	n.Data.Event.Starts, n.Data.Event.Zone = time.Date(2027, 7, 1, 20, 0, 0, 0, time.FixedZone("", -4*3600)), "No/Where"
	if l, err = r.Render(n); err != nil || !strings.Contains(l.Text, "20:00") {
		t.Error(l.Text, err)
	}
}

// All languages have the same messages, and each is used.
func TestCataloguesAgree(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := ""
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code += string(raw)
	}
	placeholder := regexp.MustCompile(`\{\{\.\w+\}\}`)
	holes := func(v any) []string {
		if m, ok := v.(map[string]any); ok {
			v = m["other"]
		}
		found := placeholder.FindAllString(fmt.Sprint(v), -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	base, err := locale.Catalogue(wordFiles, "words", locale.Languages[0])
	if err != nil || len(base) < 20 {
		t.Fatal(len(base), err)
	}
	for _, lang := range locale.Languages {
		all, err := locale.Catalogue(wordFiles, "words", lang)
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range base {
			if other, ok := all[key]; !ok || !slices.Equal(holes(v), holes(other)) {
				t.Errorf("%s: %q is %v", lang, key, other)
			}
			if !strings.Contains(code, `"`+key+`"`) {
				t.Errorf("no letter says %q", key)
			}
		}
		if len(all) != len(base) {
			t.Errorf("%s has %d messages, not %d", lang, len(all), len(base))
		}
	}
}

// A letter of a test says so in its subject, and first of all.
func TestOfATest(t *testing.T) {
	r := newRenderer(t)
	r.Test = true
	for _, kind := range notifyapi.Kinds {
		for _, lang := range locale.Languages {
			l, err := r.Render(example(kind, lang))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(l.Subject, "[TEST] ") || !strings.HasPrefix(l.Text, "TEST: ") || !strings.Contains(l.HTML, "TEST: ") {
				t.Errorf("%s in %s: %q\n%s", kind, lang, l.Subject, l.Text)
			}
		}
	}
}

// Letters about an order go by the money that was paid for it, whatever the program's mode
// is by now. Announcements are about the event.
func TestOfAnOrdersMoney(t *testing.T) {
	for _, mode := range []bool{false, true} {
		r := newRenderer(t)
		r.Test = mode
		for _, kind := range notifyapi.Kinds {
			for _, lang := range locale.Languages {
				for _, money := range []string{"", notifyapi.RealMoney, notifyapi.TestMoney} {
					n := example(kind, lang)
					tests := mode
					if o := n.Data.Order; o != nil {
						paid := *o
						paid.Money, n.Data.Order = money, &paid
						if money != "" && kind != notifyapi.Announcement {
							tests = money == notifyapi.TestMoney
						}
					}
					l, err := r.Render(n)
					if err != nil {
						t.Fatal(err)
					}
					if strings.HasPrefix(l.Subject, "[TEST] ") != tests || strings.HasPrefix(l.Text, "TEST: ") != tests || strings.Contains(l.HTML, "TEST: ") != tests {
						t.Errorf("%s in %s, paid with %q, in test mode: %t: %q\n%s", kind, lang, money, mode, l.Subject, l.Text)
					}
				}
			}
		}
	}
}
