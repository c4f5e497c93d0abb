// Package desk is what organizers see of the mails about an order, and do about them:
// the log, mailing the tickets again, and correcting the address.
//
// Who may correct which address: tickets of a gift without an account go wherever the
// organizer says. A guest who has not confirmed the address may have mistyped it, and the
// organizer may correct it. Confirmed addresses and accounts with a password belong to
// their owners, who change them alone; otherwise an organizer could take an account over.
package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// Log is what was told so far; see notify.Log.
type Log interface {
	Of(ctx context.Context, bookingID string, limit int) ([]notifyapi.Line, error)
	Redirect(ctx context.Context, bookingID, address, link string, now time.Time) error
	Reserve(ctx context.Context, bookingID, request string, most int, now time.Time) (free time.Time, err error)
	Release(ctx context.Context, bookingID, request string) error
}

// Bookings is what the desk needs of the booking service.
type Bookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
	RenewLink(ctx context.Context, caller caller.Caller, bookingID, seen string) (bookingapi.Booking, error)
	Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error)
	GiveTo(ctx context.Context, caller caller.Caller, bookingID string, to caller.Person, mailed int64) error
}

// Accounts is what the desk needs of the user service.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error)
	CorrectAddress(ctx context.Context, userID, email string) error
}

// Letters writes notices about orders.
type Letters interface {
	// Again returns the notice with which the owner of a booked order is told of it
	// again, without an ID.
	Again(ctx context.Context, b *bookingapi.Booking) (notifyapi.Notice, error)
}

// Notices takes notices; see notifyapi.Service.
type Notices interface {
	Notify(ctx context.Context, list []notifyapi.Notice) error
}

// Config configures a desk.
type Config struct {
	Log      Log
	Bookings Bookings
	Accounts Accounts
	Letters  Letters
	Notices  Notices // nil: nothing is sent
	Events   Events
	Mailings Mailings // nil: there are none
	Now      func() time.Time
	Slog     *slog.Logger

	CheckEmail func(text string) errs.Reason // why an account cannot have an address
}

// Desk implements notifyapi.Desk.
type Desk struct{ cfg Config }

// New makes a desk.
func New(cfg Config) *Desk {
	if cfg.Notices == nil {
		cfg.Notices = nobody{}
	}
	return &Desk{cfg}
}

// nobody is told anything.
type nobody struct{}

func (nobody) Notify(context.Context, []notifyapi.Notice) error { return nil }

const (
	linesShown  = 100
	againPause  = time.Minute // a request that is repeated within it mails once
	mailsPerDay = 6           // of the tickets of an order, the first mail included
	guestOrders = 500         // read at a time
)

// OrderLog returns what was told about an order; see notifyapi.Desk.
func (d *Desk) OrderLog(ctx context.Context, c caller.Caller, bookingID string) (notifyapi.OrderLog, error) {
	b, err := d.own(ctx, c, bookingID)
	if err != nil {
		return notifyapi.OrderLog{}, err
	}
	out := notifyapi.OrderLog{Booked: ticketed(&b)}
	if out.Lines, err = d.cfg.Log.Of(ctx, b.ID, linesShown); err != nil {
		return out, err
	}
	if unclaimed(&b) {
		to, err := d.recipient(ctx, b.ID)
		out.To, out.Correctable = to.Email, out.Booked
		return out, err
	}
	if b.UserID == "" { // blocked seats
		return out, nil
	}
	a, err := d.account(ctx, b.UserID)
	out.To, out.Correctable = a.Email, out.Booked && guest(&a)
	return out, err
}

// TellAgain mails the tickets of an order again; see notifyapi.Desk.
func (d *Desk) TellAgain(ctx context.Context, c caller.Caller, bookingID, email string) (to string, err error) {
	b, err := d.own(ctx, c, bookingID)
	if err != nil {
		return "", err
	}
	if !ticketed(&b) {
		return "", errs.New(errs.Conflict, "not-booked", "The booking has no tickets that could be sent.")
	}
	lines, err := d.cfg.Log.Of(ctx, b.ID, linesShown)
	if err != nil {
		return "", err
	}
	email = strings.TrimSpace(email)
	if unclaimed(&b) {
		return d.giveAgain(ctx, c, &b, email, lines)
	}
	a, err := d.account(ctx, b.UserID)
	if err != nil {
		return "", err
	}
	same := email == "" || strings.EqualFold(email, a.Email)
	if same && d.repeated(lines, a.Email) {
		return a.Email, nil
	}
	if err := d.overLimit(lines); err != nil {
		return "", err
	}
	list := []bookingapi.Booking{b}
	if !same {
		if list, err = d.correct(ctx, c, &b, &a, email); err != nil {
			return "", err
		}
	} else if a.Email == "" {
		return "", errs.New(errs.Conflict, "nobody-to-mail", "The buyer's account has no email address.")
	} else if _, err := d.reserve(ctx, &b, a.Email); err != nil {
		return "", err
	}
	return d.tell(ctx, list)
}

// own returns a booking of an event that the caller organizes.
func (d *Desk) own(ctx context.Context, c caller.Caller, bookingID string) (bookingapi.Booking, error) {
	if !c.SignedIn() {
		return bookingapi.Booking{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	b, err := bookingapi.One(ctx, d.cfg.Bookings.Bookings, "booking", bookingID)
	if err == nil && !c.MayOrganize(b.OrganizerID) {
		err = errs.Missing("booking")
	}
	return b, err
}

// account returns the account of an order's owner; an empty one if it does not exist any
// more.
func (d *Desk) account(ctx context.Context, userID string) (userapi.Account, error) {
	a, err := d.cfg.Accounts.Account(ctx, caller.System, userID)
	if errs.KindOf(err) == errs.NotFound {
		return userapi.Account{}, nil
	}
	return a, err
}

func (d *Desk) recipient(ctx context.Context, bookingID string) (bookingapi.Recipient, error) {
	list, err := d.cfg.Bookings.Recipients(ctx, []string{bookingID})
	return list[bookingID], err
}

// guest reports whether an organizer may correct the address of an account.
func guest(a *userapi.Account) bool {
	return a.Role == caller.Guest && !a.Verified && !a.HasPassword && !a.Disabled && a.Email != ""
}

// ticketed reports whether a booking has tickets.
func ticketed(b *bookingapi.Booking) bool {
	return b.Status == bookingapi.Booked && (b.UserID != "" || unclaimed(b))
}

// unclaimed reports whether a booking is a gift that belongs to no account.
func unclaimed(b *bookingapi.Booking) bool {
	return b.UserID == "" && b.PriceVersion == bookingapi.FreeOfCharge && b.PaymentID == bookingapi.Complimentary
}

// overLimit refuses to mail tickets that were mailed often within a day.
func (d *Desk) overLimit(lines []notifyapi.Line) error {
	day := d.cfg.Now().Add(-24 * time.Hour)
	var times []time.Time // newest first
	for i := range lines {
		if l := &lines[i]; tickets(l.Kind) && l.CreatedAt.After(day) {
			times = append(times, l.CreatedAt)
		}
	}
	if len(times) < mailsPerDay {
		return nil
	}
	return tooMany(len(times), times[mailsPerDay-1].Sub(day))
}

// reserve refuses to mail tickets too often, also when many requests come at once. refused
// takes the note of it back if what comes next is refused, so that nothing is mailed.
func (d *Desk) reserve(ctx context.Context, b *bookingapi.Booking, to string) (refused func(error) error, err error) {
	now := d.cfg.Now()
	request := againID(b, to, now)
	free, err := d.cfg.Log.Reserve(ctx, b.ID, request, mailsPerDay, now)
	if err == nil && !free.IsZero() {
		err = tooMany(mailsPerDay, free.Sub(now))
	}
	return func(why error) error {
		if errs.Of(why) != nil {
			if err := d.cfg.Log.Release(ctx, b.ID, request); err != nil {
				d.cfg.Slog.WarnContext(ctx, "a correction that was refused counts for the day", "booking", b.ID, "error", err)
			}
		}
		return why
	}, err
}

func tooMany(n int, wait time.Duration) error {
	return errs.New(errs.TooMany, "too-many-mails", "The tickets of this booking were sent %d times within a day; please wait.", n).After(wait)
}

// repeated reports whether tickets were mailed to an address a moment ago.
func (d *Desk) repeated(lines []notifyapi.Line, to string) bool {
	return slices.ContainsFunc(lines, func(l notifyapi.Line) bool {
		return tickets(l.Kind) && l.To == to && d.cfg.Now().Sub(l.CreatedAt) < againPause
	})
}

// tickets reports whether a notice brings tickets.
func tickets(kind notifyapi.Kind) bool { return kind == notifyapi.Booked || kind == notifyapi.Gift }

// giveAgain has the link of a gift mailed again, or to another address.
func (d *Desk) giveAgain(ctx context.Context, c caller.Caller, b *bookingapi.Booking, email string, lines []notifyapi.Line) (string, error) {
	to, err := d.recipient(ctx, b.ID)
	if err != nil {
		return "", err
	}
	moved := email != "" && email != to.Email
	switch {
	case moved:
		to.Email = email
	case to.Email == "":
		return "", errs.New(errs.Conflict, "nobody-to-mail", "Nobody's address is known: enter one.")
	case to.MailedAt == 0 || d.cfg.Now().Sub(time.UnixMicro(to.MailedAt)) < againPause: // it is on its way
		return to.Email, nil
	}
	if err := d.overLimit(lines); err != nil {
		return "", err
	}
	refused, err := d.reserve(ctx, b, to.Email)
	if err != nil {
		return "", err
	}
	if err := d.cfg.Bookings.GiveTo(ctx, c, b.ID, to.Person, to.MailedAt); err != nil {
		return "", refused(err)
	}
	if moved {
		links, err := d.cfg.Bookings.Links(ctx, []string{b.ID})
		if err != nil {
			return "", err
		}
		return to.Email, d.cfg.Log.Redirect(ctx, b.ID, to.Email, links[b.ID], d.cfg.Now())
	}
	return to.Email, nil
}

// correct gives the owner of a booking another address. It returns the orders that are
// to be mailed there: all that the guest has, since their mails went to the same address.
func (d *Desk) correct(ctx context.Context, c caller.Caller, b *bookingapi.Booking, a *userapi.Account, email string) ([]bookingapi.Booking, error) {
	if !guest(a) {
		return nil, errs.New(errs.Conflict, "address-confirmed", "The buyer has confirmed the address, or has a password: only they can change it, in their account.")
	}
	if reason := d.cfg.CheckEmail(email); !reason.None() { // before the links are renewed
		return nil, errs.Fields([]errs.Field{reason.In("email")})
	}
	orders, err := d.orders(ctx, c, a.ID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(orders))
	for i := range orders {
		ids[i] = orders[i].ID
	}
	links, err := d.cfg.Bookings.Links(ctx, ids)
	if err != nil {
		return nil, err
	}
	refused, err := d.reserve(ctx, b, email)
	if err != nil {
		return nil, err
	}
	// First the links: if this node dies in between, a repeated request does it all again.
	for _, one := range ids {
		_, token, _ := strings.Cut(links[one], "?token=")
		if _, err := d.cfg.Bookings.RenewLink(ctx, caller.System, one, token); err != nil {
			return nil, refused(err)
		}
	}
	if err := d.cfg.Accounts.CorrectAddress(ctx, a.ID, email); err != nil {
		if errs.Is(err, "already-verified") { // meanwhile
			err = errs.New(errs.Conflict, "address-confirmed", "The buyer has confirmed the address: only they can change it, in their account.")
		}
		return nil, refused(err)
	}
	d.cfg.Slog.InfoContext(ctx, "the address of a guest was corrected", "booking", b.ID, "by", c.UserID, "orders", len(ids))
	return orders, nil
}

// orders returns the booked orders of a guest. It fails if some, or cancelled ones, or seats
// that the guest holds or that may still be paid, are not the caller's to organize: their
// mails, as about a refund, would go to the new address, and who confirms that gets these
// orders, too.
func (d *Desk) orders(ctx context.Context, c caller.Caller, userID string) ([]bookingapi.Booking, error) {
	all := func(*bookingapi.Booking) bool { return true }
	paid := func(b *bookingapi.Booking) bool { return b.PaymentID != "" }
	payable := d.cfg.Now().UnixMicro() - bookingapi.LateConfirm
	lately := func(b *bookingapi.Booking) bool { return b.ExpiresAt > payable }
	for _, f := range []struct {
		bookingapi.Filter
		counts func(b *bookingapi.Booking) bool
	}{
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Cancelled}, paid}, // others were holds
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Pending, HeldAt: payable}, all},
		{bookingapi.Filter{UserID: userID, Status: bookingapi.Expired}, lately},
	} {
		if _, err := d.organized(ctx, c, f.Filter, f.counts); err != nil {
			return nil, err
		}
	}
	return d.organized(ctx, c, bookingapi.Filter{UserID: userID, Status: bookingapi.Booked}, all)
}

// organized lists bookings, and fails if some that count are not the caller's to organize.
func (d *Desk) organized(ctx context.Context, c caller.Caller, f bookingapi.Filter, counts func(*bookingapi.Booking) bool) (out []bookingapi.Booking, err error) {
	for f.Limit = guestOrders; ; {
		list, err := d.cfg.Bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(b bookingapi.Booking) bool { return !c.MayOrganize(b.OrganizerID) && counts(&b) }) {
			return nil, errs.New(errs.Conflict, "orders-elsewhere", "The guest has orders of other organizers, too: an administrator can change the address.")
		}
		if out = append(out, list...); len(list) < guestOrders {
			return out, nil
		}
		f.After = list[len(list)-1].ID
	}
}

// tell mails the tickets of some orders of the same owner.
func (d *Desk) tell(ctx context.Context, list []bookingapi.Booking) (to string, err error) {
	now := d.cfg.Now()
	notices := make([]notifyapi.Notice, 0, len(list))
	for i := range list {
		n, err := d.cfg.Letters.Again(ctx, &list[i])
		if err != nil {
			return "", err
		}
		if to = n.To; to == "" { // deleted at this moment
			return "", errs.New(errs.Conflict, "nobody-to-mail", "The buyer's account has no email address.")
		}
		if err := d.cfg.Log.Redirect(ctx, list[i].ID, to, n.Data.Link, now); err != nil {
			return "", err
		}
		n.ID = againID(&list[i], to, now)
		notices = append(notices, n)
	}
	return to, d.cfg.Notices.Notify(ctx, notices)
}

// againID is the same for requests that reach several nodes within a minute.
func againID(b *bookingapi.Booking, to string, now time.Time) string {
	sum := sha256.Sum256([]byte(to))
	return fmt.Sprintf("again/%s/%d/%s", b.ID, now.Unix()/int64(againPause.Seconds()), hex.EncodeToString(sum[:4]))
}
