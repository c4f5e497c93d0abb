package shop

import (
	"context"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/phone"
	"boxoffice/internal/route"
	"boxoffice/internal/userapi"
)

// Accounts reads, changes and deletes the reader's own account.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error)
	Update(ctx context.Context, c caller.Caller, userID string, version int64, change userapi.Change) (userapi.Account, error)
	Delete(ctx context.Context, c caller.Caller, userID string, version int64, password string) error
	LiveBookings(ctx context.Context, c caller.Caller, userID string) ([]bookingapi.Booking, error)
	Resend(ctx context.Context, c caller.Caller, userID string) error
	Speaks(ctx context.Context, c caller.Caller) error
}

// OpenSessions lists and ends the reader's sessions.
type OpenSessions interface {
	Sessions(ctx context.Context, c caller.Caller, userID, token string) ([]userapi.OpenSession, error)
	EndSessions(ctx context.Context, c caller.Caller, userID, sessionID, keep string) error
}

// Profile is the data that people enter about themselves. A change of the address
// also needs the current Password, and a Code of the second factor if there is one.
type Profile struct{ Name, Email, Username, Phone, Password, Code string }

// openSession is a place where somebody is signed in.
type openSession struct{ userapi.OpenSession }

// programs and systems are the names that browsers send, the more specific ones
// first, since most browsers also name another one.
var (
	programs = [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems  = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"}}
)

// Program returns a readable name of a session's program; "" if it sent none.
func (o openSession) Program() string {
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
		page.Post("/account/emails", s.changeEmails), page.Get("/unsubscribe", s.unsubscribe), page.Post("/unsubscribe", s.unsubscribe),
		page.Get("/account/two-factor", s.twoFactor), page.Post("/account/two-factor", s.beginTwoFactor, route.Entry),
		page.Post("/account/two-factor/confirm", s.confirmTwoFactor, route.Entry), page.Post("/account/two-factor/end", s.endTwoFactor, route.Entry),
		page.Get("/account/export", s.export), page.Get("/account/delete", s.deletePage), page.Post("/account/delete", s.deleteAccount, route.Entry),
	}
}

// accountPage is the data of the account page, including the faults of one of its
// forms, if any.
type accountPage struct {
	userapi.Account
	Form     Profile // as it was sent, else as it is
	Faults   page.Faults
	Password page.Faults
	Sessions []openSession
	Emails   *notifyapi.Preferences // nil: the address is not verified, so nobody chooses for it
	Texts    bool                   // ask for a mobile number
}

// own is the reader's account.
func (s *Shop) own(v *page.Visit) (userapi.Account, error) {
	return s.Users.Account(v.Context(), v.Caller, v.Caller.UserID)
}

func (s *Shop) account(v *page.Visit) error { return s.showAccount(v, nil) }

// showAccount shows the account page; sent fills in a form as it was sent.
func (s *Shop) showAccount(v *page.Visit, sent func(*accountPage)) error {
	if err := signedIn(v); err != nil {
		return err
	}
	var p accountPage
	var err error
	if p.Account, err = s.own(v); err != nil {
		return err
	}
	sessions, err := s.Users.Sessions(v.Context(), v.Caller, v.Caller.UserID, v.Token())
	if err != nil {
		return err
	}
	for _, one := range sessions {
		p.Sessions = append(p.Sessions, openSession{one})
	}
	if p.Emails, err = s.emailsOf(v, &p.Account); err != nil {
		return err
	}
	p.Form, p.Texts = Profile{Name: p.Name, Email: p.Email, Username: p.Username, Phone: phone.Shown(p.Phone)}, s.Texts
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
	form := Profile{v.PostFormValue("name"), v.PostFormValue("email"), v.PostFormValue("username"), v.PostFormValue("phone"), v.PostFormValue("current_password"), v.PostFormValue("code")}
	moved, err := s.changeProfile(v, form)
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

// changeProfile saves a form's changes, and reports whether the address has changed.
func (s *Shop) changeProfile(v *page.Visit, f Profile) (moved bool, err error) {
	before, err := s.own(v)
	if err != nil {
		return false, err
	}
	c := userapi.Change{Name: &f.Name, CurrentPassword: f.Password, Code: f.Code}
	if s.Texts {
		c.Phone = &f.Phone
	}
	if before.HasPassword {
		c.Username = &f.Username
		if f.Email != before.Email {
			c.Email = &f.Email
		}
	}
	after, err := s.Users.Update(v.Context(), v.Caller, before.ID, 0, c)
	return err == nil && after.Email != before.Email, err
}

// changePassword sets a new password and ends all sessions, including this one; the
// reader signs in again.
func (s *Shop) changePassword(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	chosen := v.PostFormValue("password")
	_, err := s.Users.Update(v.Context(), v.Caller, v.Caller.UserID, 0, userapi.Change{Password: &chosen, CurrentPassword: v.PostFormValue("current_password")})
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
	if err := s.Users.Resend(v.Context(), v.Caller, v.Caller.UserID); err != nil {
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
	if err := s.Users.EndSessions(v.Context(), v.Caller, v.Caller.UserID, v.PostFormValue("session"), v.Token()); err != nil {
		return err
	}
	v.Notice("session-ended")
	return v.Go("/account")
}

// deleteForm is the data of the page that deletes an account.
type deleteForm struct {
	userapi.Account
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
	if f.Account, err = s.own(v); err != nil {
		return err
	}
	live, err := s.Users.LiveBookings(v.Context(), v.Caller, v.Caller.UserID)
	if err != nil {
		return err
	}
	if f.Live, err = s.Orders.with(v.Context(), live); err != nil {
		return err
	}
	return v.Show(s.set, "delete", page.Meta{Title: v.T("delete.title"), NoIndex: true}, f)
}

func (s *Shop) deleteAccount(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	if err := s.Users.Delete(v.Context(), v.Caller, v.Caller.UserID, 0, v.PostFormValue("current_password")); err != nil {
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

// signedOut makes the reader's browser forget the session, and the tickets that were
// stored for offline use.
func (s *Shop) signedOut(v *page.Visit) {
	v.End()
	v.W.Header().Set("Clear-Site-Data", `"cache", "storage"`)
}
