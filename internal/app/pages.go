package app

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"boxoffice/internal/console"
	"boxoffice/internal/gateway"
	"boxoffice/internal/page"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// pages mounts the pages.
func (p *Parts) pages(g *gateway.Gateway, kit *page.Kit, s *Serve, mail http.Handler, log *slog.Logger) error {
	all := onPage{p}
	shop, err := web.New(kit, web.Services{Events: all, People: all, Orders: all, Accounts: all, Tickets: p.Tickets}, log)
	if err != nil {
		return err
	}
	desk, err := console.New(kit, console.Services{Events: onConsole{all}, Sales: onConsole{all}}, log)
	if err != nil {
		return err
	}
	for _, part := range []map[string]page.Handler{kit.Routes(), shop.Routes(), desk.Routes()} {
		for at, fn := range part {
			method, pattern, _ := strings.Cut(at, " ")
			g.Page(method, pattern, fn)
		}
	}
	if s.Demo { // on a loopback address
		g.Router().Method(http.MethodGet, "/dev/mail", mail)
		g.Router().Method(http.MethodGet, "/dev/mail/{name}", mail)
	}
	return nil
}

// onPage is the services as the pages see them.
type onPage struct{ *Parts }

// Login starts a session.
func (p onPage) Login(ctx context.Context, name, password, code, agent string) (web.Session, error) {
	s, err := p.Users.Login(ctx, user.Credentials{Name: name, Password: password, Code: code, Agent: agent})
	return web.Session{Token: s.Token, Ends: s.Ends}, err
}

// Logout ends the session of a token.
func (p onPage) Logout(ctx context.Context, token string) error { return p.Users.Logout(ctx, token) }

// VerifyEmail confirms an address by the secret of a mailed link.
func (p onPage) VerifyEmail(ctx context.Context, token string) error {
	_, err := p.Users.Verify(ctx, token)
	return err
}

// ResetPassword chooses a new password by the secret of a mailed link.
func (p onPage) ResetPassword(ctx context.Context, token, password string) error {
	return p.Users.ResetPassword(ctx, token, password)
}
