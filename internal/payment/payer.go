package payment

import (
	"context"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Buyers is what requests about payments need of the booking service.
type Buyers interface {
	// Cancel gives a caller's booking back, or some of its seats; see bookingapi.Buying.
	Cancel(ctx context.Context, caller caller.Caller, c bookingapi.Cancellation) (bookingapi.Booking, error)
	// Adopt counts a person's bookings for the address that they have verified; see
	// bookingapi.Accounts.
	Adopt(ctx context.Context, from, to string, address caller.EmailKey) error
	// OfUser lists ids of a user's bookings, in order, from one on.
	OfUser(ctx context.Context, userID, from string, limit int) ([]string, error)
	// Sales is how events are sold now, by event id.
	Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error)
	// Figures are what an event has sold; see bookingapi.Reports.
	Figures(ctx context.Context, eventID string) (bookingapi.Figures, error)
}

// mayPay refuses callers who have not shown that their e-mail address is theirs,
// unless the event waives that.
func (s *Service) mayPay(ctx context.Context, caller caller.Caller, eventID string) error {
	if caller.Verified {
		return nil
	}
	sale, err := bookingapi.One(ctx, s.buyers.Sales, "event", eventID)
	if err != nil || sale.UnverifiedBuyers {
		return err
	}
	return errs.New(errs.Forbidden, "address-not-verified", "Please verify your email address first: we have mailed you a code.")
}

// settlePerson makes a hold count for its payer's verified address, if it was made
// before the address was verified, or on a node that did not know yet.
func (s *Service) settlePerson(ctx context.Context, who caller.Caller, b *bookingapi.Booking) error {
	if !b.Unproved || !who.Verified || who.Email == (caller.EmailKey{}) || b.Status != bookingapi.Pending && b.Status != bookingapi.Expired {
		return nil
	}
	err := s.buyers.Adopt(ctx, who.UserID, who.UserID, who.Email)
	if kind := errs.KindOf(err); kind != errs.Conflict && kind != errs.TooMany {
		return err
	}
	stay, _ := errs.Of(err).Extra["bookings"].([]string)
	if slices.Contains(stay, b.ID) {
		return err
	}
	return nil // others stay; this one counts
}
