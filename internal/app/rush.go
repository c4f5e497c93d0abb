package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"boxoffice/internal/booking"
	"boxoffice/internal/rush"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// Rush rehearses an on-sale.
type Rush struct {
	rush.Options
	Data        string `help:"Folder of the embedded database, which stays." unset:"a fresh folder, removed afterwards" placeholder:"DIR"`
	DatabaseURL string `help:"PostgreSQL to use instead of the embedded database. Example: postgres:///rehearsal." placeholder:"URL"`
}

// rehearsed are the accounts that rehearsals make.
const rehearsed = `email IS NULL AND username IS NULL AND name = 'fan' AND password_hash = ''`

// rehearsalOnly refuses a database that has accounts or events which are neither a
// rehearsal's nor a demo's: a rehearsal sells an event of its own there, in public.
// It only reads, and takes what is missing, or has no tables yet, for empty.
func (s Storage) rehearsalOnly(ctx context.Context) error {
	if s.DatabaseURL == "" {
		if _, err := os.Stat(filepath.Join(s.Data, sqldb.FileName)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	db, err := s.open(ctx, sqldb.Config{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	var accounts, events, demos int
	err = db.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users WHERE NOT (`+rehearsed+`)),
		(SELECT count(*) FROM events WHERE organizer_id NOT IN (SELECT id FROM users WHERE role = 'organizer' AND `+rehearsed+`)),
		(SELECT count(*) FROM users WHERE email = $1 AND role = 'organizer')`, demoOrganizer).Scan(&accounts, &events, &demos)
	switch {
	case sqldb.NoTable(err):
		return nil
	case err != nil:
		return fmt.Errorf("rush: %w", err)
	case accounts+events > 0 && demos == 0:
		return usage("rush sells an event of its own, and this database is in use (%s, %s): give an empty one, or none for a folder that is removed afterwards, or --event ID to sell an event that is there",
			counted(accounts, "account", "accounts"), counted(events, "event", "events"))
	}
	return nil
}

// sells refuses a database that does not have an event: accounts would be made in it
// for nothing.
func (s Storage) sells(ctx context.Context, eventID string) error {
	db, err := s.toRead(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	switch has, err := booking.HasSale(ctx, db, eventID); {
	case err != nil:
		return err
	case !has:
		return badFlag("--event", "this database has no event %q", eventID)
	}
	return nil
}

// admit refuses a database that a rehearsal must not write to, before anything is
// written.
func (r Rush) admit(ctx context.Context, s Storage) error {
	check := s.rehearsalOnly
	if r.Event != "" {
		check = func(ctx context.Context) error { return s.sells(ctx, r.Event) }
	}
	if err := check(ctx); err != nil {
		return err
	}
	if len(r.Target) > 0 || s.DatabaseURL != "" {
		return nil
	}
	err := s.free(ctx) // rush starts a server on the folder, so nobody else may have it
	if errors.Is(err, sqldb.ErrInUse) {
		return badFlag("--data", "%w; to rush on the server that has it, give its address as --target", err)
	}
	return err
}

// free reports, as sqldb.ErrInUse, that another process has the embedded folder.
func (s Storage) free(ctx context.Context) error {
	db, err := s.Open(ctx)
	if err != nil {
		return err
	}
	return db.Close()
}

// Run rehearses and reports; the error says what the audit found.
func (r Rush) Run(ctx context.Context, out, live io.Writer) error {
	if err := checkID("--event", r.Event); err != nil {
		return err
	}
	s := Storage{Data: r.Data, DatabaseURL: r.DatabaseURL}
	db := rush.Database{}
	fans := func(ctx context.Context, customers int) ([]user.Fan, error) {
		if err := r.admit(ctx, s); err != nil {
			return nil, err
		}
		return s.fans(ctx, customers)
	}
	switch {
	case r.DatabaseURL != "":
		db = rush.Database{Flags: []string{"--database-url", r.DatabaseURL}, Fans: fans, Read: s.OpenToRead, Shared: true}
	case r.Data == "" && len(r.Target) > 0:
	default:
		if s.Data == "" {
			dir, remove, err := rush.TempDir()
			if err != nil {
				return err
			}
			defer remove()
			s.Data = dir
		}
		db = rush.Database{Flags: []string{"--data", s.Data}, Fans: fans, Read: s.OpenToRead}
	}
	if !r.JSON {
		live = out
	}
	_, err := rush.Run(ctx, r.Options, db, out, live)
	var wrong rush.OptionError
	switch {
	case errors.As(err, &wrong):
		return exit{2, wrong.Flag, err}
	case errors.Is(err, rush.ErrInterrupted), errors.Is(err, context.Canceled):
		return exit{130, "", err} // as a shell says it of SIGINT
	}
	return err
}
