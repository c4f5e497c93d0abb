package rush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Command rehearses an on-sale from the command line.
type Command struct {
	Options
	Data        string `help:"Folder of the embedded database, which is kept afterwards." unset:"a fresh folder, removed afterwards" placeholder:"DIR"`
	DatabaseURL string `help:"PostgreSQL to use instead of the embedded database. Example: postgres:///rehearsal." placeholder:"URL"`
}

// Office is what a rehearsal needs of a database, whether embedded or PostgreSQL.
type Office struct {
	// OpenToRead opens an existing database of this version while other processes
	// use it.
	OpenToRead func(ctx context.Context, s settings.Storage) (*sqldb.DB, error)
	// Accounts makes an organizer and this many customers, with sessions, and with
	// email addresses if mailed is set.
	Accounts func(ctx context.Context, s settings.Storage, customers int, mailed bool) ([]userapi.Fan, error)
}

// rehearsed selects the accounts that rehearsals make.
const rehearsed = `(email IS NULL OR email LIKE '%` + userapi.FanDomain + `') AND username IS NULL AND name = 'fan' AND password_hash = ''`

// rehearsalOnly refuses a database with accounts or events that belong neither to a
// rehearsal nor to a demo, because a rehearsal publicly sells an event of its own
// there. It only reads; a missing database, or one without tables, counts as empty.
func rehearsalOnly(ctx context.Context, s settings.Storage) error {
	if s.Embedded() {
		if _, err := os.Stat(filepath.Join(s.Data, sqldb.FileName)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	db, err := s.OpenWith(ctx, sqldb.Config{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	var accounts, events, demos int
	err = db.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users WHERE NOT (`+rehearsed+`)),
		(SELECT count(*) FROM events WHERE organizer_id NOT IN (SELECT id FROM users WHERE role = 'organizer' AND `+rehearsed+`)),
		(SELECT count(*) FROM users WHERE email = $1 AND role = 'organizer')`, settings.DemoOrganizer).Scan(&accounts, &events, &demos)
	switch {
	case sqldb.NoTable(err):
		return nil
	case err != nil:
		return fmt.Errorf("rush: %w", err)
	case accounts+events > 0 && demos == 0:
		return settings.Usage("rush sells an event of its own, and this database is in use (%s, %s): give an empty one, or none for a folder that is removed afterwards, or --event ID to sell an event that is there",
			settings.Counted(accounts, "account", "accounts"), settings.Counted(events, "event", "events"))
	}
	return nil
}

// sells refuses a database without the event, before accounts are made there in
// vain.
func (o Office) sells(ctx context.Context, s settings.Storage, eventID string) error {
	db, err := o.OpenToRead(ctx, s)
	if err != nil {
		return err
	}
	defer db.Close()
	switch has, err := audit.HasSale(ctx, db, eventID); {
	case err != nil:
		return err
	case !has:
		return settings.BadFlag("--event", "this database has no event %q", eventID)
	}
	return nil
}

// admit refuses a database that a rehearsal must not use, before anything is
// written.
func (r Command) admit(ctx context.Context, o Office, s settings.Storage) error {
	err := error(nil)
	if r.Event != "" {
		err = o.sells(ctx, s, r.Event)
	} else {
		err = rehearsalOnly(ctx, s)
	}
	if err != nil {
		return err
	}
	if len(r.Target) > 0 || !s.Embedded() {
		return nil
	}
	err = unused(ctx, s) // rush starts a server on the folder, so no other process may use it
	if errors.Is(err, sqldb.ErrInUse) {
		return settings.BadFlag("--data", "%w; to rush on the server that has it, give its address as --target", err)
	}
	return err
}

// unused fails with sqldb.ErrInUse if another process uses the embedded database.
func unused(ctx context.Context, s settings.Storage) error {
	db, err := s.Open(ctx)
	if err != nil {
		return err
	}
	return db.Close()
}

// database is the database of a rehearsal. Without a folder or a URL it is in a fresh
// folder, which remove deletes. admit refuses one that must not be used, before accounts are
// made there.
func (o Office) database(s settings.Storage, mailed bool, admit func(context.Context, settings.Storage) error) (db Database, remove func(), err error) {
	remove = func() {}
	flags := []string{"--database-url", s.DatabaseURL}
	if s.Embedded() {
		if s.Data == "" {
			if s.Data, remove, err = TempDir(); err != nil {
				return Database{}, nil, err
			}
		}
		flags = []string{"--data", s.Data}
	}
	return Database{
		Flags: flags, Shared: !s.Embedded(),
		Fans: func(ctx context.Context, customers int) ([]userapi.Fan, error) {
			if err := admit(ctx, s); err != nil {
				return nil, err
			}
			return o.Accounts(ctx, s, customers, mailed)
		},
		Read: func(ctx context.Context) (*sqldb.DB, error) { return o.OpenToRead(ctx, s) },
	}, remove, nil
}

// failed turns the error of a rehearsal into one of the command line.
func failed(err error) error {
	var wrong OptionError
	switch {
	case errors.As(err, &wrong):
		return settings.Error{Status: settings.WrongUsage, Flag: wrong.Flag, Err: err}
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return settings.Error{Status: 130, Err: err} // as shells report SIGINT
	}
	return err
}

// Run rehearses and reports; the error says what the audit has found.
func (r Command) Run(ctx context.Context, o Office, out, live io.Writer) error {
	if err := settings.CheckID("--event", r.Event); err != nil {
		return err
	}
	db := Database{}
	if r.Data != "" || r.DatabaseURL != "" || len(r.Target) == 0 {
		var remove func()
		var err error
		admit := func(ctx context.Context, s settings.Storage) error { return r.admit(ctx, o, s) }
		if db, remove, err = o.database(settings.Storage{Data: r.Data, DatabaseURL: r.DatabaseURL}, r.Mails, admit); err != nil {
			return err
		}
		defer remove()
	}
	if !r.JSON {
		live = out
	}
	_, err := Run(ctx, r.Options, db, out, live)
	return failed(err)
}
