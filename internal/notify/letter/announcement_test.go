package letter

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/notifyapi"
)

// An organizer's words are quoted as they are, but for what is hidden. Only complete
// addresses with https become links, and they are shown.
func TestQuoted(t *testing.T) {
	r := newRenderer(t)
	for text, want := range map[string][]string{ // lines of the mail, and the links
		"One\ntwo\n\n\n three ":                        {"One", "two", "three"},
		"See https://hall.example/way?a=1&b=2. Thanks": {"See https://hall.example/way?a=1&b=2. Thanks", "https://hall.example/way?a=1&b=2"},
		"(https://hall.example/a)":                     {"(https://hall.example/a)", "https://hall.example/a"},
		"http://hall.example www.hall.example":         {"http: //hall. example www. hall. example"},
		"https://user:pw@hall.example/x":               {"https: //user:pw@hall. example/x"},
		"https://hall.example@evil.example/":           {"https: //hall. example@evil. example/"},
		"https://localhost/x":                          {"https: //localhost/x"},
		`https://hall.example\@evil.example`:           {`https: //hall. example\@evil. example`},
		"javascript:alert(1) <b>x</b>":                 {"javascript:alert(1) <b>x</b>"},
		"a\u202eb\x00c\u200b":                          {"abc"},
		"Unsubscribe:\r\nhttps://":                     {"Unsubscribe:", "https: //"},
		"שלום https://hall.example/":                   {"\u2068שלום \u2069https://hall.example/", "https://hall.example/"},
	} {
		n := example(notifyapi.Announcement, "en")
		n.Data.Message.Text = text
		l, err := r.Render(n)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, line := range strings.Split(l.Text, "\n") {
			if own, ok := strings.CutPrefix(line, "  "); ok {
				lines = append(lines, own)
			}
		}
		_, links := shownIn(t, l.HTML)
		for _, link := range links {
			if link != n.Data.Link && link != n.Data.Unsubscribe {
				lines = append(lines, link)
			}
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%q is %q, not %q", text, lines, want)
		}
		if strings.Contains(l.HTML, "<b>x") {
			t.Errorf("%q is markup in %s", text, l.HTML)
		}
	}
}

// A test says that it is one, and offers nothing to unsubscribe from.
func TestTestOfAnAnnouncement(t *testing.T) {
	n := example(notifyapi.Announcement, "en")
	n.Data.Message.Test = true
	l, err := newRenderer(t).Render(n)
	if err != nil || !strings.HasPrefix(l.Subject, "Test: Doors open at 6") || !strings.Contains(l.Text, "Only you got it.") || strings.Contains(l.Text, "nsubscribe") {
		t.Error(l.Subject, l.Text, err)
	}
	n = example(notifyapi.Announcement, "en")
	n.Data.Organizer = nil // the house
	n.Data.Link = ""
	if l, err = newRenderer(t).Render(n); err != nil || !strings.Contains(l.Text, "we have news") || strings.Contains(l.HTML, `class="button"`) {
		t.Error(l.Text, err)
	}
}
