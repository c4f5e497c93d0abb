package app

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// exported is all that the ticket office has about one person. Its form is
// described in docs/privacy.md. Times are UTC, amounts in minor units.
type exported struct {
	MadeAt   time.Time         `json:"made_at"`
	Account  exportedAccount   `json:"account"`
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
	Role          string    `json:"role"`
	HasPassword   bool      `json:"has_password"`
	TwoFactor     bool      `json:"two_factor"`
	CreatedAt     time.Time `json:"created_at"`
	Version       int64     `json:"version"`
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

// Export is all that there is about a caller: all bookings, all payments, and the
// sessions that are open, of which 100 are known at most.
func (p onPage) Export(ctx context.Context, caller caller.Caller) ([]byte, error) {
	u, err := p.Users.Account(ctx, caller, caller.UserID)
	if err != nil {
		return nil, err
	}
	out := exported{MadeAt: p.DB.Now().UTC(), Sessions: []exportedSession{}, Bookings: []exportedBooking{}, Payments: []exportedPayment{}}
	out.Account = exportedAccount{u.ID, u.Name, u.Email, u.Verified, u.Username, string(u.Role), u.HasPassword, u.TwoFactor, u.CreatedAt, u.Version}
	sessions, err := p.Users.Sessions(ctx, caller, u.ID, "")
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		out.Sessions = append(out.Sessions, exportedSession{s.ID, s.CreatedAt, s.Ends, s.Agent})
	}
	if err := p.exportBookings(ctx, u.ID, &out); err != nil {
		return nil, err
	}
	if err := p.exportPayments(ctx, caller, &out); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	return append(raw, '\n'), err
}

func (p onPage) exportBookings(ctx context.Context, userID string, out *exported) error {
	all, err := p.bookingsOf(ctx, userID, "", math.MaxInt)
	if err != nil {
		return err
	}
	orders, err := p.Bookings.Orders(ctx, all)
	if err != nil {
		return err
	}
	events := map[string]eventapi.Event{}
	for i, o := range orders {
		b := &all[i]
		e, err := p.eventOnce(ctx, events, b.EventID)
		if err != nil {
			return err
		}
		x := exportedBooking{ID: b.ID, Reference: id.Reference(b.ID), EventID: b.EventID, Event: e.Title, Kind: o.Kind, Status: string(b.Status), BookedAt: micros(b.CreatedAt),
			Amount: b.Amount, Fees: b.Fees, Currency: b.Currency, PaymentID: o.PaymentID, Seats: []exportedSeat{}}
		if b.ExpiresAt != 0 {
			t := micros(b.ExpiresAt)
			x.ExpiresAt = &t
		}
		for _, s := range o.Places {
			x.Seats = append(x.Seats, exportedSeat{s.Label, s.Section, s.Row, s.Number, s.Tier.Name, s.Tier.Price})
		}
		out.Bookings = append(out.Bookings, x)
	}
	return nil
}

func (p onPage) exportPayments(ctx context.Context, caller caller.Caller, out *exported) error {
	const atOnce = 200
	for after := ""; ; {
		list, err := p.Payments.OfUser(ctx, caller, caller.UserID, after, atOnce)
		if err != nil {
			return err
		}
		for i := range list {
			out.Payments = append(out.Payments, exportPayment(&list[i]))
		}
		if len(list) < atOnce {
			return nil
		}
		after = list[atOnce-1].ID
	}
}

func exportPayment(p *paymentapi.Payment) exportedPayment {
	x := exportedPayment{p.ID, p.BookingID, p.Amount, p.Refunded, p.Currency, string(p.Status), p.Method, p.Reason, p.CreatedAt, []exportedStep{}}
	for _, s := range p.History {
		x.History = append(x.History, exportedStep{string(s.Status), s.At, s.Amount})
	}
	return x
}

// micros is a time in µs since 1970.
func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }
