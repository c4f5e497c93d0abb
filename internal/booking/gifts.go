package booking

import (
	"context"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Complimentary seats may be for somebody without an account: a name, and an
// address to which the order's link is mailed. Names and addresses are beside
// the record (package link), never in the ledger.

// recipient is somebody's name and address as they are kept.
func recipient(p message.Person) (message.Person, error) {
	p.Name, p.Email = strings.TrimSpace(p.Name), strings.TrimSpace(p.Email)
	var bad []errs.Field
	if utf8.RuneCountInString(p.Name) > 100 {
		bad = append(bad, errs.Field{Name: "name", Reason: "must have at most 100 characters"})
	}
	if strings.ContainsFunc(p.Name, unicode.IsControl) {
		bad = append(bad, errs.Field{Name: "name", Reason: "must not contain control characters"})
	}
	if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || a.Address != p.Email || len(p.Email) > 254) {
		bad = append(bad, errs.Field{Name: "email", Reason: "is not an e-mail address"})
	}
	if len(bad) > 0 {
		return p, errs.Fields(bad)
	}
	return p, nil
}

// GiveTo says whom complimentary seats are for that belong to no account. The
// order's link is mailed to an address, again whenever GiveTo is called; another
// address gets a new link, and the old one opens nothing any more.
func (s *Service) GiveTo(ctx context.Context, caller message.Caller, bookingID string, to message.Person) error {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return err
	}
	if b.UserID != "" || b.Status != message.Booked || !mayHandOut(caller, &b) {
		return errs.Missing("booking")
	}
	if to, err = recipient(to); err != nil {
		return err
	}
	before, err := s.links.Recipients(ctx, []string{bookingID})
	if err != nil {
		return err
	}
	if old := before[bookingID].Email; old != "" && old != to.Email {
		if err := s.links.Renew(ctx, bookingID); err != nil {
			return err
		}
	}
	return s.links.Give(ctx, bookingID, to, true)
}

// Recipients are whom orders are for that belong to no account, by booking id.
func (s *Service) Recipients(ctx context.Context, bookingIDs []string) (map[string]message.Recipient, error) {
	return s.links.Recipients(ctx, bookingIDs)
}

// GiftsDue are complimentary seats whose link is to be mailed. Those that were
// taken back meanwhile are forgotten.
func (s *Service) GiftsDue(ctx context.Context, limit int) (map[string]message.Recipient, error) {
	due, err := s.links.Due(ctx, limit)
	if err != nil {
		return nil, err
	}
	for bookingID := range due {
		b, err := s.Booking(ctx, bookingID)
		if err != nil {
			return nil, err
		}
		if b.Status == message.Booked {
			continue
		}
		if err := s.links.Forget(ctx, bookingID); err != nil {
			return nil, err
		}
		delete(due, bookingID)
	}
	return due, nil
}

// GiftMailed notes that the link to a gift was mailed to an address.
func (s *Service) GiftMailed(ctx context.Context, bookingID, email string) error {
	return s.links.Mailed(ctx, bookingID, email)
}
