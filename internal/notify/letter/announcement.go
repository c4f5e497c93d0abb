package letter

import (
	"net/url"
	"regexp"
	"strings"

	"boxoffice/internal/safetext"
)

// announcement quotes an organizer: what is theirs can be told from what is ours.
func announcement(d *draft) {
	m, organizer := d.n.Data.Message, ""
	if d.n.Data.Organizer != nil {
		organizer = name(d.n.Data.Organizer.Name)
	}
	subject := "announcement.subject"
	if m.Test {
		subject = "announcement.subject.test"
	}
	d.subject(subject, "Subject", name(m.Subject), "Event", name(d.n.Data.Event.Title))
	if organizer != "" {
		d.say("announcement.text", "Organizer", organizer)
	} else {
		d.say("announcement.house")
	}
	d.event()
	d.add(part{Quote: quoted(m.Text)})
	if d.n.Data.Link != "" {
		d.button("announcement.button", d.n.Data.Link)
	}
	if m.Test {
		d.small("announcement.test")
		return
	}
	if organizer != "" {
		d.unsubscribe("announcement.why", "Organizer", organizer)
	} else {
		d.unsubscribe("announcement.why.house")
	}
}

// quote is a text by paragraphs and lines. Its only links are those that it shows.
type quote [][][]piece

// piece is a part of a line: a text, or a link.
type piece struct{ Text, URL string }

// quoted makes a text of a stranger harmless: no hidden characters, and no links but
// complete addresses with https.
func quoted(text string) (q quote) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ", "\u2028", "\n", "\u2029", "\n").Replace(text)
	text = safetext.ShownLines(text)
	for _, paragraph := range regexp.MustCompile(`\n[ \n]*\n`).Split(strings.TrimSpace(text), -1) {
		var lines [][]piece
		for _, line := range strings.Split(paragraph, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, pieces(line))
			}
		}
		q = append(q, lines)
	}
	return q
}

// address is what a link looks like. Punctuation at its end is the sentence's.
var address = regexp.MustCompile(`https://[^\s<>"'` + "`" + `]*[^\s<>"'` + "`" + `.,;:!?)\]}]`)

// Links returns the links that an announcement with this text has, and the first address
// in it that cannot be one.
func Links(text string) (links []string, bad string) {
	for _, found := range anyAddress.FindAllString(text, -1) {
		switch link := address.FindString(found); {
		case link != "" && strings.HasPrefix(found, link) && linked(link):
			links = append(links, link)
		case bad == "":
			bad = found
		}
	}
	return links, bad
}

// anyAddress is an address with any scheme.
var anyAddress = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s<>"']*`)

// linked reports whether a link is shown as such: a complete address of a named host,
// without a user's name.
func linked(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && strings.Contains(u.Hostname(), ".") && !strings.ContainsAny(u.Host, "@\\%") && !strings.Contains(text, `\`)
}

func pieces(line string) (list []piece) {
	add := func(text string) {
		if text != "" {
			list = append(list, piece{Text: isolated(safetext.Unlinked(text))})
		}
	}
	for {
		at := address.FindStringIndex(line)
		if at == nil {
			add(line)
			return list
		}
		if found := line[at[0]:at[1]]; linked(found) {
			add(line[:at[0]])
			list = append(list, piece{URL: found})
		} else {
			add(line[:at[1]])
		}
		line = line[at[1]:]
	}
}
