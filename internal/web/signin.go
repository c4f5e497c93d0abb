package web

import (
	"context"
	"time"

	"boxoffice/internal/page"
)

// Session is a session that has begun.
type Session struct {
	Token string
	Ends  time.Time
}

// People signs fans in and out.
type People interface {
	Login(ctx context.Context, name, password, code, agent string) (Session, error)
	Logout(ctx context.Context, token string) error
	VerifyEmail(ctx context.Context, token string) error
	ResetPassword(ctx context.Context, token, password string) error
}

func (s *Shop) signInRoutes() routes {
	return routes{"GET /sign-in": s.signIn, "POST /sign-in": s.signIn, "POST /sign-out": s.signOut,
		"GET /verify": s.verify, "POST /verify": s.verify, "GET /reset": s.reset, "POST /reset": s.reset}
}

// signInForm is the sign-in page at a moment.
type signInForm struct{ Name, Next, Problem string }

func (s *Shop) signIn(v *page.Visit) error {
	f := signInForm{Name: v.FormValue("name"), Next: v.Next("/orders")}
	if v.Method == "POST" {
		session, err := s.People.Login(v.Context(), f.Name, v.PostFormValue("password"), v.PostFormValue("code"), v.UserAgent())
		if err == nil {
			v.Begin(session.Token, session.Ends)
			return v.Go(f.Next)
		}
		var ok bool
		if f.Problem, ok = v.Reason(err); !ok {
			return err
		}
	}
	return v.Show(s.set, "signin", page.Meta{Title: v.T("signin.title"), NoIndex: true}, f)
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
