package booking

import (
	"context"
	"net/mail"
	"strings"
	"unicode/utf8"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/link"
	"boxoffice/internal/safetext"
)

// Complimentary seats may be for somebody without an account: then they have a name,
// and an address to which the order's link is mailed. Names and addresses are stored
// by package link, never in the ledger.

// recipient checks a name and an address, and returns them as they are stored.
func recipient(p caller.Person) (caller.Person, error) {
	p.Name, p.Email = strings.TrimSpace(p.Name), strings.TrimSpace(p.Email)
	var bad []errs.Field
	if utf8.RuneCountInString(p.Name) > 100 {
		bad = append(bad, errs.Why("too-long", "must have at most %d characters", 100).In("name"))
	}
	if safetext.Hidden(p.Name) {
		bad = append(bad, safetext.HiddenReason.In("name"))
	}
	if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || a.Address != p.Email || len(p.Email) > 254) {
		bad = append(bad, errs.Field{Name: "email", Code: "not-an-address", Reason: "is not an e-mail address"})
	}
	if len(bad) > 0 {
		return p, errs.Fields(bad)
	}
	return p, nil
}

// Grant takes seats out of the sale at no cost. A repeated request with the same key
// returns the same booking. Only the event's organizer and admins may call it.
func (s *Service) Grant(ctx context.Context, who caller.Caller, key string, g bookingapi.Grant) (bookingapi.Booking, error) {
	if err := g.Check(); err != nil {
		return bookingapi.Booking{}, err
	}
	var err error
	if g.To, err = recipient(g.To); err != nil {
		return bookingapi.Booking{}, err
	}
	if g.UserID != "" && g.To != (caller.Person{}) {
		return bookingapi.Booking{}, errs.Bad("user_id", "cannot-combine", "cannot be combined with name or email")
	}
	b, err := s.grant(ctx, who, key, &g)
	if err == nil && g.To != (caller.Person{}) && b.Status == bookingapi.Booked {
		err = s.giveOnce(ctx, b.ID, g.To)
	}
	return b, err
}

// grant has the writer decide on a grant. A refused one may be the repeat of a grant
// that succeeded, and whose account or seats have changed since.
func (s *Service) grant(ctx context.Context, who caller.Caller, key string, g *bookingapi.Grant) (bookingapi.Booking, error) {
	v, err := s.views.get(ctx, g.EventID)
	if err != nil {
		return bookingapi.Booking{}, err
	}
	if !v.organizedBy(who) {
		return bookingapi.Booking{}, errs.Missing("event")
	}
	c := command{do: doGrant, eventID: g.EventID, bookingID: id.Booking(g.EventID, who.UserID, key),
		caller: who, fingerprint: fingerprint(key, g.EventID, &g.Selection, g.To), grant: g.Kind, heir: g.UserID}
	if key != "" {
		c.fingerprint = append(c.fingerprint, g.Kind+g.UserID...)
	}
	b, early, err := s.grantNew(ctx, c, &g.Selection)
	if early && key != "" && errs.Of(err) != nil {
		if _, unread := s.Booking(ctx, c.bookingID); unread == nil {
			return s.submit(ctx, &c)
		}
	}
	return b, err
}

// grantNew has the writer decide on a grant; early reports that it was refused before
// it reached the writer.
func (s *Service) grantNew(ctx context.Context, grant command, sel *bookingapi.Selection) (b bookingapi.Booking, early bool, err error) {
	if grant.heir != "" && s.accounts != nil {
		if ok, err := s.accounts(ctx, grant.heir); err != nil {
			return b, true, err
		} else if !ok {
			return b, true, errs.Bad("user_id", "not-an-id", "is not the id of an account")
		}
	}
	early = true
	b, err = s.look(ctx, grant.eventID, sel, func(_ *view, c command) (bookingapi.Booking, error) {
		early = false
		named := grant
		named.at, named.seats, named.section, named.tier, named.quantity = c.at, c.seats, c.section, c.tier, c.quantity
		return s.submit(ctx, &named)
	})
	return b, early, err
}

// giveOnce stores the recipient of a gift, unless it has one: a repeated request must
// not undo a later GiveTo, nor mail the link again.
func (s *Service) giveOnce(ctx context.Context, bookingID string, to caller.Person) error {
	known, err := s.links.Recipients(ctx, []string{bookingID})
	if _, ok := known[bookingID]; ok || err != nil {
		return err
	}
	return s.links.Give(ctx, bookingID, to, link.NotAgain)
}

// GiveTo sets the recipient of complimentary seats that belong to no account. The
// order's link is mailed to their address; if it was mailed there before, only if
// mailed is the time of the last mail, so that a repeated request sends no second one.
// A different address gets a new link and new tickets, and the old ones stop working.
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
	known, err := s.links.Recipients(ctx, []string{bookingID})
	if err != nil {
		return err
	}
	if old := known[bookingID].Email; old != "" && old != to.Email {
		if err := s.passOn(ctx, caller, bookingID); err != nil {
			return err
		}
	}
	return s.links.Give(ctx, bookingID, to, mailed)
}

// passOn voids the codes of a booking that is about to go to another address. It comes
// first: if what follows fails, its tickets have new codes, and still their old address.
func (s *Service) passOn(ctx context.Context, c caller.Caller, bookingID string) error {
	if s.replace == nil {
		return nil
	}
	return s.replace(ctx, c, bookingID)
}

// Recipients returns the recipients of gifts that belong to no account, by booking id.
func (s *Service) Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error) {
	return s.links.Recipients(ctx, bookingIDs)
}

// GiftsDue lists ids, greater than after, of gifts whose link has to be mailed, in
// ascending order.
func (s *Service) GiftsDue(ctx context.Context, after string, limit int) ([]string, error) {
	return s.links.Due(ctx, after, limit)
}

// GiftDue returns a gift whose link has to be mailed. due is false when it was mailed
// or cancelled in the meantime; recipients of cancelled gifts are deleted.
func (s *Service) GiftDue(ctx context.Context, bookingID string) (g bookingapi.Gift, due bool, err error) {
	if g.Booking, err = s.Booking(ctx, bookingID); err != nil {
		return g, false, err
	}
	if g.Status != bookingapi.Booked {
		return g, false, s.links.Forget(ctx, bookingID)
	}
	links, err := s.Links(ctx, []string{bookingID}) // read before the address, since a new address gets a new link
	if err != nil {
		return g, false, err
	}
	list, err := s.links.Recipients(ctx, []string{bookingID})
	g.To, g.Link = list[bookingID], links[bookingID]
	return g, err == nil && g.To.Email != "" && g.To.MailedAt == 0, err
}

// GiftMailed records that a gift, as returned by GiftDue, was mailed. The gift stays
// due if its link or address has changed since.
func (s *Service) GiftMailed(ctx context.Context, g bookingapi.Gift) error {
	_, token, _ := strings.Cut(g.Link, tokenIn)
	return s.links.Mailed(ctx, g.ID, g.To.Email, token)
}
