package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// CreateAdmin makes an administrator.
type CreateAdmin struct {
	settings.Storage
	Email string `help:"Email address to sign in with. Example: admin@example.org." required:"" placeholder:"ADDRESS"`
}

// Run prints the generated password, once.
func (c CreateAdmin) Run(ctx context.Context, o Office, out io.Writer) error {
	if err := o.checkEmail(c.Email); err != nil {
		return err
	}
	return o.perform(ctx, c.Storage, "admin create", &creatingAdmin{c.Email}, out, slog.Default())
}

// creatingAdmin makes an administrator and prints the password.
type creatingAdmin struct{ Email string }

func (c *creatingAdmin) Do(ctx context.Context, s *Services, out io.Writer) error {
	password, err := s.Accounts.CreateAdmin(ctx, c.Email)
	if e := errs.Of(err); e != nil && len(e.Fields) > 0 {
		return fmt.Errorf("--email: %q %s", c.Email, e.Fields[0].Reason)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "administrator %s\npassword      %s\n", c.Email, password)
	return nil
}

// ResetTwoFactor lets the owner of an account in again when the app and the recovery
// codes are lost.
type ResetTwoFactor struct {
	settings.Storage
	Email string `help:"Email address of the account. Example: ann@example.org." placeholder:"ADDRESS"`
	User  string `help:"Id of the account, instead of its address, or in addition to it when several accounts have the address." placeholder:"ID"`
}

// Run says what was done.
func (r ResetTwoFactor) Run(ctx context.Context, o Office, out io.Writer) error {
	if r.Email == "" && r.User == "" {
		return settings.Usage("--email or --user is missing: which account?")
	}
	if r.Email != "" {
		if err := o.checkEmail(r.Email); err != nil {
			return err
		}
	}
	if err := settings.CheckID("--user", r.User); err != nil {
		return err
	}
	if err := o.used(ctx, r.Storage); err != nil {
		return err
	}
	return o.perform(ctx, r.Storage, "admin reset-two-factor", &resettingTwoFactor{r.Email, r.User}, out, slog.Default())
}

// resettingTwoFactor takes the second factor of an account away.
type resettingTwoFactor struct{ Email, User string }

func (r *resettingTwoFactor) Do(ctx context.Context, s *Services, out io.Writer) error {
	u, sessions, err := s.Accounts.ResetTwoFactor(ctx, caller.System, r.Email, r.User)
	var several userapi.SeveralAccounts
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

// checkEmail refuses what is no e-mail address.
func (o Office) checkEmail(text string) error {
	if reason := o.CheckEmail(text); !reason.None() {
		return settings.BadFlag("--email", "%q %s", text, reason)
	}
	return nil
}
