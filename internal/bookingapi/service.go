package bookingapi

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// Service is the booking service as other services and the pages may use it. In
// process it is *booking.Service; apart it is a client. Both pass the suite in
// package bookingtest. Consumers declare the few methods that they need.
//
// Reads are plural: many ids in, a map or a list out. An id that does not exist is
// missing in the map; it is no error. The one exception is Recent, which payments
// ask for on the purchase path: the service reads many of those together itself.
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
	Paying
	Accounts
	Grants
	Reports
	ledger.Source
}

// Sales is the booking side of events.
type Sales interface {
	// SetSales hands new states of sales to the writers, by event id. A state whose
	// EventVersion is not newer than the stored one is ignored. All are tried; the
	// first refusal is returned: Conflict plan-in-use, currency-in-use or
	// event-cancelled.
	SetSales(ctx context.Context, sales map[string]Sale) error
	// Sales is how events are sold now, by event id.
	Sales(ctx context.Context, eventIDs []string) (map[string]Sale, error)
	// Counts are the numbers of seats by state, by event id.
	Counts(ctx context.Context, eventIDs []string) (map[string]Counts, error)
}

// Seats is the seat map of one event. Each read is NotFound when there is no such
// event, or when it is a draft that is not the caller's. A free seat may be taken a
// moment later: only Buying.Hold decides.
type Seats interface {
	// Sections lists an event's sections, with prices and numbers of free seats.
	Sections(ctx context.Context, caller caller.Caller, eventID string) ([]SectionSeats, error)
	// Rows lists the seats of one section, row by row; none in general admission.
	// It is NotFound when there is no such section.
	Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]RowSeats, error)
	// Near proposes labels of free seats in place of chosen ones of which some are gone:
	// the chosen ones that are left, and others near them; none when there are too few.
	Near(ctx context.Context, eventID string, chosen, gone []string) ([]string, error)
	// Named are seats of the event's current plan by label, without prices. Unknown
	// labels are left out.
	Named(ctx context.Context, eventID string, labels []string) ([]Place, error)
}

// Bookings reads bookings as they are stored.
type Bookings interface {
	// Bookings are bookings by id, whoever they belong to.
	Bookings(ctx context.Context, ids []string) (map[string]Booking, error)
	// List is a page of bookings in the order of their ids.
	List(ctx context.Context, f Filter) ([]Booking, error)
	// Readable is a booking that the caller may read: its owner, the event's
	// organizer and admins, or anybody with the token of its signed link. It is
	// NotFound for others, and Unauthenticated without token and session.
	Readable(ctx context.Context, caller caller.Caller, bookingID, token string) (Booking, error)
	// Owned is one of the caller's own bookings; NotFound otherwise.
	Owned(ctx context.Context, caller caller.Caller, bookingID string) (Booking, error)
}

// Orders shows bookings to people: seats by name, and the links that open them.
type Orders interface {
	// Orders are bookings with their seats, prices and refund terms, in the order in
	// which they are given.
	Orders(ctx context.Context, list []Booking) ([]Order, error)
	// Links are the signed paths of orders' pages by booking id, for mails to their
	// owners.
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
	// LinksFor are the signed paths, by booking id, that a caller may pass on: the owner's
	// own, and the organizer's for gifts without an account. Others are left out.
	LinksFor(ctx context.Context, caller caller.Caller, list []Booking) (map[string]string, error)
	// RenewLink replaces a booking's link: the old one stops working on all nodes. seen
	// is the token that the caller means to replace; if it was replaced before, nothing
	// changes. "" replaces whichever is current. It is Forbidden (not-yours-to-change)
	// for those who may read the booking and must not have its link.
	RenewLink(ctx context.Context, caller caller.Caller, bookingID, seen string) (Booking, error)
	// Refund is what Cancel would give back now for seats of a booking, those with
	// these labels or all, in minor units. It is refused as Cancel would be.
	Refund(ctx context.Context, caller caller.Caller, bookingID string, labels []string) (int64, error)
}

// Buying is what a buyer does with seats.
type Buying interface {
	// Hold takes seats for a while: all or none. The same key, caller and request come to the
	// same booking, which may have ended by then; the same key with another
	// request is Invalid (idempotency-key-reused). Conflict seats-taken and
	// already-yours name the seats in "seats".
	Hold(ctx context.Context, caller caller.Caller, key string, r HoldRequest) (Booking, error)
	// Cancel gives up a hold or gives sold seats back, by the event's refund terms
	// unless an admin asks. Seats that were given back before are ignored. With a
	// Version that is not the booking's it is Precondition changed-meanwhile; after the
	// refund deadline Conflict refunds-over.
	Cancel(ctx context.Context, caller caller.Caller, c Cancellation) (Booking, error)
}

// Paying is what the payment service does with a booking.
type Paying interface {
	// Recent is a booking as it is now, whoever it belongs to; NotFound when there is
	// none. It may come from this node's memory when no other node can have changed it.
	Recent(ctx context.Context, bookingID string) (Booking, error)
	// Remembered is a booking as this node knows it, without asking anybody; another node may
	// have changed it since. An implementation without a memory answers false.
	Remembered(bookingID string) (Booking, bool)
	// Confirm turns a hold into a booking because its money is authorized; the same
	// payment may confirm again. Refusals of kind Conflict, Invalid, NotFound or
	// Forbidden are final; after any other error the outcome is unclear.
	Confirm(ctx context.Context, c Confirm) (Booking, error)
	// Extend lets a hold last ten minutes longer, once.
	Extend(ctx context.Context, bookingID string) error
	// CancelUnpaid makes sure that a payment does not pay for its booking: it takes the
	// booking back if this payment booked it, and ends its hold if nothing has. Nothing
	// is refunded.
	CancelUnpaid(ctx context.Context, bookingID, paymentID string) error
}

// Accounts is what accounts need to know of their bookings, and do with them.
type Accounts interface {
	// OfUser lists ids of a user's bookings in ascending order, beginning with from.
	OfUser(ctx context.Context, userID, from string, limit int) ([]string, error)
	// LatestOfUser lists ids of a user's bookings in descending order, and reports
	// whether there are more.
	LatestOfUser(ctx context.Context, userID string, limit int) (ids []string, more bool, err error)
	// HasLive reports whether a user has bookings that are held or sold, or whose hold
	// has ended while a payment for it may still arrive. Gifts do not count.
	HasLive(ctx context.Context, userID string) (bool, error)
	// Adopt gives the bookings of an account to another one of the same person. email is
	// the key of that account's verified address, for limits; zero: it has none. With
	// from equal to to, the bookings only count for the address. Holds that would break a
	// limit stay as they are: the error is then of kind Conflict or TooMany and names
	// them in "bookings". It may be called again.
	Adopt(ctx context.Context, from, to string, email caller.EmailKey) error
	// GiveUp ends a user's lapsed holds that could still be paid. If since is not 0
	// (µs since 1970), it also cancels what the user has held or bought since then, with
	// all money back, except for the events in spared. Gifts stay. It may be called again.
	GiveUp(ctx context.Context, userID string, since int64, spared []string) error
}

// Grants takes seats out of the sale for an event's organizer, and gives them away.
type Grants interface {
	// Grant blocks seats or gives them away; NotFound unless the caller organizes the event.
	// Keys work as for Hold.
	Grant(ctx context.Context, caller caller.Caller, key string, g Grant) (Booking, error)
	// GiveTo says whom complimentary seats without an account are for. The order's link is
	// mailed to the address; also again, if mailed is when it was mailed last (µs since
	// 1970). Another address gets a new link.
	GiveTo(ctx context.Context, caller caller.Caller, bookingID string, to caller.Person, mailed int64) error
	// Recipients are the people whom gifts without an account are for, by booking id.
	Recipients(ctx context.Context, bookingIDs []string) (map[string]Recipient, error)
	// GiftsDue lists ids of gifts whose link has to be mailed, in ascending order, after one.
	GiftsDue(ctx context.Context, after string, limit int) ([]string, error)
	// GiftDue is what the mail about a gift needs. due is false when it was mailed or
	// taken back in the meantime.
	GiftDue(ctx context.Context, bookingID string) (g Gift, due bool, err error)
	// GiftMailed notes that a gift was mailed, as GiftDue gave it. It stays due if it has
	// another link or address by now.
	GiftMailed(ctx context.Context, g Gift) error
}

// Reports are an organizer's figures. They are NotFound when the event has no sale.
type Reports interface {
	// Figures is what an event has sold. It may be late by ten times as long as
	// counting takes, which is a second or two for 40,000 bookings during a sale.
	Figures(ctx context.Context, eventID string) (Figures, error)
	// SectionFigures are the seats of each section by state, in the order of the plan.
	SectionFigures(ctx context.Context, eventID string) ([]SectionFigure, error)
	// Pace is how many bookings were paid in each minute, oldest first.
	Pace(ctx context.Context, eventID string) (Pace, error)
	// Latest are the bookings that were paid or cancelled last, latest change first.
	Latest(ctx context.Context, eventID string, limit int) ([]Booking, error)
	// ByReference are an event's bookings with a reference.
	ByReference(ctx context.Context, eventID, reference string) ([]Booking, error)
}

// One reads one id with a plural read. It is NotFound, as what, when the answer does
// not have the id.
func One[T any](ctx context.Context, read func(context.Context, []string) (map[string]T, error), what, id string) (T, error) {
	found, err := read(ctx, []string{id})
	v, ok := found[id]
	if err == nil && !ok {
		err = errs.Missing(what)
	}
	return v, err
}
