package booking

import (
	"context"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// The signed link of an order shows it, with its tickets, to anybody who has the
// link. Of those who may read the booking, only the owner gets it.

// tokenIn precedes the token in a signed path.
const tokenIn = "?token="

// LinksFor returns the signed paths of orders' pages, by booking id, that the caller
// may pass on; others are left out.
func (s *Service) LinksFor(ctx context.Context, who caller.Caller, list []bookingapi.Booking) (map[string]string, error) {
	ids := make([]string, 0, len(list))
	for i := range list {
		if mayHandOut(who, &list[i]) {
			ids = append(ids, list[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return s.Links(ctx, ids)
}

// linkOf returns the signed path of a booking in the API; "" if the caller must not
// have it.
func (s *Service) linkOf(ctx context.Context, caller caller.Caller, b *bookingapi.Booking) (string, error) {
	if !mayHandOut(caller, b) {
		return "", nil
	}
	token, err := s.links.Token(ctx, b.ID)
	if err != nil {
		return "", err
	}
	return "/bookings/" + b.ID + tokenIn + token, nil
}

// mayHandOut reports whether a caller may have the link to a booking: its owner,
// and for a gift that belongs to no account the organizer, who passes it on.
func mayHandOut(c caller.Caller, b *bookingapi.Booking) bool {
	switch {
	case !c.SignedIn():
		return false
	case b.UserID != "":
		return b.UserID == c.UserID
	}
	return b.PriceVersion == bookingapi.FreeOfCharge && b.PaymentID == bookingapi.Complimentary && mayTouch(&record{Row: tables.Row{Booking: *b}}, c)
}

// Links returns the signed paths of orders' pages, by booking id, for mails to their
// owners.
func (s *Service) Links(ctx context.Context, bookingIDs []string) (map[string]string, error) {
	tokens, err := s.links.Tokens(ctx, bookingIDs)
	for id, token := range tokens {
		tokens[id] = "/orders/" + id + tokenIn + token
	}
	return tokens, err
}

// RenewLink replaces a booking's link, for callers who may have it: the link with the
// token seen, or whichever is current if seen is "". The old link stops working on all
// nodes. Our own jobs may renew any link, for an owner whose address was corrected.
func (s *Service) RenewLink(ctx context.Context, caller caller.Caller, bookingID, seen string) (bookingapi.Booking, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return b, err
	}
	if !caller.IsSystem() && !mayHandOut(caller, &b) {
		return b, errs.New(errs.Forbidden, "not-yours-to-change", "Only its owner can create a new link to this booking.")
	}
	if caller.IsSystem() && b.Status == bookingapi.Booked { // the address was corrected
		if now, err := s.links.Token(ctx, bookingID); err != nil || seen != "" && now != seen {
			return b, err // sent again
		}
		if err := s.passOn(ctx, caller, bookingID); err != nil {
			return b, err
		}
	}
	return b, s.links.Renew(ctx, bookingID, seen)
}

// Readable returns a booking to a caller who may read it: its owner, the event's
// organizer, admins, and anybody with the token of its signed link. Others get
// NotFound, and so does a wrong or replaced token.
func (s *Service) Readable(ctx context.Context, caller caller.Caller, bookingID, token string) (bookingapi.Booking, error) {
	if token != "" {
		b, err := s.Booking(ctx, bookingID)
		if err == nil {
			err = s.links.Check(ctx, bookingID, token)
		}
		if err != nil {
			return bookingapi.Booking{}, err
		}
		return b, nil
	}
	if !caller.SignedIn() {
		return bookingapi.Booking{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	return s.mine(ctx, caller, bookingID)
}
