package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"boxoffice/internal/sqldb"
)

// Storage selects the database.
type Storage struct {
	Data        string `help:"Folder for the embedded database (SQLite), and for the emails that a server writes." default:"boxoffice-data" placeholder:"DIR"`
	DatabaseURL string `help:"PostgreSQL to use instead of the embedded database; many nodes may share it. Example: postgres://user@host/boxoffice." placeholder:"URL"`
}

// Embedded reports whether the database is SQLite, in the folder Data.
func (s Storage) Embedded() bool { return s.DatabaseURL == "" }

// Open opens the database without migrating it.
func (s Storage) Open(ctx context.Context) (*sqldb.DB, error) {
	return s.OpenWith(ctx, sqldb.Config{})
}

// OpenExisting opens a database for reading while other processes use it. A folder
// that does not exist is an error, and is not created.
func (s Storage) OpenExisting(ctx context.Context) (*sqldb.DB, error) {
	if s.Embedded() {
		if _, err := os.Stat(s.Data); err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
	}
	return s.OpenWith(ctx, sqldb.Config{ReadOnly: true})
}

// OpenWith opens the database with a configuration, whose folder and URL it sets.
func (s Storage) OpenWith(ctx context.Context, cfg sqldb.Config) (*sqldb.DB, error) {
	for flag, url := range map[string]string{"--database-url": s.DatabaseURL, "--replica-url": cfg.ReplicaURL} {
		if scheme, _, _ := strings.Cut(url, "://"); url != "" && scheme != "postgres" && scheme != "postgresql" { // not shown: it may be a password
			return nil, BadFlag(flag, "it is not supported, only postgres://USER:PASSWORD@HOST:PORT/DATABASE")
		}
	}
	switch {
	case cfg.ReplicaURL != "" && s.Embedded():
		return nil, Error{WrongUsage, "--replica-url", errors.New("--replica-url goes with --database-url")}
	case s.Embedded() && s.Data == "":
		return nil, BadFlag("--data", "the name of the folder is missing")
	}
	if _, err := os.Stat(filepath.Join(s.Data, GateNodeFile)); err == nil {
		return nil, BadFlag("--data", "%s is the folder of a gate node (boxoffice gate-node): give the box office a folder of its own", s.Data)
	}
	cfg.Dir, cfg.URL = s.Data, s.DatabaseURL
	db, err := sqldb.Open(ctx, cfg)
	var bad sqldb.BadURL
	if errors.As(err, &bad) {
		return nil, Error{WrongUsage, bad.Flag, bad}
	}
	return db, err
}
