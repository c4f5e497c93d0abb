package letter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/locale"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notifyapi"
)

// The text messages in all languages, as they were reviewed.
func TestGoldenTexts(t *testing.T) {
	r := newRenderer(t)
	for _, lang := range locale.Languages {
		var all strings.Builder
		for _, c := range []struct {
			kind   notifyapi.Kind
			change func(*notifyapi.Data)
		}{
			{notifyapi.EventCancelled, nil},
			{notifyapi.EventCancelled, func(d *notifyapi.Data) { d.Order.Amount = 0 }},
			{notifyapi.EventMoved, nil},
			{notifyapi.EventMoved, func(d *notifyapi.Data) { d.Before.Venue, d.Before.Address = d.Event.Venue, d.Event.Address }},
			{notifyapi.EventMoved, func(d *notifyapi.Data) { d.Before.Starts = d.Event.Starts }},
			{notifyapi.EventMoved, func(d *notifyapi.Data) { d.Event.Starts = time.Time{} }},
			{notifyapi.EventMoved, func(d *notifyapi.Data) { d.Event.Starts, d.Event.Date = time.Time{}, "2027-03-14" }},
			{notifyapi.EventMoved, func(d *notifyapi.Data) { *d.Before = *d.Event; d.Before.Title = "Night" }},
		} {
			n := example(c.kind, lang)
			if c.change != nil {
				c.change(&n.Data)
			}
			text, err := r.Text(n)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(text + "\n")
			if strings.Contains(text, "http") || sms.Segments(text) > 2 {
				t.Errorf("%d parts: %s", sms.Segments(text), text)
			}
		}
		name := filepath.Join("testdata", "texts."+lang+".txt")
		if *update {
			if err := os.WriteFile(name, []byte(all.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(name); err != nil || string(want) != all.String() {
			t.Errorf("%s (%v): go test ./internal/notify/letter -update writes what is new; it is\n%s", name, err, all.String())
		}
	}
}

// Whatever strangers call their events and venues, a text message is one line without
// links, and not long.
func TestTextsOfHostileNames(t *testing.T) {
	r := newRenderer(t)
	for _, bad := range append(hostile, strings.Repeat("„Wörter“ – ", 60), strings.Repeat("لیلة الكمان ", 60), strings.Repeat("💃", 150)) {
		for _, kind := range []notifyapi.Kind{notifyapi.EventCancelled, notifyapi.EventMoved} {
			n := example(kind, "de")
			n.Data.Event.Title, n.Data.Event.Venue, n.Data.Before.Venue = bad, bad, bad+"!"
			text, err := r.Text(n)
			if err != nil {
				t.Fatal(err)
			}
			if linkLike.MatchString(text) || strings.ContainsAny(text, "\r\n\x00") || sms.Segments(text) > 8 || strings.Contains(bad, "Wörter") && sms.Segments(text) > 2 {
				t.Errorf("%q: %d parts: %q", bad, sms.Segments(text), text)
			}
		}
	}
	if _, err := r.Text(example(notifyapi.Booked, "en")); err == nil {
		t.Error("orders are told by text message")
	}
	if _, err := r.Text(&notifyapi.Notice{Kind: notifyapi.EventMoved}); err == nil {
		t.Error("a text message about nothing")
	}
}

// A letter about a change says until when an order can be cancelled, if it can, and copes
// with times that are not known.
func TestMovedLetters(t *testing.T) {
	r := newRenderer(t)
	for name, c := range map[string]struct {
		change    func(*notifyapi.Data)
		has, lack string
	}{
		"until a time":          {func(*notifyapi.Data) {}, "get your money back until Friday 12 March 2027", "on its page"},
		"free, until a time":    {func(d *notifyapi.Data) { d.Order.Amount = 0 }, "cancel your booking until Friday", "money"},
		"at any time":           {func(d *notifyapi.Data) { d.CancelUntil, d.CancelAnyTime = time.Time{}, true }, "on its page and get your money back", "until Friday"},
		"free, at any time":     {func(d *notifyapi.Data) { d.CancelUntil, d.CancelAnyTime, d.Order.Amount = time.Time{}, true, 0 }, "on its page.", "money"},
		"no longer":             {func(d *notifyapi.Data) { d.CancelUntil = time.Time{} }, "stay valid", "cannot come"},
		"postponed":             {func(d *notifyapi.Data) { d.Event.Starts = time.Time{} }, "New time: not known yet", "13 March"},
		"fixed":                 {func(d *notifyapi.Data) { d.Before.Starts = time.Time{} }, "Time until now: not known yet", "Until now the event"},
		"another name":          {func(d *notifyapi.Data) { *d.Before = *d.Event; d.Before.Title = "Noise" }, "was called Noise.", "New time"},
		"who knows what":        {func(d *notifyapi.Data) { d.Unsure = true }, "13 March 2027", "until now"},
		"only the day is known": {func(d *notifyapi.Data) { d.Event.Starts, d.Event.Date = time.Time{}, "2027-03-14" }, "New time: Sunday 14 March 2027\n", "not known"},
	} {
		n := example(notifyapi.EventMoved, "en")
		c.change(&n.Data)
		l, err := r.Render(n)
		if err != nil || !strings.Contains(l.Text, c.has) || strings.Contains(l.Text, c.lack) {
			t.Errorf("%s: %v\n%s", name, err, l.Text)
		}
	}
}
