package provider

import (
	"context"
	"log/slog"
	"time"

	"boxoffice/internal/sqldb"
)

// Kind is a kind of gateway that --payments can name. Its folder exports one; the list of
// all is in package providers.
type Kind struct {
	Name string
	// Check refuses what --payments says after "NAME=" before anything is opened; "" if
	// it says nothing. The error's text goes on after "--payments: ".
	Check func(address string) error
	// Open opens a gateway. Settings of its own are Variables.
	Open      func(ctx context.Context, o Opening) (Opened, error)
	Variables []string // of the environment, BOXOFFICE_<NAME>_…
}

// Opening is what a gateway is opened with.
type Opening struct {
	Address string    // what --payments says after "NAME="; "": nothing
	DB      *sqldb.DB // for tables of its own
	Demo    bool      // this is a demo, for which test keys will do
	Now     func() time.Time
	Log     *slog.Logger
}

// Opened is a gateway at work.
type Opened struct {
	Name    string // of its kind; set by package providers
	Gateway        // nil: none, only what is free is sold
	Test    bool   // it moves no money, and everything that people see says so
	Close   func()
}
