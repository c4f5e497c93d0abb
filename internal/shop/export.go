package shop

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// PaymentsOfUser lists the payments of an account, for its export, and looks at the one that
// a buyer waits for.
type PaymentsOfUser interface {
	OfBooking(ctx context.Context, c caller.Caller, bookingID string) (paymentapi.Payment, error)
	OfUser(ctx context.Context, c caller.Caller, userID, after string, limit int) ([]paymentapi.Payment, error)
}

// AccountExport is all data stored about one person. docs/privacy.md describes its
// format. Times are in UTC, amounts in minor units.
type AccountExport struct {
	MadeAt   time.Time         `json:"made_at"`
	Account  exportedAccount   `json:"account"`
	Emails   *exportedEmails   `json:"email_preferences,omitempty"`
	Sessions []exportedSession `json:"sessions"`
	Bookings []exportedBooking `json:"bookings"`
	Payments []exportedPayment `json:"payments"`
}

type exportedAccount struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Username      string    `json:"username"`
	Phone         string    `json:"phone"`
	Role          string    `json:"role"`
	HasPassword   bool      `json:"has_password"`
	TwoFactor     bool      `json:"two_factor"`
	CreatedAt     time.Time `json:"created_at"`
	Version       int64     `json:"version"`
}

type exportedEmails struct {
	Announcements bool            `json:"announcements"`
	Reminders     bool            `json:"reminders"`
	Muted         []exportedMuted `json:"muted"`
}

type exportedMuted struct {
	OrganizerID string `json:"organizer_id"`
	Topic       string `json:"topic"`
}

type exportedSession struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UserAgent string    `json:"user_agent"`
}

type exportedBooking struct {
	ID        string         `json:"id"`
	Reference string         `json:"reference"`
	EventID   string         `json:"event_id"`
	Event     string         `json:"event"`
	Kind      string         `json:"kind"`
	Status    string         `json:"status"`
	BookedAt  time.Time      `json:"booking_time"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
	Amount    int64          `json:"amount"`
	Fees      int64          `json:"fees"`
	Currency  string         `json:"currency"`
	PaymentID string         `json:"payment_id,omitempty"`
	Seats     []exportedSeat `json:"seats"`
}

type exportedSeat struct {
	Label   string `json:"label"`
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	Number  string `json:"number,omitempty"`
	Tier    string `json:"tier"`
	Price   int64  `json:"price"`
}

type exportedPayment struct {
	ID        string         `json:"id"`
	BookingID string         `json:"booking_id"`
	Amount    int64          `json:"amount"`
	Refunded  int64          `json:"refunded"`
	Currency  string         `json:"currency"`
	Status    string         `json:"status"`
	Method    string         `json:"method"`
	Reason    string         `json:"reason,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	History   []exportedStep `json:"history"`
}

type exportedStep struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
	Amount int64     `json:"amount,omitempty"`
}

// export sends readers all data about them: all bookings, all payments, and up to
// 100 open sessions.
func (s *Shop) export(v *page.Visit) error {
	if err := signedIn(v); err != nil {
		return err
	}
	a, err := s.own(v)
	if err != nil {
		return err
	}
	out := AccountExport{MadeAt: s.Orders.Now().UTC(), Sessions: []exportedSession{}, Bookings: []exportedBooking{}, Payments: []exportedPayment{}}
	out.Account = exportedAccount{a.ID, a.Name, a.Email, a.Verified, a.Username, a.Phone, string(a.Role), a.HasPassword, a.TwoFactor, a.CreatedAt, a.Version}
	emails, err := s.emailsOf(v, &a)
	if err != nil {
		return err
	}
	if emails != nil {
		out.Emails = &exportedEmails{emails.Announcements, emails.Reminders, []exportedMuted{}}
		for _, m := range emails.Muted {
			out.Emails.Muted = append(out.Emails.Muted, exportedMuted{m.ID, string(m.Topic)})
		}
	}
	sessions, err := s.Users.Sessions(v.Context(), v.Caller, a.ID, v.Token())
	if err != nil {
		return err
	}
	for _, one := range sessions {
		out.Sessions = append(out.Sessions, exportedSession{one.ID, one.CreatedAt, one.Ends, one.Agent})
	}
	if err := s.exportBookings(v.Context(), a.ID, &out); err != nil {
		return err
	}
	if err := s.exportPayments(v.Context(), v.Caller, &out); err != nil {
		return err
	}
	file, err := codec.Indent(out)
	if err != nil {
		return err
	}
	return sendFile(v, "application/json", "private, no-store", "boxoffice-account.json", append(file, '\n'))
}

func (s *Shop) exportBookings(ctx context.Context, userID string, out *AccountExport) error {
	f := bookingapi.Filter{UserID: userID, Limit: readAtOnce}
	for {
		list, err := s.Orders.Bookings.List(ctx, f)
		if err != nil {
			return err
		}
		orders, err := s.Orders.with(ctx, list)
		if err != nil {
			return err
		}
		for i := range orders {
			out.Bookings = append(out.Bookings, exportBooking(&orders[i]))
		}
		if len(list) < f.Limit {
			return nil
		}
		f.After = list[len(list)-1].ID
	}
}

func exportBooking(o *Order) exportedBooking {
	x := exportedBooking{ID: o.ID, Reference: id.Reference(o.ID), EventID: o.EventID, Event: o.Event.Title, Kind: o.Kind, Status: string(o.Status), BookedAt: micros(o.CreatedAt),
		Amount: o.Amount, Fees: o.Fees, Currency: o.Currency, PaymentID: o.PaymentID, Seats: []exportedSeat{}}
	if o.ExpiresAt != 0 {
		t := micros(o.ExpiresAt)
		x.ExpiresAt = &t
	}
	for _, p := range o.Places {
		x.Seats = append(x.Seats, exportedSeat{p.Label, p.Section, p.Row, p.Number, p.Tier.Name, p.Tier.Price})
	}
	return x
}

func (s *Shop) exportPayments(ctx context.Context, c caller.Caller, out *AccountExport) error {
	for after := ""; ; {
		list, err := s.Payments.OfUser(ctx, c, c.UserID, after, readAtOnce)
		if err != nil {
			return err
		}
		for i := range list {
			out.Payments = append(out.Payments, exportPayment(&list[i]))
		}
		if len(list) < readAtOnce {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

func exportPayment(p *paymentapi.Payment) exportedPayment {
	x := exportedPayment{p.ID, p.BookingID, p.Amount, p.Refunded, p.Currency, string(p.Status), p.Method, p.Reason, p.CreatedAt, []exportedStep{}}
	for _, s := range p.History {
		x.History = append(x.History, exportedStep{string(s.Status), s.At, s.Amount})
	}
	return x
}

// micros converts µs since 1970 to a time.
func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }
