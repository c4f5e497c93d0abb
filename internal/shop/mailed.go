package shop

import (
	"context"
	"net/http"
	"net/url"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// MailedLinks are the steps that mailed links lead to.
type MailedLinks interface {
	ForgotPassword(ctx context.Context, email string) error
	ResetPassword(ctx context.Context, token, password string) error
	VerifyLink(ctx context.Context, c caller.Caller, token string) (userapi.VerifyLink, error)
	Verify(ctx context.Context, c caller.Caller, token string) (userapi.Account, error)
	VerifyAnew(ctx context.Context, token, password string) (userapi.Account, error)
}

// mailedForm is the data of a page that a mailed link leads to. Reading the page
// changes nothing, because mail programs follow links on their own; its buttons do.
type mailedForm struct {
	Token  string
	Faults page.Faults
	Done   bool

	// Of links that confirm an address:
	Link   userapi.VerifyLink
	Chosen bool // a new password was chosen, too
}

// Next returns the query of the sign-in page that leads back to the link.
func (f mailedForm) Next() string {
	return "?next=" + url.QueryEscape("/verify?token="+url.QueryEscape(f.Token))
}

// verify verifies an address with a mailed link. The reader must be signed in to the
// account that gives the address, or set a new password for that account. So nobody
// verifies their address for a stranger's account by mistake.
func (s *Shop) verify(v *page.Visit) error {
	f := mailedForm{Token: v.FormValue("token"), Chosen: v.PostFormValue("choose") != ""}
	if v.Method == http.MethodPost {
		err := s.confirm(v, &f)
		if errs.Is(err, "sign-in-required") && f.Chosen { // the account has a second factor, and was moved to the address
			v.Notice("verify-sign-in")
			return v.Go("/sign-in" + f.Next())
		}
		if errs.Is(err, "sign-in-required") { // the session has ended, or belongs to another account
			return v.Go("/verify?token=" + url.QueryEscape(f.Token))
		}
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok && err != nil {
			return err
		}
		f.Done = err == nil
	}
	var err error
	if f.Link, err = s.Users.VerifyLink(v.Context(), v.Caller, f.Token); err != nil {
		return err
	}
	return v.Show(s.set, "verify", page.Meta{Title: v.T("verify.title"), NoIndex: true}, f)
}

func (s *Shop) confirm(v *page.Visit, f *mailedForm) error {
	if f.Chosen {
		_, err := s.Users.VerifyAnew(v.Context(), f.Token, v.PostFormValue("password"))
		return err
	}
	_, err := s.Users.Verify(v.Context(), v.Caller, f.Token)
	return err
}

// reset sets a new password with a mailed link.
func (s *Shop) reset(v *page.Visit) error {
	f := mailedForm{Token: v.FormValue("token")}
	if v.Method == http.MethodPost {
		err := s.Users.ResetPassword(v.Context(), f.Token, v.PostFormValue("password"))
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok && err != nil {
			return err
		}
		f.Done = err == nil
	}
	return v.Show(s.set, "reset", page.Meta{Title: v.T("reset.title"), NoIndex: true}, f)
}
