package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// command is what a sub-command that writes comes to, once its flags and files
// are read. The process that has the database carries it out: this one, or the
// server that runs on the embedded folder and gets it over a socket.
type command interface {
	do(ctx context.Context, p *Parts, out io.Writer) error
}

// commands are the commands by the names that they have on the socket. What is
// sent is the JSON of the value.
var commands = map[string]func() command{
	"import":                 func() command { return &importing{} },
	"admin create":           func() command { return &creatingAdmin{} },
	"admin reset-two-factor": func() command { return &resettingTwoFactor{} },
	"ticket keys":            func() command { return &renewingKeys{} },
	"fans":                   func() command { return &makingFans{} },
}

// patience is how long a command waits for a folder whose process takes no
// commands: a server that is starting, or another command.
const patience = 10 * time.Second

// perform carries a command out where the database is.
func (s Storage) perform(ctx context.Context, name string, c command, out io.Writer, log *slog.Logger) error {
	for begun := time.Now(); ; {
		err := s.with(ctx, log, func(p *Parts) error { return c.do(ctx, p, out) })
		if !errors.Is(err, sqldb.ErrInUse) {
			return err
		}
		switch sent := send(ctx, s.Data, name, c, out); {
		case !errors.Is(sent, errNobody):
			return sent
		case time.Since(begun) > patience:
			return fmt.Errorf("%w, and it takes no commands", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// importing is the import of files, which are read where it was asked for.
type importing struct {
	Files   []event.ImportFile
	Options event.ImportOptions
}

func (i *importing) do(ctx context.Context, p *Parts, out io.Writer) error {
	sum, err := p.Events.Import(ctx, i.Files, i.Options)
	if err != nil {
		return err
	}
	for _, note := range sum.Notes {
		fmt.Fprintln(out, note)
	}
	fmt.Fprintf(out, "%s: %d new, %d updated, %d unchanged\n", counted(sum.New+sum.Updated+sum.Unchanged, "event", "events"), sum.New, sum.Updated, sum.Unchanged)
	if sum.Plans > 0 {
		fmt.Fprintf(out, "%s with %s\n", counted(sum.Plans, "seating plan", "seating plans"), counted(sum.Seats, "seat", "seats"))
	}
	for _, ref := range sum.Refs {
		fmt.Fprintf(out, "  %s: {\"id\": %q, \"version\": %d}, %s\n", ref.Name, ref.ID, ref.Version, counted(ref.Seats, "seat", "seats"))
	}
	return nil
}

// counted is a number of things: "1 event", "2 events".
func counted[N ~int | ~int32 | ~int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// creatingAdmin makes an administrator and prints the password.
type creatingAdmin struct{ Email string }

func (c *creatingAdmin) do(ctx context.Context, p *Parts, out io.Writer) error {
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

func (r *resettingTwoFactor) do(ctx context.Context, p *Parts, out io.Writer) error {
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
	fmt.Fprintf(out, "account %s, %s: the second factor and its recovery codes are gone, and %s ended\n", u.ID, u.Address(), counted(sessions, "session has", "sessions have"))
	return nil
}

// renewingKeys makes a new key for tickets and prints them all.
type renewingKeys struct{}

func (renewingKeys) do(ctx context.Context, p *Parts, out io.Writer) error {
	if err := signing.Rotate(ctx, p.DB, ticketKey, p.DB.Now); err != nil {
		return err
	}
	if err := p.renewKeys(ctx); err != nil {
		return err
	}
	_, err := out.Write(p.Tickets.Keys().Document())
	return err
}

// makingFans makes accounts with sessions, for a rehearsal: an organizer and so
// many customers, as lines of JSON.
type makingFans struct{ Customers int }

func (m *makingFans) do(ctx context.Context, p *Parts, out io.Writer) error {
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
func (s Storage) fans(ctx context.Context, customers int) ([]user.Fan, error) {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(s.perform(ctx, "fans", &makingFans{customers}, w, slog.New(slog.DiscardHandler)))
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
