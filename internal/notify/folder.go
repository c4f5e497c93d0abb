package notify

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
)

// Folder is a mailer that writes each mail as a file (RFC 5322). It implements
// notifyapi.Mailer.
type Folder struct {
	dir  string
	from string
	now  func() time.Time
	log  *slog.Logger
}

// NewFolder makes the folder if it does not exist.
func NewFolder(dir string, now func() time.Time, log *slog.Logger) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	return &Folder{dir: dir, from: "tickets@boxoffice.example", now: now, log: log}, nil
}

// Deliver writes a mail before it returns.
func (f *Folder) Deliver(_ context.Context, m notifyapi.Mail) error {
	if _, err := mail.ParseAddress(m.To); err != nil {
		f.log.Error("a mail has no address", "subject", m.Subject, "error", err)
		return nil
	}
	msg := gomail.NewMsg()
	if err := errors.Join(msg.FromFormat("boxoffice", f.from), msg.To(m.To)); err != nil {
		return err
	}
	now := f.now()
	msg.Subject(m.Subject)
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(id.Token() + "@boxoffice.example")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, asHTML(m.Subject, m.Text))
	tmp, err := os.CreateTemp(f.dir, ".mail-*")
	if err != nil {
		return err
	}
	_, err = msg.WriteTo(tmp)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.dir, now.UTC().Format("20060102T150405.000000")+"-"+id.Token()[:6]+".eml"))
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// link is an address of a site that is a line of its own: that is where mails put
// theirs. What stands among other words may be somebody's name or title.
var link = regexp.MustCompile(`(?m)^https?://[^\s<>"]+$`)

// asHTML is a text as a page, with its links to click on.
func asHTML(title, text string) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html><head><meta charset="utf-8"><title>` + html.EscapeString(title) +
		`</title></head><body style="font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem">`)
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		p := html.EscapeString(paragraph)
		p = link.ReplaceAllStringFunc(p, func(u string) string { return `<a href="` + u + `">` + u + `</a>` })
		b.WriteString("<p>" + strings.ReplaceAll(p, "\n", "<br>") + "</p>")
	}
	b.WriteString("</body></html>")
	return b.String()
}

// Listed is a mail in the folder.
type Listed struct {
	Name, To, Subject string
	Date              time.Time
}

// List is the newest mails, at most limit.
func (f *Folder) List(ctx context.Context, limit int) ([]Listed, error) {
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	var list []Listed
	for _, file := range slices.Backward(files) { // names begin with the time
		if !strings.HasSuffix(file.Name(), ".eml") {
			continue
		}
		if len(list) == limit || ctx.Err() != nil {
			break
		}
		msg, err := f.Read(file.Name())
		if err != nil {
			return nil, err
		}
		list = append(list, msg.Listed)
	}
	return list, ctx.Err()
}

// Message is a mail as it is read.
type Message struct {
	Listed
	Raw  []byte
	Text string
}

// Read is one mail. The error is fs.ErrNotExist when there is none of that name.
func (f *Folder) Read(name string) (Message, error) {
	m := Message{Listed: Listed{Name: name}}
	if name != filepath.Base(name) || !strings.HasSuffix(name, ".eml") || strings.HasPrefix(name, ".") {
		return m, fs.ErrNotExist
	}
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return m, fmt.Errorf("mail: %w", err)
	}
	m.Raw = raw
	head, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		return m, fmt.Errorf("mail %s: %w", name, err)
	}
	m.Subject, m.To = decoded(head.Header.Get("Subject")), head.Header.Get("To")
	if to, err := mail.ParseAddress(m.To); err == nil {
		m.To = to.Address
	}
	m.Date, _ = head.Header.Date()
	m.Text, err = plainText(head.Header.Get("Content-Type"), head.Header.Get("Content-Transfer-Encoding"), head.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("mail %s: %w", name, err)
	}
	return m, nil
}
