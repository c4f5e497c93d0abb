package app

import (
	"context"
	"log/slog"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/notify"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/occasion"
	"boxoffice/internal/notify/prefs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/shop"
	"boxoffice/internal/user"
)

// notices builds the Notification Service; it is nil without a way to send mails.
func (p *Parts) notices(ctx context.Context, cfg Config, unwanted *prefs.List) (occasion.Notices, error) {
	if cfg.Notices != nil || cfg.Mail == nil {
		return cfg.Notices, nil
	}
	var err error
	var texts *notify.Texting
	if cfg.Texts != nil {
		texts = &cfg.Texts.Texting
	}
	p.Notices, err = notify.New(ctx, notify.Config{
		DB: p.DB, Now: p.DB.Now, Log: cfg.Log, Metrics: p.Metrics,
		Preferences: unwanted, Test: p.bank.Test,
		Sender: cfg.Mail.Sender, Parallel: cfg.Mail.Parallel, PerDomain: cfg.Mail.PerDomain, Texts: texts, Files: p.attachments, Holders: p.holders(cfg.PublicURL),
	})
	return p.Notices, err
}

// userTexts says to which numbers text messages are sent; nil: none are sent.
func (cfg *Config) userTexts() *user.Texts {
	if cfg.Texts == nil {
		return nil
	}
	return &user.Texts{Regions: cfg.Texts.Regions}
}

// attachments makes the files that go with a notice: tickets and a calendar's entry.
// Without pages there are none.
func (p *Parts) attachments(ctx context.Context, n *notifyapi.Notice) ([]mail.File, error) {
	if p.fans == nil || n.Kind != notifyapi.Booked && n.Kind != notifyapi.Gift {
		return nil, nil
	}
	list, err := p.fans.Attachments(ctx, n.BookingID, n.Lang)
	files := make([]mail.File, len(list))
	for i, f := range list {
		files[i] = mail.File(f)
	}
	return files, err
}

// mailGift tells the recipients of gifts, once all services are built; it is nil without
// a Notification Service.
func (p *Parts) mailGift(notices notifyapi.Service, base string) func(context.Context, bookingapi.Gift) error {
	if notices == nil {
		return nil
	}
	return func(ctx context.Context, g bookingapi.Gift) error { return p.letters(notices, base).Gift(ctx, g) }
}

// mailMove is the same for orders that were moved to other seats.
func (p *Parts) mailMove(notices notifyapi.Service, base string) func(context.Context, bookingapi.Move) error {
	if notices == nil {
		return nil
	}
	return func(ctx context.Context, m bookingapi.Move) error { return p.letters(notices, base).Moved(ctx, m) }
}

// replaceCodes makes new codes for the tickets of a booking that goes to another address.
func (p *Parts) replaceCodes(ctx context.Context, c caller.Caller, bookingID string) error {
	_, _, err := p.Issues.Reissue(ctx, c, "", checkinapi.ReissueRequest{BookingID: bookingID, Reason: "The tickets go to another address."})
	if errs.Is(err, "no-tickets") {
		return nil // they were cancelled meanwhile
	}
	return err
}

// letters tells people about their orders; links begin with base.
func (p *Parts) letters(notices shop.Teller, base string) *shop.Letters {
	return &shop.Letters{Orders: p.orders(), Bookings: p.Bookings, People: p.Users, Notices: notices, Base: base}
}

// occasions makes notices of the bus's messages; there is no such consumer without a Notification
// Service.
func (p *Parts) occasions(ctx context.Context, store occasion.Notices, base string) ([]bus.Consumer, error) {
	taken, err := notify.OpenTaken(ctx, p.DB)
	if err != nil || store == nil {
		return nil, err
	}
	cfg := occasion.Config{Taken: taken, Letters: p.letters(store, base), Notices: store}
	if p.Notices != nil {
		cfg.Mailings = changes{&shop.Changes{Sales: p.Bookings, Mailings: p.Notices, Now: p.DB.Now}, p.Notices}
	}
	return []bus.Consumer{occasion.New(cfg).Consumer()}, nil
}

// changes says which mailings tell of changes of events, and begins them.
type changes struct {
	*shop.Changes
	*notify.Service
}

// reminders reminds people of events, a day before.
func (p *Parts) reminders(log *slog.Logger) *shop.Reminders {
	return &shop.Reminders{Events: p.Events, Mailings: p.Notices, People: p.Users, Now: p.DB.Now, Log: log}
}

// holders finds the recipients of mailings, whose links begin with base, once all
// services are built.
func (p *Parts) holders(base string) func(context.Context, *notifyapi.Mailing, string, int) ([]notifyapi.Notice, string, error) {
	return func(ctx context.Context, m *notifyapi.Mailing, after string, limit int) ([]notifyapi.Notice, string, error) {
		h := shop.Holders{Bookings: p.Bookings, Payments: p.Payments, People: p.Users, Letters: p.sent, Base: base}
		return h.Page(ctx, m, after, limit)
	}
}

// outboxes lists the tables of messages that the bus reads.
func (p *Parts) outboxes() []bus.Outbox {
	return []bus.Outbox{p.Payments.Outbox(), p.Payments.Returns(), p.Payments.Disputes(), p.Payments.FailedRefunds(), p.Events.Outbox(), p.intake.Outbox(), p.Users.Outbox()}
}
