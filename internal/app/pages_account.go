package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/shop"
	"boxoffice/internal/user"
)

// Account is a caller's own account.
func (p onPage) Account(ctx context.Context, caller caller.Caller) (shop.Account, error) {
	u, err := p.Users.Account(ctx, caller, caller.UserID)
	return shop.Account{
		Profile:  shop.Profile{Name: u.Name, Email: u.Address(), Username: u.Username},
		Verified: u.Verified, TwoFactor: u.TwoFactor(), HasPassword: u.HasPassword(), Since: time.UnixMicro(u.CreatedAt).UTC(),
	}, err
}

// ChangeAccount changes what has changed, and reports whether the address has.
func (p onPage) ChangeAccount(ctx context.Context, caller caller.Caller, f shop.Profile) (moved bool, err error) {
	u, err := p.Users.Account(ctx, caller, caller.UserID)
	if err != nil {
		return false, err
	}
	c := user.Change{Name: &f.Name, CurrentPassword: f.Password, Code: f.Code}
	if u.HasPassword() {
		c.Username = &f.Username
		if f.Email != u.Email {
			c.Email = &f.Email
		}
	}
	after, err := p.Users.Update(ctx, caller, caller.UserID, 0, c)
	return err == nil && after.Email != u.Email, err
}

// ChangePassword chooses another password, and ends all sessions.
func (p onPage) ChangePassword(ctx context.Context, caller caller.Caller, current, chosen string) error {
	_, err := p.Users.Update(ctx, caller, caller.UserID, 0, user.Change{Password: &chosen, CurrentPassword: current})
	return err
}

// SendVerification mails the verification of a caller's address again.
func (p onPage) SendVerification(ctx context.Context, caller caller.Caller) error {
	return p.Users.Resend(ctx, caller, caller.UserID)
}

// Sessions are a caller's sessions; one of them may be this request's.
func (p onPage) Sessions(ctx context.Context, caller caller.Caller, token string) ([]shop.OpenSession, error) {
	list, err := p.Users.Sessions(ctx, caller, caller.UserID)
	if err != nil {
		return nil, err
	}
	own := sha256.Sum256([]byte(token))
	out := make([]shop.OpenSession, len(list))
	for i, s := range list {
		out[i] = shop.OpenSession{ID: s.ID, Agent: s.Agent, Since: time.UnixMicro(s.CreatedAt).UTC(), Ends: time.UnixMicro(s.Ends).UTC(),
			Here: s.ID == hex.EncodeToString(own[:8])}
	}
	return out, nil
}

// EndSession ends a caller's session, or all but this one.
func (p onPage) EndSession(ctx context.Context, caller caller.Caller, id, token string) error {
	return p.Users.EndSessions(ctx, caller, caller.UserID, id, token)
}

// BeginTwoFactor makes a secret for a caller's authenticator app.
func (p onPage) BeginTwoFactor(ctx context.Context, caller caller.Caller, password string) (secret, uri string, err error) {
	s, err := p.Users.BeginTwoFactor(ctx, caller, caller.UserID, password)
	return s.Secret, s.URI, err
}

// ConfirmTwoFactor switches two-factor log-in on.
func (p onPage) ConfirmTwoFactor(ctx context.Context, caller caller.Caller, code string) ([]string, error) {
	return p.Users.ConfirmTwoFactor(ctx, caller, caller.UserID, code)
}

// EndTwoFactor switches two-factor log-in off.
func (p onPage) EndTwoFactor(ctx context.Context, caller caller.Caller, password, code string) error {
	return p.Users.EndTwoFactor(ctx, caller, caller.UserID, password, code)
}

// Live are the orders for which a caller's account has to stay.
func (p onPage) Live(ctx context.Context, caller caller.Caller) ([]shop.Order, error) {
	list, err := p.live(ctx, caller.UserID, p.DB.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	out, orders := make([]shop.Order, len(list)), p.orders()
	for i := range list {
		if out[i], err = orders.Of(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// live are an account's bookings that are held or sold, for events that are not
// over at a time (µs since 1970). What somebody gave the account does not count.
func (p onPage) live(ctx context.Context, userID string, at int64) ([]bookingapi.Booking, error) {
	var out []bookingapi.Booking
	known := map[string]bool{}
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Booked} {
		list, err := p.bookingsOf(ctx, userID, status, math.MaxInt)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if b.PriceVersion == bookingapi.FreeOfCharge || b.Status == bookingapi.Pending && b.ExpiresAt <= at {
				continue
			}
			over, asked := known[b.EventID]
			if !asked {
				if over, err = p.eventOver(ctx, b.EventID, at); err != nil {
					return nil, err
				}
				known[b.EventID] = over
			}
			if !over {
				out = append(out, b)
			}
		}
	}
	return out, nil
}

// DeleteAccount anonymizes a caller's account.
func (p onPage) DeleteAccount(ctx context.Context, caller caller.Caller, password string) error {
	return p.Users.Delete(ctx, caller, caller.UserID, password)
}

// owned is the booking service as accounts see it: seats of an event that is
// over keep nobody from leaving.
type owned struct {
	*booking.Service
	page onPage
}

// clocksDiffer is by how much those of two nodes may differ, and how long a hold may
// take to be written, at most.
const clocksDiffer = time.Minute

// HasLive reports whether a user has bookings that are held, or sold for an event
// that is not over at a time (µs since 1970), or whose hold has ended while it was
// paid for.
func (o owned) HasLive(ctx context.Context, userID string, at int64) (bool, error) {
	if any, err := o.Service.HasLive(ctx, userID); err != nil || !any {
		return false, err
	}
	list, err := o.page.live(ctx, userID, at)
	if err != nil || len(list) > 0 {
		return true, err
	}
	return o.page.payingLate(ctx, userID)
}

// GiveUp gives up what a user has got since a time (µs since 1970; 0: only what has
// ended), but not for events that were over then: HasLive has passed over those, and
// whoever has been there gets nothing back for leaving.
func (o owned) GiveUp(ctx context.Context, userID string, at int64) error {
	if at == 0 {
		return o.Service.GiveUp(ctx, userID, 0, nil)
	}
	spared, err := o.page.over(ctx, userID, at)
	if err != nil {
		return err
	}
	return o.Service.GiveUp(ctx, userID, at-clocksDiffer.Microseconds(), spared)
}

// over are the events of an account's live bookings that were over at a time (µs since
// 1970).
func (p onPage) over(ctx context.Context, userID string, at int64) (eventIDs []string, err error) {
	var ids []string
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Booked} {
		list, err := p.bookingsOf(ctx, userID, status, math.MaxInt)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if !slices.Contains(ids, list[i].EventID) {
				ids = append(ids, list[i].EventID)
			}
		}
	}
	events, err := p.Events.Events(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, e := range events {
		if e.OverAt(time.UnixMicro(at)) {
			eventIDs = append(eventIDs, id)
		}
	}
	return eventIDs, nil
}

// payingLate reports whether a payment is under way for a hold of an account that
// has ended: the seats may still be booked by it.
func (p onPage) payingLate(ctx context.Context, userID string) (bool, error) {
	since := p.DB.Now().UnixMicro() - bookingapi.LateConfirm
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Expired} {
		list, err := p.bookingsOf(ctx, userID, status, ordersRead)
		if err != nil {
			return false, err
		}
		for i := range list {
			if list[i].ExpiresAt <= since {
				continue
			}
			paid, err := p.paymentOf(ctx, &list[i])
			if err != nil || paid != nil && paid.UnderWay() {
				return err == nil, err
			}
		}
	}
	return false, nil
}
