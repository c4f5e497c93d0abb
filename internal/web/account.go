package web

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"

	"boxoffice/internal/errs"
)

// Accounts is what the pages behind mailed links do.
type Accounts interface {
	VerifyEmail(ctx context.Context, token string) error
	ResetPassword(ctx context.Context, token, password string) error
}

// Account is the pages that mailed links lead to: /verify and /reset. Reading
// one changes nothing, since mail programs follow links by themselves; its
// button does.
type Account struct {
	Accounts Accounts
	Log      *slog.Logger
}

//go:embed account.html
var accountText string

var accountPage = template.Must(template.New("account").Parse(accountText))

// shownForm is one of the two pages at a moment.
type shownForm struct {
	Style               template.CSS
	Title, Text, Button string
	Token               string
	Password            bool // ask for a new one
	Problem, Done       string
}

const maxForm = 4 << 10

// Verify is the page at /verify.
func (a *Account) Verify(w http.ResponseWriter, r *http.Request) {
	a.form(w, r, shownForm{Title: "Confirm your e-mail address", Text: "One click, and the address is confirmed.", Button: "Confirm", Done: "Thank you. Your address is confirmed."},
		func(token, _ string) error { return a.Accounts.VerifyEmail(r.Context(), token) })
}

// Reset is the page at /reset.
func (a *Account) Reset(w http.ResponseWriter, r *http.Request) {
	a.form(w, r, shownForm{Title: "Choose a new password", Text: "You will be signed out everywhere.", Button: "Save the new password", Password: true, Done: "Your new password is saved. Sign in with it."},
		func(token, password string) error { return a.Accounts.ResetPassword(r.Context(), token, password) })
}

func (a *Account) form(w http.ResponseWriter, r *http.Request, f shownForm, do func(token, password string) error) {
	f.Style = template.CSS(style) //nolint:gosec // our own file
	f.Token = r.URL.Query().Get("token")
	done, status := f.Done, http.StatusOK
	f.Done = ""
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		f.Token = r.PostFormValue("token")
		switch err := do(f.Token, r.PostFormValue("password")); {
		case err == nil:
			f.Done = done
		default:
			f.Problem, status = a.problem(r.Context(), err)
		}
	}
	var out bytes.Buffer
	if err := accountPage.Execute(&out, f); err != nil {
		a.Log.ErrorContext(r.Context(), "account page", "error", err)
		http.Error(w, "This page cannot be shown at the moment.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds a secret
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// problem is an error in words for the page, and its status.
func (a *Account) problem(ctx context.Context, err error) (string, int) {
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind == errs.Internal {
		a.Log.ErrorContext(ctx, "account page", "error", err)
		return "Something went wrong on our side. Please try again.", http.StatusInternalServerError
	}
	if e.Kind == errs.Unavailable || e.Kind == errs.TooMany {
		return e.Detail, http.StatusServiceUnavailable
	}
	return e.Detail, http.StatusUnprocessableEntity
}
