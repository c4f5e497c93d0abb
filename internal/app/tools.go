package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/ledger"
	"boxoffice/internal/money"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// Import reads events and seating plans out of files.
type Import struct {
	settings.Storage
	ShiftTo      string   `help:"Move the dates of events and sales together, so that the first event is on this date. Example: 2027-05-31." placeholder:"DATE"`
	DefaultPrice string   `help:"Price of events without one. Example: 50.00USD." placeholder:"AMOUNT"`
	Strict       bool     `help:"Refuse a Discovery page if any of its events, or part of one, cannot be imported. Without this flag, the rest is imported, and everything that is left out is printed."`
	Files        []string `arg:"" name:"file" help:"Ticketmaster Discovery pages, pretix seating plans, or boxoffice's own JSON; the content decides which."`
}

// Run imports the files, all or none.
func (i Import) Run(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	opts := importer.Options{ShiftTo: i.ShiftTo, Strict: i.Strict}
	if _, err := time.Parse(time.DateOnly, i.ShiftTo); i.ShiftTo != "" && err != nil {
		return settings.BadFlag("--shift-to", "%q is not a date such as 2027-05-31", i.ShiftTo)
	}
	if i.DefaultPrice != "" {
		if opts.DefaultPrice, opts.Currency, err = money.Parse(i.DefaultPrice); err != nil {
			return settings.BadFlag("--default-price", "%w", err)
		}
	}
	files := make([]importer.File, len(i.Files))
	for n, name := range i.Files {
		if files[n], err = readFile(name); err != nil {
			return err
		}
	}
	if _, err := importer.Read(files, opts); err != nil {
		return err
	}
	return perform(ctx, i.Storage, "import", &importing{files, opts}, out, log)
}

func readFile(name string) (importer.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return importer.File{}, err
	}
	if info.Size() > importer.MaxFile {
		return importer.File{}, importer.FileError{File: name, Reason: fmt.Sprintf("is larger than %d MiB", importer.MaxFile>>20)}
	}
	data, err := os.ReadFile(name)
	return importer.File{Name: name, Data: data}, err
}

// with runs fn on the services over the storage, without serving.
func with(ctx context.Context, s settings.Storage, log *slog.Logger, fn func(*Parts) error) error {
	db, err := s.Open(ctx)
	if err != nil {
		return err
	}
	p, err := Build(ctx, db, Config{Log: log})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = fn(p)
	end, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(err, p.Close(end))
}

// OpenToRead opens a database that exists and is of this version, to be read beside
// the processes that use it.
func OpenToRead(ctx context.Context, s settings.Storage) (*sqldb.DB, error) {
	db, err := s.OpenExisting(ctx)
	if err != nil {
		return nil, err
	}
	if err := booking.Migrate(ctx, db); err != nil { // says so when it is of another version
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// used refuses a folder or a database that no boxoffice has used, and leaves it as
// it is: the operator has mistaken it for another.
func used(ctx context.Context, s settings.Storage) error {
	db, err := OpenToRead(ctx, s)
	var old sqldb.TooOld
	switch {
	case errors.As(err, &old): // it is brought up to date
		return nil
	case err != nil:
		return err
	}
	return db.Close()
}

// checkEmail refuses what is no e-mail address.
func checkEmail(text string) error {
	if _, reason := user.NormalEmail(text); !reason.None() {
		return settings.BadFlag("--email", "%q %s", text, reason)
	}
	return nil
}

// Export writes an event's ledger.
type Export struct {
	settings.Storage
	Event string `help:"The event's id." required:"" placeholder:"ID"`
}

// Run writes the ledger as NDJSON.
func (e Export) Run(ctx context.Context, out io.Writer) error {
	if err := settings.CheckID("--event", e.Event); err != nil {
		return err
	}
	db, err := OpenToRead(ctx, e.Storage)
	if err != nil {
		return err
	}
	defer db.Close()
	w := bufio.NewWriterSize(out, 1<<16)
	return errors.Join(ledger.Export(ctx, booking.Ledger(db), e.Event, w), w.Flush())
}

// OpenAPI prints the API's document.
type OpenAPI struct{}

// Run prints it, by way of a server on an empty database that serves nobody.
func (OpenAPI) Run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "boxoffice-openapi-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &settings.Server{Storage: settings.Storage{Data: dir}}
	return with(ctx, s.Storage, slog.Default(), func(p *Parts) error {
		g, err := p.faces(s, "", true, nil, slog.Default())
		if err != nil {
			return err
		}
		doc, err := json.MarshalIndent(g.API().OpenAPI(), "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", doc)
		return err
	})
}

// CreateAdmin makes an administrator.
type CreateAdmin struct {
	settings.Storage
	Email string `help:"Email address to sign in with. Example: admin@example.org." required:"" placeholder:"ADDRESS"`
}

// Run prints the generated password, once.
func (c CreateAdmin) Run(ctx context.Context, out io.Writer) error {
	if err := checkEmail(c.Email); err != nil {
		return err
	}
	return perform(ctx, c.Storage, "admin create", &creatingAdmin{c.Email}, out, slog.Default())
}

// ResetTwoFactor lets the owner of an account in again when the app and the recovery
// codes are lost.
type ResetTwoFactor struct {
	settings.Storage
	Email string `help:"Email address of the account. Example: ann@example.org." placeholder:"ADDRESS"`
	User  string `help:"Id of the account, instead of its address, or in addition to it when several accounts have the address." placeholder:"ID"`
}

// Run says what was done.
func (r ResetTwoFactor) Run(ctx context.Context, out io.Writer) error {
	if r.Email == "" && r.User == "" {
		return settings.Usage("--email or --user is missing: which account?")
	}
	if r.Email != "" {
		if err := checkEmail(r.Email); err != nil {
			return err
		}
	}
	if err := settings.CheckID("--user", r.User); err != nil {
		return err
	}
	if err := used(ctx, r.Storage); err != nil {
		return err
	}
	return perform(ctx, r.Storage, "admin reset-two-factor", &resettingTwoFactor{r.Email, r.User}, out, slog.Default())
}
