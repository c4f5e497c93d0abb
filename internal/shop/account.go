package shop

import (
	"context"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
)

// Accounts is what somebody can see and change of their own account. Where a
// password is asked for, a wrong one is an Invalid error about current_password.
type Accounts interface {
	Account(ctx context.Context, caller caller.Caller) (Account, error)
	ChangeAccount(ctx context.Context, caller caller.Caller, c Profile) (moved bool, err error)
	// ChangePassword ends all sessions.
	ChangePassword(ctx context.Context, caller caller.Caller, current, chosen string) error
	SendVerification(ctx context.Context, caller caller.Caller) error
	// Sessions lists sessions, newest first; token is the one of this request.
	Sessions(ctx context.Context, caller caller.Caller, token string) ([]OpenSession, error)
	// EndSession ends a session by its id, or with "" all but the one of a token.
	EndSession(ctx context.Context, caller caller.Caller, id, token string) error
	// BeginTwoFactor makes a secret, which counts once a code has confirmed it.
	BeginTwoFactor(ctx context.Context, caller caller.Caller, password string) (secret, uri string, err error)
	// ConfirmTwoFactor answers codes for the day on which the app is lost.
	ConfirmTwoFactor(ctx context.Context, caller caller.Caller, code string) ([]string, error)
	EndTwoFactor(ctx context.Context, caller caller.Caller, password, code string) error
	// Live are the orders for which an account has to stay.
	Live(ctx context.Context, caller caller.Caller) ([]Order, error)
	DeleteAccount(ctx context.Context, caller caller.Caller, password string) error
	// Export is all that there is about a caller, as JSON.
	Export(ctx context.Context, caller caller.Caller) ([]byte, error)
}

// Account is an account as its owner sees it.
type Account struct {
	Profile
	Verified    bool // the address is
	TwoFactor   bool // signing in needs a code
	HasPassword bool // guests have none
	Since       time.Time
}

// Profile is what somebody says about themselves. Password is the current one,
// and Code one of the second factor, for a change of the address.
type Profile struct{ Name, Email, Username, Password, Code string }

// OpenSession is a place where somebody is signed in.
type OpenSession struct {
	ID          string
	Agent       string // the program, as it named itself
	Since, Ends time.Time
	Here        bool // it is the session of this request
}

// programs and systems are what browsers call themselves, the more special name
// first: most of them also say that they are another one.
var (
	programs = [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems  = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"}}
)

// Program names a session's program for people; "" when it has not named itself.
func (o OpenSession) Program() string {
	named := func(list [][2]string) string {
		for _, one := range list {
			if strings.Contains(o.Agent, one[0]) {
				return one[1]
			}
		}
		return ""
	}
	program, system := named(programs), named(systems)
	switch {
	case program != "" && system != "":
		return program + ", " + system
	case program != "":
		return program
	}
	first, _, _ := strings.Cut(o.Agent, " ")
	return first
}

func (s *Shop) accountRoutes() []page.Route {
	return []page.Route{
		page.Get("/account", s.account), page.Post("/account", s.changeAccount, route.Entry), page.Post("/account/password", s.changePassword, route.Entry),
		page.Post("/account/verification", s.sendVerification, route.Entry), page.Post("/account/sessions", s.endSession),
		page.Get("/account/two-factor", s.twoFactor), page.Post("/account/two-factor", s.beginTwoFactor, route.Entry),
		page.Post("/account/two-factor/confirm", s.confirmTwoFactor, route.Entry), page.Post("/account/two-factor/end", s.endTwoFactor, route.Entry),
		page.Get("/account/export", s.export), page.Get("/account/delete", s.deletePage), page.Post("/account/delete", s.deleteAccount, route.Entry),
	}
}

// accountPage is the account's page at a moment: with what is wrong with one of
// its forms, or with none.
type accountPage struct {
	Account
	Form     Profile // as it was sent, else as it is
	Faults   page.Faults
	Password page.Faults
	Sessions []OpenSession
}

func (s *Shop) account(v *page.Visit) error { return s.showAccount(v, nil) }

// showAccount shows the account's page; sent has what a form had in it.
func (s *Shop) showAccount(v *page.Visit, sent func(*accountPage)) error {
	if err := signedIn(v); err != nil {
		return err
	}
	var p accountPage
	var err error
	if p.Account, err = s.Accounts.Account(v.Context(), v.Caller); err != nil {
		return err
	}
	if p.Sessions, err = s.Accounts.Sessions(v.Context(), v.Caller, v.Token()); err != nil {
		return err
	}
	p.Form = p.Profile
	if sent != nil {
		sent(&p)
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(s.set, "account", page.Meta{Title: v.T("account.title"), NoIndex: true}, p)
}

func (s *Shop) changeAccount(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	form := Profile{v.PostFormValue("name"), v.PostFormValue("email"), v.PostFormValue("username"), v.PostFormValue("current_password"), v.PostFormValue("code")}
	moved, err := s.Accounts.ChangeAccount(v.Context(), v.Caller, form)
	if err != nil {
		faults, ok := v.Faults(err)
		if !ok {
			return err
		}
		return s.showAccount(v, func(p *accountPage) { p.Form, p.Faults = form, faults })
	}
	v.Notice("account-saved")
	if moved {
		v.Notice("address-changed")
	}
	return v.Go("/account")
}

// changePassword ends all sessions, this one too: who knows the new password
// signs in with it.
func (s *Shop) changePassword(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	err := s.Accounts.ChangePassword(v.Context(), v.Caller, v.PostFormValue("current_password"), v.PostFormValue("password"))
	if err != nil {
		faults, ok := v.Faults(err)
		if !ok {
			return err
		}
		return s.showAccount(v, func(p *accountPage) { p.Password = faults })
	}
	v.End()
	v.Notice("password-changed")
	return v.Go("/sign-in?next=/account")
}

func (s *Shop) sendVerification(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	if err := s.Accounts.SendVerification(v.Context(), v.Caller); err != nil {
		faults, ok := v.Faults(err)
		if !ok {
			return err
		}
		return s.showAccount(v, func(p *accountPage) { p.Faults = faults })
	}
	v.Notice("verification-sent")
	return v.Go("/account")
}

func (s *Shop) endSession(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	if err := s.Accounts.EndSession(v.Context(), v.Caller, v.PostFormValue("session"), v.Token()); err != nil {
		return err
	}
	v.Notice("session-ended")
	return v.Go("/account")
}

func (s *Shop) export(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	file, err := s.Accounts.Export(v.Context(), v.Caller)
	if err != nil {
		return err
	}
	return sendFile(v, "application/json", "private, no-store", "boxoffice-account.json", file)
}

// deleteForm is the page on which an account is deleted, at a moment.
type deleteForm struct {
	Account
	Live   []Order // for which it has to stay
	Faults page.Faults
}

func (s *Shop) deletePage(v *page.Visit) error { return s.showDelete(v, page.Faults{}) }

func (s *Shop) showDelete(v *page.Visit, faults page.Faults) error {
	if err := signedIn(v); err != nil {
		return err
	}
	f := deleteForm{Faults: faults}
	var err error
	if f.Account, err = s.Accounts.Account(v.Context(), v.Caller); err != nil {
		return err
	}
	if f.Live, err = s.Accounts.Live(v.Context(), v.Caller); err != nil {
		return err
	}
	return v.Show(s.set, "delete", page.Meta{Title: v.T("delete.title"), NoIndex: true}, f)
}

func (s *Shop) deleteAccount(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	if err := s.Accounts.DeleteAccount(v.Context(), v.Caller, v.PostFormValue("current_password")); err != nil {
		faults, ok := v.Faults(err)
		if !ok {
			return err
		}
		return s.showDelete(v, faults)
	}
	s.signedOut(v)
	v.Notice("account-deleted")
	return v.Go("/")
}

// signedOut has the reader's browser forget who was here: the session, and
// tickets that were kept for times without a network.
func (s *Shop) signedOut(v *page.Visit) {
	v.End()
	v.W.Header().Set("Clear-Site-Data", `"cache", "storage"`)
}
