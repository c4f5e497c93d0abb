package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"boxoffice/internal/admin"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/user"
)

// commands are the commands that write, by the names that they have on the socket of
// the embedded database.
var commands = admin.Commands[*Parts]{
	"import":                 func() admin.Command[*Parts] { return &importing{} },
	"admin create":           func() admin.Command[*Parts] { return &creatingAdmin{} },
	"admin reset-two-factor": func() admin.Command[*Parts] { return &resettingTwoFactor{} },
	"ticket keys":            func() admin.Command[*Parts] { return &renewingKeys{} },
	"fans":                   func() admin.Command[*Parts] { return &makingFans{} },
}

// perform carries a command out where the database is.
func perform(ctx context.Context, s settings.Storage, name string, c admin.Command[*Parts], out io.Writer, log *slog.Logger) error {
	return admin.Perform(ctx, s.Data, name, c, func(ctx context.Context, fn func(*Parts) error) error { return with(ctx, s, log, fn) }, out)
}

// importing is the import of files, which are read where it was asked for.
type importing struct {
	Files   []importer.File
	Options importer.Options
}

func (i *importing) Do(ctx context.Context, p *Parts, out io.Writer) error {
	sum, err := p.Events.Import(ctx, i.Files, i.Options)
	if err != nil {
		return err
	}
	for _, note := range sum.Notes {
		fmt.Fprintln(out, note)
	}
	fmt.Fprintf(out, "%s: %d new, %d updated, %d unchanged\n", settings.Counted(sum.New+sum.Updated+sum.Unchanged, "event", "events"), sum.New, sum.Updated, sum.Unchanged)
	if sum.Plans > 0 {
		fmt.Fprintf(out, "%s with %s\n", settings.Counted(sum.Plans, "seating plan", "seating plans"), settings.Counted(sum.Seats, "seat", "seats"))
	}
	for _, ref := range sum.Refs {
		fmt.Fprintf(out, "  %s: {\"id\": %q, \"version\": %d}, %s\n", ref.Name, ref.ID, ref.Version, settings.Counted(ref.Seats, "seat", "seats"))
	}
	return nil
}

// creatingAdmin makes an administrator and prints the password.
type creatingAdmin struct{ Email string }

func (c *creatingAdmin) Do(ctx context.Context, p *Parts, out io.Writer) error {
	password, err := p.Users.CreateAdmin(ctx, c.Email)
	if e := errs.Of(err); e != nil && len(e.Fields) > 0 {
		return fmt.Errorf("--email: %q %s", c.Email, e.Fields[0].Reason)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "administrator %s\npassword      %s\n", c.Email, password)
	return nil
}

// resettingTwoFactor takes the second factor of an account away.
type resettingTwoFactor struct{ Email, User string }

func (r *resettingTwoFactor) Do(ctx context.Context, p *Parts, out io.Writer) error {
	u, sessions, err := p.Users.ResetTwoFactor(ctx, caller.System, r.Email, r.User)
	var several user.SeveralAccounts
	switch {
	case errs.KindOf(err) == errs.NotFound && r.User != "":
		return fmt.Errorf("--user: no account has the id %q", r.User)
	case errs.KindOf(err) == errs.NotFound:
		return fmt.Errorf("--email: no account has the address %q", r.Email)
	case errors.As(err, &several):
		return fmt.Errorf("--email: %w. Find out which is the owner's, and give its id with --user", several)
	case errs.Is(err, "address-changed"):
		return fmt.Errorf("--user: the account %s does not have the address %q", r.User, r.Email)
	case errs.Is(err, "no-secret") && r.User != "":
		return fmt.Errorf("--user: the account %s has no second factor", r.User)
	case errs.Is(err, "no-secret"):
		return fmt.Errorf("--email: the account of %q has no second factor", r.Email)
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "account %s, %s: the second factor and its recovery codes are gone, and %s ended\n", u.ID, u.Email, settings.Counted(sessions, "session has", "sessions have"))
	return nil
}

// renewingKeys makes a new key for tickets and prints them all.
type renewingKeys struct{}

func (renewingKeys) Do(ctx context.Context, p *Parts, out io.Writer) error {
	if err := p.Tickets.Rotate(ctx, p.DB); err != nil {
		return err
	}
	_, err := out.Write(p.Tickets.Keys().Document())
	return err
}

// makingFans makes accounts with sessions, for a rehearsal: an organizer and so
// many customers, as lines of JSON.
type makingFans struct{ Customers int }

func (m *makingFans) Do(ctx context.Context, p *Parts, out io.Writer) error {
	to := json.NewEncoder(out)
	for _, kind := range []struct {
		n    int
		role caller.Role
	}{{1, caller.Organizer}, {m.Customers, caller.Customer}} {
		fans, err := p.Users.CreateFans(ctx, kind.n, kind.role)
		if err != nil {
			return err
		}
		for _, f := range fans {
			if err := to.Encode(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// fans has the accounts of a rehearsal made: the organizer, then the customers.
func fans(ctx context.Context, s settings.Storage, customers int) ([]user.Fan, error) {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(perform(ctx, s, "fans", &makingFans{customers}, w, slog.New(slog.DiscardHandler)))
	}()
	fans := make([]user.Fan, 0, customers+1)
	for from := json.NewDecoder(r); ; {
		var f user.Fan
		switch err := from.Decode(&f); {
		case err == io.EOF:
			return fans, nil
		case err != nil:
			return nil, err
		}
		fans = append(fans, f)
	}
}

// Rehearsal gives "rush" access to this ticket office.
var Rehearsal = rush.Office{OpenToRead: OpenToRead, Accounts: fans}
