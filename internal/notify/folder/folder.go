package folder

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/notify/mail"
)

// Folder writes mails to files. It implements mail.Sender.
type Folder struct {
	dir  string
	from mail.Address
	log  *slog.Logger
}

// New makes the folder if it does not exist.
func New(dir string, log *slog.Logger) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	return &Folder{dir: dir, from: mail.Address{Name: "boxoffice", Address: "tickets@boxoffice.example"}, log: log}, nil
}

// Send writes a mail to a file, whose name begins with the mail's date.
func (f *Folder) Send(_ context.Context, m *mail.Mail) (string, error) {
	msg, err := m.Message(f.from)
	if err != nil {
		return "", &mail.Refused{Answer: err.Error()}
	}
	tmp, err := os.CreateTemp(f.dir, ".mail-*")
	if err != nil {
		return "", &mail.Unavailable{Cause: err}
	}
	name := m.Date.UTC().Format("20060102T150405.000000") + "-" + id.Token()[:6] + ".eml"
	_, err = msg.WriteTo(tmp)
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.dir, name))
	}
	if err != nil { // such as a full disk
		_ = os.Remove(tmp.Name())
		return "", &mail.Unavailable{Cause: err}
	}
	return "written to " + name, nil
}

// Close does nothing: a folder has no connections.
func (*Folder) Close() {}

// Listed is a mail in the folder.
type Listed struct {
	Name, To, Subject string
	Date              time.Time
}

// List returns the newest mails, at most limit, without those that cannot be read.
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
		if err != nil { // half of a file, or somebody else's
			f.log.WarnContext(ctx, "a file in the mail folder cannot be read", "error", err)
			continue
		}
		list = append(list, msg.Listed)
	}
	return list, ctx.Err()
}

// Message is a mail with its content.
type Message struct {
	Listed
	Raw   []byte
	Text  string
	HTML  string
	Files []mail.File
}

// Read reads a mail. The error is fs.ErrNotExist if there is none of that name.
func (f *Folder) Read(name string) (Message, error) {
	m := Message{Listed: Listed{Name: name}}
	if name != filepath.Base(name) || !strings.HasSuffix(name, ".eml") || strings.HasPrefix(name, ".") {
		return m, fs.ErrNotExist
	}
	var err error
	if m.Raw, err = os.ReadFile(filepath.Join(f.dir, name)); err != nil {
		return m, fmt.Errorf("mail: %w", err)
	}
	if err := m.parse(); err != nil {
		return m, fmt.Errorf("mail %s: %w", name, err)
	}
	return m, nil
}
