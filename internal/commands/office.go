package commands

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"boxoffice/internal/admin"
	"boxoffice/internal/booking/audit"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/ledger"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
)

// Office is the ticket office that commands work on. How its services are built is not
// their business.
type Office struct {
	// With runs fn on the services over a database, in this process, with the payment
	// gateway that payments names.
	With func(ctx context.Context, s settings.Storage, payments string, log *slog.Logger, fn func(*Services) error) error
	// Payments names the payment gateway of commands that need one.
	Payments string
	// OpenToRead opens a database that exists and is of this version, to be read beside
	// the processes that use it.
	OpenToRead func(ctx context.Context, s settings.Storage) (*sqldb.DB, error)
	// Ledger reads the ledgers of a database.
	Ledger func(db *sqldb.DB) ledger.Source
	// Verify replays the ledger of one event ("": of all) against the tables of all services.
	Verify func(ctx context.Context, db *sqldb.DB, eventID string) (audit.Verified, error)
	// Door reads what an entrance needs of an event; nil: there is no such event.
	Door func(ctx context.Context, db *sqldb.DB, eventID string) (*Door, error)
	// CheckEmail says why a text is not an email address.
	CheckEmail func(text string) errs.Reason
	// Document is the OpenAPI document of the API.
	Document func(ctx context.Context) (any, error)
}

// Services are what commands that write need of the services over one database.
type Services struct {
	DB       *sqldb.DB
	Events   Events
	Accounts Accounts
	Tickets  ticket.Signer
	Dead     Dead
	Bounces  Bounces
	Payments Reconciler
}

// Events imports events and seating plans.
type Events interface {
	Import(ctx context.Context, files []importer.File, opts importer.Options) (importer.Result, error)
}

// Accounts makes accounts, and lets owners in again.
type Accounts interface {
	CreateAdmin(ctx context.Context, email string) (password string, err error)
	ResetTwoFactor(ctx context.Context, c caller.Caller, address, userID string) (a userapi.Account, sessions int64, err error)
	CreateFans(ctx context.Context, n int, role caller.Role, mailed bool) ([]userapi.Fan, error)
}

// All are the commands that write, by the names that they have on the socket of the
// embedded database.
var All = admin.Commands[*Services]{
	"import":                 func() admin.Command[*Services] { return &importing{} },
	"admin create":           func() admin.Command[*Services] { return &creatingAdmin{} },
	"admin reset-two-factor": func() admin.Command[*Services] { return &resettingTwoFactor{} },
	"ticket keys":            func() admin.Command[*Services] { return &renewingKeys{} },
	"bus dead replay":        func() admin.Command[*Services] { return &replayingDead{} },
	"bus dead drop":          func() admin.Command[*Services] { return &droppingDead{} },
	"mail bounced":           func() admin.Command[*Services] { return &bouncing{} },
	"reconcile":              func() admin.Command[*Services] { return &reconciling{} },
	"fans":                   func() admin.Command[*Services] { return &makingFans{} },
}

// perform carries a command out where the database is.
func (o Office) perform(ctx context.Context, s settings.Storage, name string, c admin.Command[*Services], out io.Writer, log *slog.Logger) error {
	return admin.Perform(ctx, s.Data, name, c, func(ctx context.Context, fn func(*Services) error) error { return o.With(ctx, s, o.Payments, log, fn) }, out)
}

// used refuses a folder or a database that no boxoffice has used, and leaves it as
// it is: the operator has mistaken it for another.
func (o Office) used(ctx context.Context, s settings.Storage) error {
	db, err := o.OpenToRead(ctx, s)
	var old sqldb.TooOld
	switch {
	case errors.As(err, &old): // it is brought up to date
		return nil
	case err != nil:
		return err
	}
	return db.Close()
}
