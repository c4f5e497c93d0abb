package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// correct gives the owner of a booking another address, and all orders of theirs other
// links, since their mails went to the same address.
func (d *Desk) correct(ctx context.Context, c caller.Caller, b *bookingapi.Booking, a *userapi.Account, email string) error {
	if !guest(a) {
		return errs.New(errs.Conflict, "address-confirmed", "The buyer has confirmed the address, or has a password: only they can change it, in their account.")
	}
	if reason := d.cfg.CheckEmail(email); !reason.None() { // before the links are renewed
		return errs.Fields([]errs.Field{reason.In("email")})
	}
	orders, err := d.orders(ctx, c, a.ID, true)
	if err != nil {
		return err
	}
	ids := make([]string, len(orders))
	for i := range orders {
		ids[i] = orders[i].ID
	}
	links, err := d.cfg.Bookings.Links(ctx, ids)
	if err != nil {
		return err
	}
	refused, err := d.reserve(ctx, b, email)
	if err != nil {
		return err
	}
	// First the links: if this node dies in between, a repeated request does it all again.
	for _, one := range ids {
		_, token, _ := strings.Cut(links[one], "?token=")
		if _, err := d.cfg.Bookings.RenewLink(ctx, caller.System, one, token); err != nil {
			return refused(err)
		}
	}
	if err := d.cfg.Accounts.CorrectAddress(ctx, a.ID, email); err != nil {
		if errs.Is(err, "already-verified") { // meanwhile
			err = errs.New(errs.Conflict, "address-confirmed", "The buyer has confirmed the address: only they can change it, in their account.")
		}
		return refused(err)
	}
	d.cfg.Slog.InfoContext(ctx, "the address of a guest was corrected", "booking", b.ID, "by", c.UserID, "orders", len(ids))
	return nil
}

// orders returns the orders of a guest that are the caller's to organize, whatever became
// of them. If all must be, it fails if some, or cancelled ones, or seats that the guest
// holds or that may still be paid, are not: their mails, as about a refund, would go to the
// new address, and who confirms that gets these orders, too.
func (d *Desk) orders(ctx context.Context, c caller.Caller, userID string, must bool) ([]bookingapi.Booking, error) {
	all := func(*bookingapi.Booking) bool { return true }
	paid := func(b *bookingapi.Booking) bool { return b.PaymentID != "" }
	payable := d.cfg.Now().UnixMicro() - bookingapi.LateConfirm
	lately := func(b *bookingapi.Booking) bool { return b.ExpiresAt > payable }
	found := map[string]bookingapi.Booking{} // one may be booked in between, or cancelled
	for _, f := range []struct {
		bookingapi.Filter
		counts func(b *bookingapi.Booking) bool
	}{
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Cancelled}, paid}, // others were holds
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Pending, HeldAt: payable}, all},
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Expired}, lately},
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Booked}, all},
	} {
		list, err := d.list(ctx, f.Filter)
		if err != nil {
			return nil, err
		}
		for i := range list {
			switch b := &list[i]; {
			case c.MayOrganize(b.OrganizerID):
				found[b.ID] = *b
			case must && f.counts(b):
				return nil, errs.New(errs.Conflict, "orders-elsewhere", "The guest has orders of other organizers, too: an administrator can change the address.")
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b bookingapi.Booking) int { return strings.Compare(a.ID, b.ID) }), nil
}

// list lists all bookings that a filter wants.
func (d *Desk) list(ctx context.Context, f bookingapi.Filter) (out []bookingapi.Booking, err error) {
	for f.Limit = guestOrders; ; {
		list, err := d.cfg.Bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if out = append(out, list...); len(list) < guestOrders {
			return out, nil
		}
		f.After = list[len(list)-1].ID
	}
}

// reach has what waits to be told about a guest's orders told to the address that the
// guest has now, and the tickets mailed there: after a correction those of all orders, and
// if it is repeated, those of orders that it has not reached. Where one fails, the others
// go on.
func (d *Desk) reach(ctx context.Context, c caller.Caller, userID string, all bool) (to string, err error) {
	orders, err := d.orders(ctx, c, userID, false)
	if err != nil {
		return "", err
	}
	a, err := d.account(ctx, userID)
	if err != nil {
		return "", err
	}
	var failed error
	for i := range orders {
		if err := d.reachOne(ctx, &orders[i], a.Email, all); err != nil && failed == nil {
			failed = err
		}
	}
	return a.Email, failed
}

func (d *Desk) reachOne(ctx context.Context, b *bookingapi.Booking, to string, anyway bool) error {
	mail := b.Status == bookingapi.Booked
	if mail && !anyway {
		lines, err := d.cfg.Log.Of(ctx, b.ID, linesShown)
		if err != nil {
			return err
		}
		mail = !reached(lines, to)
	}
	if !mail {
		var now string
		return d.redirect(ctx, b, &now)
	}
	_, err := d.tell(ctx, b, func(n *notifyapi.Notice) string { return correctedID(b, n) })
	return err
}

// reached reports whether the last tickets of an order were mailed to an address, as far as
// it is known: the log forgets.
func reached(lines []notifyapi.Line, to string) bool {
	last := slices.IndexFunc(lines, func(l notifyapi.Line) bool { return tickets(l.Kind) })
	return last < 0 || strings.EqualFold(lines[last].To, to)
}

// redirect has what waits to be told about an order told to the address that is its
// owner's, or its recipient's, at that moment, which it stores in to.
func (d *Desk) redirect(ctx context.Context, b *bookingapi.Booking, to *string) error {
	return d.cfg.Log.Redirect(ctx, b.ID, d.cfg.Now(), func(ctx context.Context) (address, link string, err error) {
		if b.UserID == "" {
			r, err := d.recipient(ctx, b.ID)
			if err != nil {
				return "", "", err
			}
			*to = r.Email
		} else {
			a, err := d.account(ctx, b.UserID)
			if err != nil {
				return "", "", err
			}
			*to = a.Email
		}
		links, err := d.cfg.Bookings.Links(ctx, []string{b.ID})
		return *to, links[b.ID], err
	})
}

// correctedID is the same however often a correction is repeated: the next one renews the
// link.
func correctedID(b *bookingapi.Booking, n *notifyapi.Notice) string {
	sum := sha256.Sum256([]byte(n.To + "\x00" + n.Data.Link))
	return fmt.Sprintf("corrected/%s/%s", b.ID, hex.EncodeToString(sum[:8]))
}
