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
	Redirect(ctx context.Context, bookingID string, now time.Time, to func(ctx context.Context) (address, link string, err error)) error
	Reserve(ctx context.Context, bookingID, request string, most int, now time.Time) (first bool, free time.Time, err error)
	Release(ctx context.Context, bookingID, request string, at time.Time) error
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
	if email != "" && !strings.EqualFold(email, a.Email) {
		if err := d.overLimit(lines); err != nil {
			return "", err
		}
		if err := d.correct(ctx, c, &b, &a, email); err != nil {
			return "", err
		}
		return d.reach(ctx, c, a.ID, true)
	}
	if email != "" && guest(&a) { // perhaps a correction that is repeated
		to, err := d.reach(ctx, c, a.ID, false)
		if !reached(lines, a.Email) {
			return to, err
		} else if err != nil {
			d.cfg.Slog.WarnContext(ctx, "some orders of a guest are not told to the corrected address", "booking", b.ID, "error", err)
		}
	}
	if d.repeated(lines, a.Email) {
		return a.Email, nil
	}
	if err := d.overLimit(lines); err != nil {
		return "", err
	}
	if a.Email == "" {
		return "", nobodyToMail()
	}
	if _, err := d.reserve(ctx, &b, a.Email); err != nil {
		return "", err
	}
	n, err := d.tell(ctx, &b, func(n *notifyapi.Notice) string { return againID(&b, n.To, d.cfg.Now()) })
	return n.To, err
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
	first, free, err := d.cfg.Log.Reserve(ctx, b.ID, request, mailsPerDay, now)
	if err == nil && !free.IsZero() {
		err = tooMany(mailsPerDay, free.Sub(now))
	}
	return func(why error) error {
		if first && errs.Of(why) != nil {
			if err := d.cfg.Log.Release(ctx, b.ID, request, now); err != nil {
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
	redirected := func(err error) (string, error) {
		if err == nil { // also if an earlier request did the rest
			err = d.redirect(ctx, b, &to.Email)
		}
		return to.Email, err
	}
	moved := email != "" && email != to.Email
	switch {
	case moved:
		to.Email = email
	case to.Email == "":
		return "", errs.New(errs.Conflict, "nobody-to-mail", "Nobody's address is known: enter one.")
	case to.MailedAt == 0 || d.cfg.Now().Sub(time.UnixMicro(to.MailedAt)) < againPause: // it is on its way
		return redirected(nil)
	}
	if err := d.overLimit(lines); err != nil {
		return "", err
	}
	refused, err := d.reserve(ctx, b, to.Email)
	if err != nil {
		return "", err
	}
	return redirected(refused(d.cfg.Bookings.GiveTo(ctx, c, b.ID, to.Person, to.MailedAt)))
}

// tell mails the tickets of an order to the address that its owner has, and has what
// waits told there, too.
func (d *Desk) tell(ctx context.Context, b *bookingapi.Booking, id func(*notifyapi.Notice) string) (notifyapi.Notice, error) {
	n, err := d.cfg.Letters.Again(ctx, b)
	if err != nil {
		return n, err
	}
	if n.To == "" { // deleted at this moment
		return n, nobodyToMail()
	}
	var now string
	if err := d.redirect(ctx, b, &now); err != nil {
		return n, err
	}
	switch now {
	case n.To:
	case "":
		return n, nobodyToMail()
	default: // another correction mails them
		return n, nil
	}
	n.ID = id(&n)
	if err := d.cfg.Notices.Notify(ctx, []notifyapi.Notice{n}); err != nil {
		return n, err
	}
	if a, err := d.account(ctx, b.UserID); err != nil || a.Email == n.To {
		return n, err
	}
	return n, d.redirect(ctx, b, &now) // another correction may have been faster
}

func nobodyToMail() error {
	return errs.New(errs.Conflict, "nobody-to-mail", "The buyer's account has no email address.")
}

// againID is the same for requests that reach several nodes within a minute.
func againID(b *bookingapi.Booking, to string, now time.Time) string {
	sum := sha256.Sum256([]byte(to))
	return fmt.Sprintf("again/%s/%d/%s", b.ID, now.Unix()/int64(againPause.Seconds()), hex.EncodeToString(sum[:4]))
}
