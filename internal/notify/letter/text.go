package letter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"boxoffice/internal/locale"
	"boxoffice/internal/notifyapi"
)

// A text message costs by its length. What strangers chose is cut, so that a message
// has at most two parts of the GSM alphabet (306 characters), or about twice as many of
// another script.
const (
	titleInText = 50
	venueInText = 40
)

// Text writes a notice as a text message, without any link: whoever has the number is not
// known to be the one who bought the tickets. The error says that there is none for its
// kind, or that it lacks data.
func (r *Renderer) Text(n *notifyapi.Notice) (string, error) {
	d := &draft{Renderer: r, n: n, Lang: n.Lang}
	if !slices.Contains(locale.Languages, d.Lang) {
		d.Lang = locale.Languages[0]
	}
	if err := d.complete(); err != nil {
		return "", err
	}
	e, before := n.Data.Event, n.Data.Before
	title := short(e.Title, titleInText)
	switch n.Kind {
	case notifyapi.EventCancelled:
		key := "sms.cancelled"
		if n.Data.Order.Amount > 0 {
			key = "sms.cancelled.paid"
		}
		return plainly(d.t(key, "Event", title, "Time", d.briefly(e))), nil
	case notifyapi.EventMoved:
		from, to := d.briefly(before), d.briefly(e)
		var was, is []string
		if from != to {
			was, is = append(was, from), append(is, to)
		}
		if e.Venue != before.Venue || e.City != before.City || e.Address != before.Address {
			was, is = append(was, short(before.Venue, venueInText)), append(is, short(e.Venue, venueInText))
		}
		if len(was) == 0 || n.Data.Unsure {
			return plainly(d.t("sms.changed", "Event", title, "Time", to)), nil
		}
		return plainly(d.t("sms.moved", "Event", title, "Before", strings.Join(was, ", "), "Now", strings.Join(is, ", "))), nil
	}
	return "", fmt.Errorf("letter: there is no text message of kind %q", n.Kind)
}

// briefly writes the time of an event, which is within days, at the venue.
func (d *draft) briefly(e *notifyapi.Event) string {
	if e.Starts.IsZero() {
		if day, err := time.Parse(time.DateOnly, e.Date); err == nil {
			return locale.When(d.Lang, day, locale.Date)
		}
		return d.t("event-moved.open")
	}
	at := e.Starts
	if zone := d.zone(e.Zone); zone != nil {
		at = at.In(zone)
	}
	return locale.When(d.Lang, at, locale.Short)
}

// short makes a name that somebody else chose harmless, and cuts it.
func short(text string, most int) string {
	if text = clean(text); utf8.RuneCountInString(text) > most {
		text = strings.TrimSpace(string([]rune(text)[:most-3])) + "..."
	}
	return name(text)
}

// plainly replaces signs of typography that would make a message of the GSM alphabet
// twice as dear.
func plainly(text string) string { return typography.Replace(text) }

var typography = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2019", "'", "\u2018", "'", "\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u2013", "-", "\u2014", "-", "\u2011", "-",
	"\u2026", "...")
