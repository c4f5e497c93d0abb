package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"boxoffice/internal/console"
	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/gateway"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
	"boxoffice/internal/payment"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// pages mounts the pages.
func (p *Parts) pages(g *gateway.Gateway, kit *page.Kit, s *Serve, mail http.Handler, log *slog.Logger) error {
	shop, err := web.New(kit, web.Services{Events: onPage{p}, People: onPage{p}}, log)
	if err != nil {
		return err
	}
	desk, err := console.New(kit, console.Services{Events: onConsole{onPage{p}}, Sales: onConsole{onPage{p}}}, log)
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

// confirmGuests mails guests the link to what they have paid for.
func (p *Parts) confirmGuests(base string, log *slog.Logger) func(payment.Payment) {
	return func(paid payment.Payment) {
		if !user.CameAsGuest(paid.UserID) {
			return
		}
		ref := id.Reference(paid.BookingID)
		err := p.Users.MailTo(paid.UserID, "Your booking "+ref, fmt.Sprintf("thank you: your booking %s over %s is paid. Here you can look at it at any time:\n%s%s",
			ref, money.Format(paid.Amount, paid.Currency), base, p.Bookings.OrderPath(paid.BookingID)))
		if err != nil {
			log.Error("a guest's confirmation is lost", "booking", paid.BookingID, "error", err)
		}
	}
}

// onPage is the services as the pages see them.
type onPage struct{ *Parts }

const (
	upcomingShown = 60
	pastShown     = 6
)

// Listed is what is coming up, and a few events that are over.
func (p onPage) Listed(ctx context.Context) (coming, past []message.Event, err error) {
	if coming, err = p.listed(ctx, event.Filter{Limit: upcomingShown}); err == nil {
		past, err = p.listed(ctx, event.Filter{Status: "past", Limit: pastShown})
	}
	return coming, past, err
}

func (p onPage) listed(ctx context.Context, f event.Filter) ([]message.Event, error) {
	list, _, err := p.Events.List(ctx, message.Caller{}, f)
	if err != nil {
		return nil, err
	}
	out := make([]message.Event, len(list))
	for i := range list {
		if out[i], err = p.shown(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Event is an event that a caller may see.
func (p onPage) Event(ctx context.Context, caller message.Caller, id string) (message.Event, error) {
	e, err := p.Events.Get(ctx, caller, id)
	if err != nil {
		return message.Event{}, err
	}
	return p.shown(ctx, &e)
}

// shown is an event as pages show it, with its prices and how many seats are free.
func (p onPage) shown(ctx context.Context, e *event.Event) (message.Event, error) {
	out, err := p.Events.Shown(ctx, e)
	if err != nil {
		return out, err
	}
	counts, err := p.Bookings.Counts(ctx, e.ID)
	switch {
	case errs.KindOf(err) == errs.NotFound: // not handed over yet: all are free
		return out, nil
	case err == nil:
		out.Free, out.Seq = counts.Free, counts.Seq
	}
	return out, err
}

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
