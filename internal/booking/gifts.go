package booking

import (
	"context"
	"net/mail"
	"strings"
	"unicode/utf8"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/link"
	"boxoffice/internal/safetext"
)

// Complimentary seats may be for somebody without an account: a name, and an
// address to which the order's link is mailed. Names and addresses are beside
// the record (package link), never in the ledger.

// recipient is somebody's name and address as they are kept.
func recipient(p caller.Person) (caller.Person, error) {
	p.Name, p.Email = strings.TrimSpace(p.Name), strings.TrimSpace(p.Email)
	var bad []errs.Field
	if utf8.RuneCountInString(p.Name) > 100 {
		bad = append(bad, errs.Field{Name: "name", Reason: "must have at most 100 characters"})
	}
	if safetext.Hidden(p.Name) {
		bad = append(bad, errs.Field{Name: "name", Reason: safetext.HiddenReason})
	}
	if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || a.Address != p.Email || len(p.Email) > 254) {
		bad = append(bad, errs.Field{Name: "email", Reason: "is not an e-mail address"})
	}
	if len(bad) > 0 {
		return p, errs.Fields(bad)
	}
	return p, nil
}

// Give gives seats away: to the account heir, or to a person without an account, who
// may be named later. A request that is sent again with its key comes to the same gift.
// Seats are taken only for recipients that can have them.
func (s *Service) Give(ctx context.Context, who caller.Caller, key, heir string, to caller.Person, w Wish) (bookingapi.Booking, error) {
	to, err := recipient(to)
	if err != nil {
		return bookingapi.Booking{}, err
	}
	if heir != "" && to != (caller.Person{}) {
		return bookingapi.Booking{}, errs.Bad("user_id", "cannot be combined with name or email")
	}
	w.to = to
	b, err := s.Grant(ctx, who, key, bookingapi.Complimentary, heir, w)
	if err == nil && to != (caller.Person{}) && b.Status == bookingapi.Booked {
		err = s.giveOnce(ctx, b.ID, to)
	}
	return b, err
}

// giveOnce notes whom a gift is for, unless that is known: a request that is sent
// again does not undo what GiveTo has changed since, nor mail the link again.
func (s *Service) giveOnce(ctx context.Context, bookingID string, to caller.Person) error {
	known, err := s.links.Recipients(ctx, []string{bookingID})
	if _, ok := known[bookingID]; ok || err != nil {
		return err
	}
	return s.links.Give(ctx, bookingID, to, link.NotAgain)
}

// GiveTo says whom complimentary seats are for that belong to no account. The
// order's link is mailed to an address, also if it was mailed there before at the
// time mailed, which the caller has seen, but not if it was mailed again since.
// Another address gets a new link, and the old one opens nothing any more.
func (s *Service) GiveTo(ctx context.Context, caller caller.Caller, bookingID string, to caller.Person, mailed int64) error {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return err
	}
	if b.UserID != "" || b.Status != bookingapi.Booked || !mayHandOut(caller, &b) {
		return errs.Missing("booking")
	}
	if to, err = recipient(to); err != nil {
		return err
	}
	return s.links.Give(ctx, bookingID, to, mailed)
}

// Recipients are whom orders are for that belong to no account, by booking id.
func (s *Service) Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error) {
	return s.links.Recipients(ctx, bookingIDs)
}

// GiftsDue are complimentary seats whose link is to be mailed, in order, after one.
func (s *Service) GiftsDue(ctx context.Context, after string, limit int) ([]string, error) {
	return s.links.Due(ctx, after, limit)
}

// GiftDue is a gift whose link is to be mailed: the booking, whom it is for, and
// the link. It is not due when it was mailed or taken back meanwhile; of those
// that were taken back the recipient is forgotten.
func (s *Service) GiftDue(ctx context.Context, bookingID string) (b bookingapi.Booking, to bookingapi.Recipient, link string, due bool, err error) {
	if b, err = s.Booking(ctx, bookingID); err != nil {
		return b, to, "", false, err
	}
	if b.Status != bookingapi.Booked {
		return b, to, "", false, s.links.Forget(ctx, bookingID)
	}
	links, err := s.OwnLinks(ctx, []string{bookingID}) // before the address: another one has another link
	if err != nil {
		return b, to, "", false, err
	}
	list, err := s.links.Recipients(ctx, []string{bookingID})
	to = list[bookingID]
	return b, to, links[bookingID], err == nil && to.Email != "" && to.MailedAt == 0, err
}

// GiftMailed notes that the link to a gift was mailed to an address.
func (s *Service) GiftMailed(ctx context.Context, bookingID, email string) error {
	return s.links.Mailed(ctx, bookingID, email)
}
