package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"boxoffice/internal/gateway"
	"boxoffice/internal/id"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
	"boxoffice/internal/payment"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// pages mounts the pages.
func (p *Parts) pages(g *gateway.Gateway, kit *page.Kit, s *Serve, mail http.Handler, log *slog.Logger) error {
	shop, err := web.New(kit, web.Services{Events: onPage{p}, Buying: onPage{p}, People: onPage{p}}, log)
	if err != nil {
		return err
	}
	for _, part := range []map[string]page.Handler{kit.Routes(), shop.Routes()} {
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
