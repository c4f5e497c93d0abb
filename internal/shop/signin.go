package shop

import (
	"context"
	"net/url"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
	"boxoffice/internal/userapi"
)

// Users is the part of userapi.Service that the shop uses.
type Users interface {
	SignIn
	MailedLinks
	Guests
	OrderCodes
	Accounts
	OpenSessions
	TwoFactor
}

// SignIn signs people with a password in and out.
type SignIn interface {
	Login(ctx context.Context, c userapi.Credentials) (s userapi.Session, proof string, err error)
	SignUpAndIn(ctx context.Context, a userapi.NewAccount, visitor caller.Caller, agent string) (userapi.Session, error)
	Logout(ctx context.Context, token string) error
}

func (s *Shop) signInRoutes() []page.Route {
	return []page.Route{
		page.Get("/sign-in", s.signInPage), page.Post("/sign-in", s.signInPage, route.Entry),
		page.Get("/sign-up", s.signUpPage), page.Post("/sign-up", s.signUpPage, route.Entry),
		page.Post("/sign-out", s.signOut),
		page.Get("/forgot", s.forgot), page.Post("/forgot", s.forgot, route.Entry),
		page.Get("/verify", s.verify), page.Post("/verify", s.verify, route.Entry),
		page.Get("/reset", s.reset), page.Post("/reset", s.reset, route.Entry),
	}
}

// done reports whether a guest has already verified their address: the form was sent
// twice.
func done(err error) bool { return errs.Is(err, "already-verified") }

func (s *Shop) signInPage(v *page.Visit) error {
	f, next := entryForm{Name: v.FormValue("name")}, v.Next("")
	if v.Method == "POST" {
		var role caller.Role
		var err error
		if f, role, err = s.logIn(v); err != nil {
			return err
		}
		if !f.Faults.Any() {
			return v.Go(afterwards(next, role))
		}
	}
	f.Next = next
	return s.showEntry(v, "signin", v.T("signin.title"), f)
}

// afterwards returns where to continue after signing in.
func afterwards(next string, role caller.Role) string {
	switch {
	case next != "":
		return next
	case role == caller.Organizer:
		return "/organizer"
	}
	return "/orders"
}

func (s *Shop) signUpPage(v *page.Visit) error {
	f, next := entryForm{}, v.Next("")
	if v.Method == "POST" {
		var err error
		if f, err = s.signUp(v); err != nil {
			return err
		}
		if !f.Faults.Any() {
			return v.Go(afterwards(next, caller.Customer))
		}
	}
	f.Next = next
	return s.showEntry(v, "signup", v.T("signup.title"), f)
}

// forgot mails a link for a new password. The answer is the same whether or not
// there is an account.
func (s *Shop) forgot(v *page.Visit) error {
	f := entryForm{Email: v.FormValue("email")}
	if v.Method == "POST" {
		err := s.Users.ForgotPassword(v.Context(), f.Email)
		if err == nil {
			return v.Go("/forgot?sent=1")
		}
		if err = f.fault(v, err); err != nil {
			return err
		}
	}
	return s.showEntry(v, "forgot", v.T("forgot.title"), f)
}

// entryPage is the data of the pages for signing in and up.
type entryPage struct {
	Form entryForm
	Sent bool
}

func (s *Shop) showEntry(v *page.Visit, name, title string, f entryForm) error {
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, name, page.Meta{Title: title, NoIndex: true}, entryPage{Form: f, Sent: v.Request.URL.Query().Get("sent") != ""})
}

// Query returns the query that passes on where to continue afterwards.
func (f entryForm) Query() string {
	if f.Next == "" {
		return ""
	}
	return "?next=" + url.QueryEscape(f.Next)
}

func (s *Shop) signOut(v *page.Visit) error {
	if token := v.Token(); token != "" {
		if err := s.Users.Logout(v.Context(), token); err != nil {
			return err
		}
	}
	s.signedOut(v)
	v.Notice("signed-out")
	return v.Go("/")
}
