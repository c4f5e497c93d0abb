package shop

import (
	"context"
	"html/template"

	"boxoffice/internal/caller"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// TwoFactor switches the second factor of the reader's account on and off.
type TwoFactor interface {
	BeginTwoFactor(ctx context.Context, c caller.Caller, userID, password string) (userapi.Secret, error)
	ConfirmTwoFactor(ctx context.Context, c caller.Caller, userID, code string) ([]string, error)
	EndTwoFactor(ctx context.Context, c caller.Caller, userID, password, code string) error
}

// twoFactorPage is the data of the page about two-factor log-in. Secret and recovery
// codes appear once, in the answer to a form, and nowhere else.
type twoFactorPage struct {
	userapi.Account
	Key      userapi.Secret
	Code     template.HTML // of Key.URI: a drawing (SVG)
	Asked    bool          // the app has a secret; its first code is expected
	Recovery []string      // codes for a lost app
	Faults   page.Faults
}

func (s *Shop) twoFactor(v *page.Visit) error { return s.showTwoFactor(v, twoFactorPage{}) }

func (s *Shop) showTwoFactor(v *page.Visit, p twoFactorPage) error {
	if err := signedIn(v); err != nil {
		return err
	}
	var err error
	if p.Account, err = s.own(v); err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, "twofactor", page.Meta{Title: v.T("twofactor.title"), NoIndex: true}, p)
}

func (s *Shop) beginTwoFactor(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	p := twoFactorPage{Asked: true}
	var err error
	if p.Key, err = s.Users.BeginTwoFactor(v.Context(), v.Caller, v.Caller.UserID, v.PostFormValue("current_password")); err != nil {
		return s.twoFactorFaults(v, twoFactorPage{}, err)
	}
	if p.Code, err = drawing(p.Key.URI); err != nil {
		return err
	}
	return s.showTwoFactor(v, p)
}

func (s *Shop) confirmTwoFactor(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	codes, err := s.Users.ConfirmTwoFactor(v.Context(), v.Caller, v.Caller.UserID, v.PostFormValue("code"))
	if err != nil {
		return s.twoFactorFaults(v, twoFactorPage{Asked: true}, err)
	}
	return s.showTwoFactor(v, twoFactorPage{Recovery: codes})
}

func (s *Shop) endTwoFactor(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	if err := s.Users.EndTwoFactor(v.Context(), v.Caller, v.Caller.UserID, v.PostFormValue("current_password"), v.PostFormValue("code")); err != nil {
		return s.twoFactorFaults(v, twoFactorPage{}, err)
	}
	v.Notice("two-factor-off")
	return v.Go("/account")
}

// twoFactorFaults shows the page again with the faults.
func (s *Shop) twoFactorFaults(v *page.Visit, p twoFactorPage, err error) error {
	faults, ok := v.Faults(err)
	if !ok {
		return err
	}
	p.Faults = faults
	return s.showTwoFactor(v, p)
}
