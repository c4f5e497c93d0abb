package app

import (
	"context"
	"errors"
	"io"

	"boxoffice/internal/rush"
)

// Rush rehearses an on-sale.
type Rush struct {
	rush.Options
	Data        string `help:"Folder of the embedded database, which stays." unset:"a fresh folder, removed afterwards" placeholder:"DIR"`
	DatabaseURL string `help:"PostgreSQL to use instead of the embedded database. Example: postgres:///rehearsal." placeholder:"URL"`
}

// Run rehearses and reports; the error says what the audit found.
func (r Rush) Run(ctx context.Context, out, live io.Writer) error {
	s := Storage{Data: r.Data, DatabaseURL: r.DatabaseURL}
	db := rush.Database{}
	switch {
	case r.DatabaseURL != "":
		db = rush.Database{Flags: []string{"--database-url", r.DatabaseURL}, Fans: s.fans, Read: s.OpenToRead, Shared: true}
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
		db = rush.Database{Flags: []string{"--data", s.Data}, Fans: s.fans, Read: s.OpenToRead}
	}
	if !r.JSON {
		live = out
	}
	_, err := rush.Run(ctx, r.Options, db, out, live)
	var wrong rush.OptionError
	switch {
	case errors.As(err, &wrong):
		return exit{2, err}
	case errors.Is(err, rush.ErrInterrupted), errors.Is(err, context.Canceled):
		return exit{130, err} // as a shell says it of SIGINT
	}
	return err
}
