package shop

import (
	"context"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// entryForm is a form for signing in, signing up or buying as a guest, as it was
// sent, with its faults.
type entryForm struct {
	Name, Email, Next string
	Phone             string
	Proof             string // ask for the code of the authenticator app only
	Waived            bool   // guests need not confirm their address to pay
	Faults            page.Faults
}

// Guests buy without a password: a visitor gives a name and an address, and then the
// code that was mailed there.
type Guests interface {
	EnterVisitor(ctx context.Context, agent string) (userapi.Session, error)
	SetContact(ctx context.Context, c caller.Caller, name, email string) (userapi.Account, error)
	ResendCode(ctx context.Context, c caller.Caller) error
	VerifyCode(ctx context.Context, c caller.Caller, code, agent string) (userapi.Session, error)
}

// who returns what the checkout of an event knows about the buyer.
func (s *Shop) who(v *page.Visit, e *eventapi.Event) (string, userapi.Account, error) {
	one, err := s.Users.Account(v.Context(), v.Caller, v.Caller.UserID)
	switch {
	case err != nil:
		return "", one, err
	case one.Verified, e.UnverifiedBuyers && one.Email != "":
		return whoKnown, one, nil
	case one.Email != "":
		return whoCode, one, nil
	}
	return whoVisitor, one, nil
}

// logIn starts a session from a sign-in form. The form's faults are in f; err is for
// all other errors.
func (s *Shop) logIn(v *page.Visit) (f entryForm, role caller.Role, err error) {
	f = entryForm{Name: v.PostFormValue("name")}
	before := v.Token()
	session, proof, err := s.Users.Login(v.Context(), userapi.Credentials{
		Name: f.Name, Password: v.PostFormValue("password"), Code: v.PostFormValue("code"), Agent: v.UserAgent(), Visitor: v.Caller,
		Steps: true, Proof: v.PostFormValue("proof"),
	})
	if f.Proof = proof; err != nil {
		return f, "", f.fault(v, err)
	}
	v.Begin(session.Token, session.Ends)
	if v.Caller.SignedIn() && !v.Caller.Visiting() { // the browser drops that session, for example if the form is sent twice
		err = s.Users.Logout(v.Context(), before)
	}
	return f, session.Role, err
}

// signUp starts a session with a new account, or continues with the one that the
// same form has already made.
func (s *Shop) signUp(v *page.Visit) (entryForm, error) {
	f := entryForm{Name: v.PostFormValue("name"), Email: v.PostFormValue("email")}
	if v.Caller.SignedIn() && !v.Caller.Visiting() {
		own, err := s.Users.Account(v.Context(), v.Caller, v.Caller.UserID)
		if err != nil {
			return f, err
		}
		if !own.Guest && strings.EqualFold(own.Email, strings.TrimSpace(f.Email)) {
			return f, nil
		}
	}
	session, err := s.Users.SignUpAndIn(v.Context(), userapi.NewAccount{Name: f.Name, Email: f.Email, Password: v.PostFormValue("password")}, v.Caller, v.UserAgent())
	if err != nil {
		return f, f.fault(v, err)
	}
	v.Begin(session.Token, session.Ends)
	v.Notice("signed-up")
	return f, nil
}

// fault adds an error to the form, and returns errors that do not concern the form.
func (f *entryForm) fault(v *page.Visit, err error) error {
	var ok bool
	if f.Faults, ok = v.Faults(err); ok {
		return nil
	}
	return err
}

// here processes a form within the checkout: without faults the checkout continues,
// otherwise the form is shown again with them.
func (s *Shop) here(v *page.Visit, as string, try func() (entryForm, error)) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	f, err := try()
	if err != nil {
		return err
	}
	if f.Faults.Any() {
		return s.showCheckout(v, p, as, f)
	}
	return v.Go(checkoutPath(p.ID))
}

func (s *Shop) signInHere(v *page.Visit) error {
	return s.here(v, "sign-in", func() (entryForm, error) {
		f, _, err := s.logIn(v)
		return f, err
	})
}

func (s *Shop) signUpHere(v *page.Visit) error {
	return s.here(v, "sign-up", func() (entryForm, error) { return s.signUp(v) })
}

// asGuest stores a visitor's name and address, and has a code mailed there.
func (s *Shop) asGuest(v *page.Visit) error {
	return s.here(v, "guest", func() (entryForm, error) {
		f := entryForm{Name: v.PostFormValue("name"), Email: v.PostFormValue("email")}
		if _, err := s.Users.SetContact(v.Context(), v.Caller, f.Name, f.Email); err != nil && !done(err) {
			return f, f.fault(v, err)
		}
		return f, nil
	})
}

// guestCode checks the code that verifies a guest's address.
func (s *Shop) guestCode(v *page.Visit) error {
	return s.here(v, "code", func() (f entryForm, err error) {
		session, err := s.Users.VerifyCode(v.Context(), v.Caller, v.PostFormValue("code"), v.UserAgent())
		switch {
		case err == nil:
			v.Begin(session.Token, session.Ends)
		case !done(err):
			return f, f.fault(v, err)
		}
		return f, nil
	})
}

func (s *Shop) resendCode(v *page.Visit) error {
	return s.here(v, "code", func() (f entryForm, err error) {
		if err := s.Users.ResendCode(v.Context(), v.Caller); err != nil && !done(err) {
			return f, f.fault(v, err)
		}
		v.Notice("code-sent")
		return f, nil
	})
}
