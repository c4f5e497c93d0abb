package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/errs"
)

type listed []Event

func (l listed) Listed(context.Context) ([]Event, error) { return l, nil }

func TestHome(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	h := &Home{Demo: true, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Events: listed{
		{ID: "e1", Title: "<Gala> & Co", Status: "on_sale", Starts: now.AddDate(0, 1, 0), Priced: true, From: 2900, Currency: "EUR", Free: 30, Total: 40},
		{ID: "e2", Title: "Soon", Status: "on_sale", Opens: now.Add(90 * time.Minute), Free: 5, Total: 5, Priced: true, From: 5000, Currency: "JPY"},
		{ID: "e3", Title: "Gone", Status: "on_sale", Total: 5},
		{ID: "e4", Title: "Later", Status: "published", Date: "2027-05-05", Free: 5, Total: 5},
		{ID: "e6", Title: "Large", Status: "published", Free: 12_345, Total: 100_000},
		{ID: "e5", Title: "Was", Status: "past", Total: 0},
	}}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/", nil))
	page := rec.Body.String()
	for _, part := range []string{"&lt;Gala&gt; &amp; Co", "from 29.00 EUR", "30 of 40 free", "12,345 of 100,000 free", "25 % taken", "Sale opens in 1 hour", "from 5000 JPY", "Every seat is taken",
		"Wed 5 May 2027", "Price to be announced", "EVENT=e1", "BASE=http://127.0.0.1:8080", "/dev/mail", ">past<"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Error(csp)
	}
}

type accounts struct{ got []string }

func (a *accounts) VerifyEmail(_ context.Context, token string) error {
	a.got = append(a.got, token)
	if token == "broken" {
		return errors.New("database secrets")
	}
	if token != "good" {
		return errs.New(errs.Invalid, "bad-token", "Too old.")
	}
	return nil
}

func (a *accounts) ResetPassword(_ context.Context, token, password string) error {
	a.got = append(a.got, token+"/"+password)
	return nil
}

func TestAccountPages(t *testing.T) {
	a := &accounts{}
	pages := &Account{Accounts: a, Log: slog.New(slog.DiscardHandler)}
	ask := func(h http.HandlerFunc, method, target string, form url.Values, code int, part string) {
		t.Helper()
		r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		h(rec, r)
		if rec.Code != code || !strings.Contains(rec.Body.String(), part) || strings.Contains(rec.Body.String(), "secrets") {
			t.Errorf("%s %s: %d %s", method, target, rec.Code, rec.Body)
		}
	}
	ask(pages.Verify, "GET", "/verify?token=%22%3E%3Cscript%3E", nil, 200, `value="&#34;&gt;&lt;script&gt;"`)
	if len(a.got) > 0 {
		t.Error("reading the page has verified")
	}
	ask(pages.Verify, "POST", "/verify", url.Values{"token": {"good"}}, 200, "is confirmed")
	ask(pages.Verify, "POST", "/verify", url.Values{"token": {"old"}}, 422, "Too old.")
	ask(pages.Verify, "POST", "/verify", url.Values{"token": {"broken"}}, 500, "on our side")
	ask(pages.Reset, "GET", "/reset?token=abc", nil, 200, `type="password"`)
	ask(pages.Reset, "POST", "/reset", url.Values{"token": {"abc"}, "password": {"velvet curtain"}}, 200, "is saved")
	if last := a.got[len(a.got)-1]; last != "abc/velvet curtain" {
		t.Error(last)
	}
}
