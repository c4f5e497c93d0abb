package shop

import (
	"context"
	"net/url"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
)

// Session is a session that has begun.
type Session struct {
	Token string
	Ends  time.Time
	Role  caller.Role
}

// Credentials are what somebody signs in with.
type Credentials struct {
	Name, Password string
	Code           string        // of the authenticator app; "" when there is none
	Agent          string        // the browser
	Visitor        caller.Caller // who they were until now: a visitor's holds go to the account
	Proof          string        // that name and password were right a moment ago
}

// NewAccount is what somebody signs up with.
type NewAccount struct {
	Name, Email, Password string
	Agent                 string
	Visitor               caller.Caller
}

// People signs fans in and out, and knows who they are.
type People interface {
	// Login starts a session. When a code is missing or wrong, proof is what
	// stands for name and password in the next step.
	Login(ctx context.Context, c Credentials) (s Session, proof string, err error)
	SignUp(ctx context.Context, a NewAccount) (Session, error)
	Logout(ctx context.Context, token string) error
	ForgotPassword(ctx context.Context, email string) error
	// VerifyLink tells what can be done with a mailed link; VerifyEmail uses it for
	// the caller's account, or fails with "sign-in-required" when it is another's;
	// VerifyAnew has a new password chosen, and ends the account's sessions.
	VerifyLink(ctx context.Context, caller caller.Caller, token string) (VerifyLink, error)
	VerifyEmail(ctx context.Context, caller caller.Caller, token string) error
	VerifyAnew(ctx context.Context, token, password string) error
	ResetPassword(ctx context.Context, token, password string) error

	// EnterVisitor begins a session of somebody of whom nothing is known.
	EnterVisitor(ctx context.Context, agent string) (Session, error)
	// SetContact is a visitor's name and address; it mails a code there.
	SetContact(ctx context.Context, caller caller.Caller, name, email string) error
	ResendCode(ctx context.Context, caller caller.Caller) error
	// VerifyGuest takes the mailed code; the answer is the session to go on with.
	VerifyGuest(ctx context.Context, caller caller.Caller, code, agent string) (Session, error)
	// MailOrderCode mails a code to an order's owner, and EnterByCode takes it. They
	// fail with "sign-in-required" for owners with a password.
	MailOrderCode(ctx context.Context, userID string) error
	EnterByCode(ctx context.Context, userID, code, agent string) (Session, error)
	// Person is what is known of a caller.
	Person(ctx context.Context, caller caller.Caller) (Person, error)
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

// done reports whether a guest has shown who they are before: the same form came
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

// afterwards is where somebody goes on who has signed in.
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

// forgot mails a link for a new password. The answer is the same whether there is
// an account or not.
func (s *Shop) forgot(v *page.Visit) error {
	f := entryForm{Email: v.FormValue("email")}
	if v.Method == "POST" {
		err := s.People.ForgotPassword(v.Context(), f.Email)
		if err == nil {
			return v.Go("/forgot?sent=1")
		}
		if err = f.fault(v, err); err != nil {
			return err
		}
	}
	return s.showEntry(v, "forgot", v.T("forgot.title"), f)
}

// entryPage is a page for those who come in.
type entryPage struct {
	Form entryForm
	Sent bool
}

func (s *Shop) showEntry(v *page.Visit, name, title string, f entryForm) error {
	v.W.Header().Set("Cache-Control", "no-store")
	return v.Show(s.set, name, page.Meta{Title: title, NoIndex: true}, entryPage{Form: f, Sent: v.Request.URL.Query().Get("sent") != ""})
}

// Query is the address's query by which a page passes on where to go afterwards.
func (f entryForm) Query() string {
	if f.Next == "" {
		return ""
	}
	return "?next=" + url.QueryEscape(f.Next)
}

func (s *Shop) signOut(v *page.Visit) error {
	if token := v.Token(); token != "" {
		if err := s.People.Logout(v.Context(), token); err != nil {
			return err
		}
	}
	s.signedOut(v)
	v.Notice("signed-out")
	return v.Go("/")
}
