package shop

import (
	"net/http"
	"net/url"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// mailedForm is a page that a mailed link leads to, at a moment. Reading it
// changes nothing, since mail programs follow links by themselves; its buttons
// do.
type mailedForm struct {
	Token  string
	Faults page.Faults
	Done   bool

	// Of links that confirm an address:
	Link   VerifyLink
	Chosen bool // a new password was chosen, too
}

// VerifyLink is what a mailed link that confirms an address stands for.
type VerifyLink struct {
	Valid bool
	Mine  bool // it is of the reader's account
	Done  bool // the reader's address is confirmed already
}

// Next is the query of the sign-in page that leads back to the link.
func (f mailedForm) Next() string {
	return "?next=" + url.QueryEscape("/verify?token="+url.QueryEscape(f.Token))
}

// verify confirms an address by a mailed link: for whoever is signed in to the
// account that gives it, or chooses a new password for that account. So nobody
// confirms by mistake that their address is a stranger's account's.
func (s *Shop) verify(v *page.Visit) error {
	f := mailedForm{Token: v.FormValue("token"), Chosen: v.PostFormValue("choose") != ""}
	if v.Method == http.MethodPost {
		err := s.confirm(v, &f)
		if errs.Is(err, "sign-in-required") && f.Chosen { // the account has a second factor, and was moved to the address
			v.Notice("verify-sign-in")
			return v.Go("/sign-in" + f.Next())
		}
		if errs.Is(err, "sign-in-required") { // the session is over, or another account's
			return v.Go("/verify?token=" + url.QueryEscape(f.Token))
		}
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok && err != nil {
			return err
		}
		f.Done = err == nil
	}
	var err error
	if f.Link, err = s.People.VerifyLink(v.Context(), v.Caller, f.Token); err != nil {
		return err
	}
	return v.Show(s.set, "verify", page.Meta{Title: v.T("verify.title"), NoIndex: true}, f)
}

func (s *Shop) confirm(v *page.Visit, f *mailedForm) error {
	if f.Chosen {
		return s.People.VerifyAnew(v.Context(), f.Token, v.PostFormValue("password"))
	}
	return s.People.VerifyEmail(v.Context(), v.Caller, f.Token)
}

// reset chooses a new password by a mailed link.
func (s *Shop) reset(v *page.Visit) error {
	f := mailedForm{Token: v.FormValue("token")}
	if v.Method == http.MethodPost {
		err := s.People.ResetPassword(v.Context(), f.Token, v.PostFormValue("password"))
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok && err != nil {
			return err
		}
		f.Done = err == nil
	}
	return v.Show(s.set, "reset", page.Meta{Title: v.T("reset.title"), NoIndex: true}, f)
}
