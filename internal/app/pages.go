package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
	"boxoffice/internal/money"
	"boxoffice/internal/notify"
	"boxoffice/internal/payment"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// router is where pages are mounted.
type router interface {
	Method(method, pattern string, h http.Handler)
}

// pages mounts the pages.
func (p *Parts) pages(r router, s *Serve, mail *notify.Folder, log *slog.Logger) {
	r.Method(http.MethodGet, "/", &web.Home{Events: onPage{p}, Demo: s.Demo, Now: time.Now, Log: log})
	account := &web.Account{Accounts: onPage{p}, Log: log}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r.Method(method, "/verify", http.HandlerFunc(account.Verify))
		r.Method(method, "/reset", http.HandlerFunc(account.Reset))
	}
	if s.Demo { // on a loopback address
		r.Method(http.MethodGet, "/dev/mail", mail)
		r.Method(http.MethodGet, "/dev/mail/{name}", mail)
	}
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
func (p onPage) Listed(ctx context.Context) ([]web.Event, error) {
	var out []web.Event
	for _, f := range []event.Filter{{Limit: upcomingShown}, {Status: "past", Limit: pastShown}} {
		list, _, err := p.Events.List(ctx, message.Caller{}, f)
		if err != nil {
			return nil, err
		}
		for i := range list {
			e, err := p.shown(ctx, &list[i], f.Status)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	return out, nil
}

func (p onPage) shown(ctx context.Context, e *event.Event, status string) (web.Event, error) {
	w := web.Event{
		ID: e.ID, Title: e.Title, Description: e.Description, Category: e.Category, Venue: e.Venue.Name, City: e.Venue.City, Date: e.LocalDate,
		Status: string(e.Status), From: e.PriceFrom, Priced: e.PriceVersion > 0, Currency: e.Currency, Free: e.Seats, Total: e.Seats,
	}
	if status != "" {
		w.Status = status
	}
	if e.StartsAt != 0 {
		w.Starts = time.UnixMicro(e.StartsAt).UTC()
		if zone, err := time.LoadLocation(e.TimeZone); err == nil {
			w.Starts = w.Starts.In(zone)
		}
	}
	if e.OpensAt != 0 {
		w.Opens = time.UnixMicro(e.OpensAt)
	}
	counts, err := p.Bookings.Counts(ctx, e.ID)
	if err != nil && errs.KindOf(err) != errs.NotFound { // not handed over yet: all are free
		return w, err
	}
	if err == nil {
		w.Free = counts.Free
	}
	return w, nil
}

// VerifyEmail confirms an address by the secret of a mailed link.
func (p onPage) VerifyEmail(ctx context.Context, token string) error {
	_, err := p.Users.Verify(ctx, token)
	return err
}

// ResetPassword chooses a new password by the secret of a mailed link.
func (p onPage) ResetPassword(ctx context.Context, token, password string) error {
	return p.Users.ResetPassword(ctx, token, password)
}
