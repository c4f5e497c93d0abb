package letter

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"

	"boxoffice/internal/locale"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/safetext"
)

var (
	//go:embed words/*.json
	wordFiles embed.FS
	//go:embed templates/mail.html
	htmlText string
	//go:embed templates/mail.txt
	plainText string
)

// Letter is a notice as its recipient gets it.
type Letter struct {
	Lang    string
	Subject string // one line
	Text    string
	HTML    string
}

// Renderer writes letters. It is safe for concurrent use.
type Renderer struct {
	Test  bool // letters say that they are of a test, but for those about orders that were paid with real money
	words *locale.Words
	html  *htmltemplate.Template
	text  *texttemplate.Template
	zones sync.Map // time zones by name, which take long to load
}

// New reads the templates and the catalogues.
func New() (*Renderer, error) {
	r := &Renderer{}
	var err error
	if r.words, err = locale.Load(wordFiles, "words"); err != nil {
		return nil, fmt.Errorf("letters: %w", err)
	}
	if r.html, err = htmltemplate.New("mail.html").Parse(htmlText); err != nil {
		return nil, fmt.Errorf("letters: %w", err)
	}
	if r.text, err = texttemplate.New("mail.txt").Parse(plainText); err != nil {
		return nil, fmt.Errorf("letters: %w", err)
	}
	return r, nil
}

// Known reports whether there is a letter for a kind of notice.
func Known(kind notifyapi.Kind) bool { return kinds[kind] != nil }

// Render writes a letter. The error says that the notice is of an unknown kind or lacks
// data: no later attempt can succeed.
func (r *Renderer) Render(n *notifyapi.Notice) (Letter, error) {
	write := kinds[n.Kind]
	if write == nil {
		return Letter{}, fmt.Errorf("letter: there is none of kind %q", n.Kind)
	}
	d := &draft{Renderer: r, n: n, Lang: n.Lang}
	if !slices.Contains(locale.Languages, d.Lang) {
		d.Lang = locale.Languages[0]
	}
	if err := d.complete(); err != nil {
		return Letter{}, err
	}
	tests := r.tests(n)
	if tests != "" {
		d.small(tests)
	}
	if name := personName(n.Name); name != "" {
		d.say("greeting.name", "Name", name)
	} else {
		d.say("greeting")
	}
	write(d)
	if tests != "" {
		d.Subject = d.t("test.subject", "Subject", d.Subject)
	}
	var html, text strings.Builder
	if err := r.html.Execute(&html, d); err != nil {
		return Letter{}, fmt.Errorf("letter %s: %w", n.Kind, err)
	}
	if err := r.text.Execute(&text, d); err != nil {
		return Letter{}, fmt.Errorf("letter %s: %w", n.Kind, err)
	}
	return Letter{Lang: d.Lang, Subject: d.Subject, Text: strings.TrimSpace(text.String()) + "\n", HTML: html.String()}, nil
}

// tests is how a letter says that it is of a test; "": it does not. What an order was paid
// with counts more than the mode in which this program is by now.
func (r *Renderer) tests(n *notifyapi.Notice) string {
	money := ""
	if n.Data.Order != nil && n.Kind != notifyapi.Announcement { // which is about the event
		money = n.Data.Order.Money
	}
	switch {
	case r.Test && money != notifyapi.RealMoney:
		return "test"
	case money == notifyapi.TestMoney:
		return "test.order"
	}
	return ""
}

// draft collects the content of a letter for both templates.
type draft struct {
	*Renderer
	n *notifyapi.Notice

	Lang, Subject string
	Parts         []part
}

// part is a piece of a letter; its first field that is set says which.
type part struct {
	Text   string  // a paragraph
	Small  string  // one in small print
	Code   string  // a code to be typed
	Button *button // a link
	Leave  *button // the link to unsubscribe
	Quote  quote   // what somebody else says
	Event  *card   // the event
	Table  []row   // seats and sums,
	Title  string  // with its title
}

type button struct{ Label, URL string }

// Complete reports whether the address can be followed. It cannot if this server does
// not know its own address, and says so instead.
func (b *button) Complete() bool {
	return strings.HasPrefix(b.URL, "https://") || strings.HasPrefix(b.URL, "http://")
}

type card struct{ Title, When, Where string }

type row struct {
	Label, Value string
	Sum          bool
}

// zone returns a time zone; nil if it is not known.
func (r *Renderer) zone(name string) *time.Location {
	if known, ok := r.zones.Load(name); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil
	}
	r.zones.Store(name, zone)
	return zone
}

// complete reports what the notice lacks for its kind.
func (d *draft) complete() error {
	data := &d.n.Data
	missing := ""
	switch d.n.Kind {
	case notifyapi.Verify:
		if data.Link == "" || data.Code == "" {
			missing = "link or code"
		}
	case notifyapi.Code:
		if data.Code == "" {
			missing = "code"
		}
	case notifyapi.Reset, notifyapi.AccountExists:
		if data.Link == "" {
			missing = "link"
		}
	case notifyapi.Booked, notifyapi.Gift, notifyapi.Reminder:
		if data.Event == nil || data.Order == nil || data.Link == "" {
			missing = "event, order or link"
		}
	case notifyapi.EventMoved:
		if data.Event == nil || data.Before == nil || data.Order == nil || data.Link == "" {
			missing = "event, event as it was, order or link"
		}
	case notifyapi.EventCancelled:
		if data.Event == nil || data.Order == nil || data.Link == "" {
			missing = "event, order or link"
		}
	case notifyapi.Refunded, notifyapi.PaidTooLate, notifyapi.RefundFailed, notifyapi.RefundCameBack:
		if data.Event == nil || data.Order == nil || data.Refund == nil || data.Link == "" {
			missing = "event, order, refund or link"
		}
	case notifyapi.WebhookOff:
		if data.Webhook == nil || data.Link == "" {
			missing = "webhook or link"
		}
	case notifyapi.Disputed:
		if data.Event == nil || data.Order == nil || data.Dispute == nil || data.Link == "" {
			missing = "event, order, dispute or link"
		}
	case notifyapi.Announcement:
		if data.Event == nil || data.Message == nil {
			missing = "event or message"
		}
	}
	if missing != "" {
		return fmt.Errorf("letter %s: there is no %s", d.n.Kind, missing)
	}
	return nil
}

func (d *draft) t(key string, pairs ...any) string { return d.words.Text(d.Lang, key, pairs...) }

// Unbroken writes a paragraph as HTML that keeps the order's number on one line.
func (d *draft) Unbroken(text string) htmltemplate.HTML {
	number := ""
	if o := d.n.Data.Order; o != nil {
		number = o.Reference
	}
	return safetext.Unbroken(text, number)
}

func (d *draft) subject(key string, pairs ...any) { d.Subject = d.t(key, pairs...) }

// say adds a paragraph.
func (d *draft) say(key string, pairs ...any) { d.add(part{Text: d.t(key, pairs...)}) }

// small adds a paragraph in small print.
func (d *draft) small(key string, pairs ...any) { d.add(part{Small: d.t(key, pairs...)}) }

func (d *draft) button(key, url string) { d.add(part{Button: &button{d.t(key), url}}) }

// unsubscribe adds why somebody gets a mail of a topic, and the link to unsubscribe.
func (d *draft) unsubscribe(key string, pairs ...any) {
	d.small(key, pairs...)
	if url := d.n.Data.Unsubscribe; url != "" {
		d.add(part{Leave: &button{d.t("unsubscribe"), url}})
	}
}

func (d *draft) add(p part) { d.Parts = append(d.Parts, p) }
