package app

import (
	"context"
	"io"

	"boxoffice/internal/rush"
)

// Rush rehearses an on-sale.
type Rush struct {
	rush.Options
	Data        string `help:"Folder of the embedded database; a fresh one when it is left out." env:"BOXOFFICE_DATA" placeholder:"DIR"`
	DatabaseURL string `help:"Database to use instead of the embedded one." env:"BOXOFFICE_DATABASE_URL" placeholder:"URL"`
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
	if r.JSON {
		_, err := rush.Run(ctx, r.Options, db, out, live)
		return err
	}
	_, err := rush.Run(ctx, r.Options, db, out, out)
	return err
}
