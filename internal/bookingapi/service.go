package bookingapi

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// Service is the booking service as other services and the pages may use it. In
// process it is *booking.Service; in another process it is a client. Both pass the
// suite in package bookingtest. Consumers declare the few methods that they need.
//
// Reads take many ids and return a map or a list. An id that does not exist is
// missing from the map; that is not an error. The one exception is Recent, which
// payments call on the purchase path: the service itself combines those reads.
//
// Errors carry a kind and a slug; see Problems. A caller who may not see something
// gets NotFound for it. An error of kind Internal or Unavailable leaves the outcome
// unclear: the same request may be sent again and comes to the same result.
type Service interface {
	Sales
	Seats
	Bookings
	Orders
	Buying
	Organizing
	Paying
	Accounts
	Grants
	Reports
	Admitting
	ledger.Source
}

// Sales is the booking side of events.
type Sales interface {
	// SetSales stores new states of sales, by event id. A state whose EventVersion is
	// not newer than the stored one is ignored. All are tried; the first refusal is
	// returned: Conflict plan-in-use, currency-in-use, seats-taken (the event cannot
	// become a draft) or event-cancelled.
	SetSales(ctx context.Context, sales map[string]Sale) error
	// Sales returns the current states of sales, by event id.
	Sales(ctx context.Context, eventIDs []string) (map[string]Sale, error)
	// Counts returns the numbers of free, held and sold seats, by event id.
	Counts(ctx context.Context, eventIDs []string) (map[string]Counts, error)
}

// Seats reads the seat map of one event. Each read returns NotFound when there is no
// such event, or when it is a draft of somebody else. A free seat may be taken a
// moment later: only Buying.Hold decides.
type Seats interface {
	// Sections lists an event's sections, with prices and numbers of free seats.
	Sections(ctx context.Context, caller caller.Caller, eventID string) ([]SectionSeats, error)
	// Rows lists the seats of one section, row by row; none in general admission.
	// It returns NotFound when there is no such section.
	Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]RowSeats, error)
	// Near proposes free seats, by label, when some of the chosen ones are gone: the
	// chosen ones that are still free, and others near them; none when there are too few.
	Near(ctx context.Context, eventID string, chosen, gone []string) ([]string, error)
	// Named returns seats of the event's current plan by label, without prices. Unknown
	// labels are left out.
	Named(ctx context.Context, eventID string, labels []string) ([]Place, error)
}

// Bookings reads bookings as they are stored.
type Bookings interface {
	// Bookings returns bookings by id, whoever owns them.
	Bookings(ctx context.Context, ids []string) (map[string]Booking, error)
	// List returns a page of bookings in the order of their ids.
	List(ctx context.Context, f Filter) ([]Booking, error)
	// Readable returns a booking to a caller who may read it: its owner, the event's
	// organizer, admins, and anybody with the token of its signed link. Others get
	// NotFound, and callers with neither token nor session get Unauthenticated.
	Readable(ctx context.Context, caller caller.Caller, bookingID, token string) (Booking, error)
	// Owned returns one of the caller's own bookings; NotFound otherwise.
	Owned(ctx context.Context, caller caller.Caller, bookingID string) (Booking, error)
}

// Orders shows bookings to people: seats by name, and the links that open them.
type Orders interface {
	// Orders adds seats, prices and refund terms to bookings, and keeps their order.
	Orders(ctx context.Context, list []Booking) ([]Order, error)
	// SoldUnder returns the state of the event's sale when a booking was made, with the
	// terms that its buyer was shown. NotFound: the ledger has no such booking.
	SoldUnder(ctx context.Context, b *Booking) (Sale, error)
	// Links returns the signed paths of orders' pages, by booking id, for mails to
	// their owners.
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
	// LinksFor returns the signed paths, by booking id, that the caller may pass on:
	// owners get those of their own bookings, organizers those of gifts that belong to
	// no account. Others are left out.
	LinksFor(ctx context.Context, caller caller.Caller, list []Booking) (map[string]string, error)
	// RenewLink replaces a booking's link: the old one stops working on all nodes. seen
	// is the token that the caller means to replace; if it was replaced before, nothing
	// changes. "" replaces whichever is current. Callers who may read the booking but
	// must not have its link get Forbidden (not-yours-to-change). Our own jobs may renew
	// any.
	RenewLink(ctx context.Context, caller caller.Caller, bookingID, seen string) (Booking, error)
	// Refund returns, in minor units, what Cancel would refund now for the seats with
	// these labels, or for all of the booking. It fails where Cancel would.
	Refund(ctx context.Context, caller caller.Caller, bookingID string, labels []string) (int64, error)
}

// Buying holds seats and gives them back.
type Buying interface {
	// Hold holds seats for a few minutes: all or none. A repeated request with the same
	// key and caller returns the same booking, which may have ended by then; the same
	// key with another request is Invalid (idempotency-key-reused). Conflict
	// seats-taken and already-yours name the seats in "seats".
	Hold(ctx context.Context, caller caller.Caller, key string, r HoldRequest) (Booking, error)
	// Cancel releases a hold, or gives sold seats back under the event's refund terms,
	// which do not bind admins. Seats that were given back before are ignored. It returns
	// Precondition changed-meanwhile when Version is not the booking's, and Conflict
	// refunds-over after the refund deadline, and already-used for seats with which somebody
	// was let in.
	Cancel(ctx context.Context, caller caller.Caller, c Cancellation) (Booking, error)
}

// Paying is what the payment service needs.
type Paying interface {
	// Recent returns a booking as it is now, whoever owns it; NotFound when there is
	// none. It may come from this node's memory when no other node can have changed it.
	Recent(ctx context.Context, bookingID string) (Booking, error)
	// Remembered returns a booking from this node's memory, without a read; another
	// node may have changed it since. An implementation without a memory returns false.
	Remembered(bookingID string) (Booking, bool)
	// Confirm books a hold once its payment is authorized; the same payment may confirm
	// again. Errors of kind Conflict, Invalid, NotFound and Forbidden are final; after
	// any other error the outcome is unclear.
	Confirm(ctx context.Context, c Confirm) (Booking, error)
	// Extend prolongs a hold by ten minutes, once.
	Extend(ctx context.Context, bookingID string) error
	// CancelUnpaid makes sure that a failed payment does not pay for its booking: it
	// cancels the booking if this payment booked it, and releases the hold if it is
	// not paid. It starts no refund.
	CancelUnpaid(ctx context.Context, bookingID, paymentID string) error
}

// Accounts is what the user service needs: an account's bookings, and changes to all
// of them.
type Accounts interface {
	// OfUser lists ids of a user's bookings in ascending order, beginning with from.
	OfUser(ctx context.Context, userID, from string, limit int) ([]string, error)
	// LatestOfUser lists ids of a user's bookings in descending order, and reports
	// whether there are more.
	LatestOfUser(ctx context.Context, userID string, limit int) (ids []string, more bool, err error)
	// HasLive reports whether a user has bookings that are held or sold, or whose hold
	// has ended while a payment for it may still arrive. Gifts do not count.
	HasLive(ctx context.Context, userID string) (bool, error)
	// Adopt moves the bookings of an account to another one of the same person. email is
	// the key of that account's verified address, for limits; zero: it has none. If from
	// equals to, the bookings stay and only begin to count for the address. Holds that
	// would break a limit stay as they are: the error is then of kind Conflict or TooMany
	// and names them in "bookings". Adopt may be called again.
	Adopt(ctx context.Context, from, to string, email caller.EmailKey) error
	// GiveUp cancels a user's expired holds that could still be paid. If since is not 0
	// (µs since 1970), it also cancels, with a full refund, what the user has held or
	// bought since then, except for the events in spared. Gifts stay. It may be called
	// again.
	GiveUp(ctx context.Context, userID string, since int64, spared []string) error
}

// Grants takes seats out of the sale for an event's organizer, and gives them away.
type Grants interface {
	// Grant blocks seats or gives them away; NotFound unless the caller organizes the event.
	// Idempotency keys work as for Hold.
	Grant(ctx context.Context, caller caller.Caller, key string, g Grant) (Booking, error)
	// GiveTo sets the recipient of complimentary seats that belong to no account, and has
	// the order's link mailed to the address. It is mailed to the same address again only
	// if mailed is when it was mailed last (µs since 1970). A different address gets a
	// new link, and new codes of the tickets.
	GiveTo(ctx context.Context, caller caller.Caller, bookingID string, to caller.Person, mailed int64) error
	// Recipients returns the recipients of gifts that belong to no account, by booking id.
	Recipients(ctx context.Context, bookingIDs []string) (map[string]Recipient, error)
	// GiftsDue lists ids, greater than after, of gifts whose link has to be mailed, in
	// ascending order.
	GiftsDue(ctx context.Context, after string, limit int) ([]string, error)
	// GiftDue returns what the mail about a gift needs. due is false when the gift was
	// mailed or cancelled in the meantime.
	GiftDue(ctx context.Context, bookingID string) (g Gift, due bool, err error)
	// GiftMailed records that a gift, as returned by GiftDue, was mailed. The gift stays
	// due if its link or address has changed since.
	GiftMailed(ctx context.Context, g Gift) error
}

// Reports are an organizer's figures. They return NotFound when the event has no sale.
type Reports interface {
	// Figures returns what an event has sold. It may be out of date by ten times as long
	// as counting takes: a second or two for 40,000 bookings during a sale.
	Figures(ctx context.Context, eventID string) (Figures, error)
	// SectionFigures counts the seats of each section by state, in the order of the plan.
	SectionFigures(ctx context.Context, eventID string) ([]SectionFigure, error)
	// Pace returns how many bookings were paid in each minute, oldest first.
	Pace(ctx context.Context, eventID string) (Pace, error)
	// Latest returns the bookings that were paid or cancelled last, latest change first.
	Latest(ctx context.Context, eventID string, limit int) ([]Booking, error)
	// ByReference returns an event's bookings that have the given reference.
	ByReference(ctx context.Context, eventID, reference string) ([]Booking, error)
}

// One reads one id with a read of many. If the result lacks the id, the error is
// NotFound and calls the missing thing what.
func One[T any](ctx context.Context, read func(context.Context, []string) (map[string]T, error), what, id string) (T, error) {
	found, err := read(ctx, []string{id})
	v, ok := found[id]
	if err == nil && !ok {
		err = errs.Missing(what)
	}
	return v, err
}
