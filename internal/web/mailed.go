package web

import (
	"boxoffice/internal/page"
)

// mailedForm is a page that a mailed link leads to, at a moment. Reading it
// changes nothing, since mail programs follow links by themselves; its button
// does.
type mailedForm struct {
	Words    string // verify or reset: the group of its messages
	Token    string
	Faults   page.Faults
	Password bool // ask for a new one
	Done     bool
}

func (s *Shop) verify(v *page.Visit) error {
	return s.mailed(v, mailedForm{Words: "verify"}, func(token string) error {
		return s.People.VerifyEmail(v.Context(), token)
	})
}

func (s *Shop) reset(v *page.Visit) error {
	return s.mailed(v, mailedForm{Words: "reset", Password: true}, func(token string) error {
		return s.People.ResetPassword(v.Context(), token, v.PostFormValue("password"))
	})
}

func (s *Shop) mailed(v *page.Visit, f mailedForm, do func(token string) error) error {
	f.Token = v.FormValue("token")
	if v.Method == "POST" {
		err := do(f.Token)
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok && err != nil {
			return err
		}
		f.Done = err == nil
	}
	v.W.Header().Set("Cache-Control", "no-store") // the address holds a secret
	return v.Show(s.set, "mailed", page.Meta{Title: v.T(f.Words + ".title"), NoIndex: true}, f)
}
