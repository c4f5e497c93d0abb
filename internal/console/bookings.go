package console

import (
	"context"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Figures are what the console needs of the booking service to count.
type Figures interface {
	Counts(ctx context.Context, eventIDs []string) (map[string]bookingapi.Counts, error)
	Figures(ctx context.Context, eventID string) (bookingapi.Figures, error)
	SectionFigures(ctx context.Context, eventID string) ([]bookingapi.SectionFigure, error)
	Pace(ctx context.Context, eventID string) (bookingapi.Pace, error)
}

// Bookings are what the console needs of the booking service to find bookings.
type Bookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	Latest(ctx context.Context, eventID string, limit int) ([]bookingapi.Booking, error)
	ByReference(ctx context.Context, eventID, reference string) ([]bookingapi.Booking, error)
}

// Orders are what the console needs of the booking service to show bookings.
type Orders interface {
	Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error)
	SoldUnder(ctx context.Context, b *bookingapi.Booking) (bookingapi.Sale, error)
	Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error)
	LinksFor(ctx context.Context, caller caller.Caller, list []bookingapi.Booking) (map[string]string, error)
}

// Seats is what the console needs of the booking service to block seats, give them
// away, and put them back on sale.
type Seats interface {
	Grant(ctx context.Context, caller caller.Caller, key string, g bookingapi.Grant) (bookingapi.Booking, error)
	GiveTo(ctx context.Context, caller caller.Caller, bookingID string, to caller.Person, mailed int64) error
	Cancel(ctx context.Context, caller caller.Caller, c bookingapi.Cancellation) (bookingapi.Booking, error)
	Named(ctx context.Context, eventID string, labels []string) ([]bookingapi.Place, error)
	CancelFor(ctx context.Context, caller caller.Caller, c bookingapi.OrganizerCancellation) (bookingapi.Booking, error)
	GiveBack(ctx context.Context, caller caller.Caller, g bookingapi.Goodwill) (bookingapi.Booking, error)
	Reseat(ctx context.Context, caller caller.Caller, r bookingapi.Reseating) (bookingapi.Booking, error)
	ReasonsOf(ctx context.Context, bookingID string) ([]bookingapi.Reason, error)
}

// Refunds is what the console needs of the payment service.
type Refunds interface {
	// Refunds returns the money of events that was or will be refunded, by event id.
	Refunds(ctx context.Context, eventIDs []string) (map[string]paymentapi.Refunds, error)
}

// People are the accounts of buyers.
type People interface {
	// People returns the names and addresses of accounts, by id; unknown ids are
	// left out.
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
	// ByEmail returns the ids of the accounts with an e-mail address.
	ByEmail(ctx context.Context, email string) ([]string, error)
}

// Booking is a booking with its seats by name and the buyer's name.
type Booking struct {
	bookingapi.Booking // as it is stored: an Order of a gift names no payment
	Reference          string
	Kind               string // bookingapi.Sold, Block or Complimentary
	Places             []bookingapi.Place
	Person             caller.Person // the buyer, or the recipient of complimentary seats
	Mailed             int64         // when the link of a gift was mailed, µs since 1970; 0: not yet
	Other              string        // paid in the other mode than this program's: real or test; "" where that is not shown
	Link               string        // of a gift, for readers who may pass it on; "": none, or not in this list
}

// foundAtMost is how many bookings of an account are shown.
const foundAtMost = 50

// find finds bookings of an event by reference or e-mail address.
func (c *Console) find(ctx context.Context, eventID, text string) ([]Booking, error) {
	if !strings.Contains(text, "@") {
		reference := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
		if len(reference) != 8 {
			return nil, nil
		}
		return c.named(ctx, func() ([]bookingapi.Booking, error) {
			return c.Bookings.ByReference(ctx, eventID, reference[:4]+"-"+reference[4:])
		})
	}
	return c.named(ctx, func() ([]bookingapi.Booking, error) {
		accounts, err := c.People.ByEmail(ctx, text)
		var list []bookingapi.Booking
		for _, userID := range accounts {
			some, err := c.Bookings.List(ctx, bookingapi.Filter{UserID: userID, EventID: eventID, Limit: foundAtMost})
			if err != nil {
				return nil, err
			}
			list = append(list, some...)
		}
		return list, err
	})
}

// named reads bookings, and adds the names of their seats and buyers.
func (c *Console) named(ctx context.Context, read func() ([]bookingapi.Booking, error)) ([]Booking, error) {
	list, err := read()
	if err != nil {
		return nil, err
	}
	var buyers, gifts []string
	for i := range list {
		buyers = append(buyers, list[i].UserID)
		if list[i].UserID == "" {
			gifts = append(gifts, list[i].ID)
		}
	}
	people, err := c.People.People(ctx, buyers)
	if err != nil {
		return nil, err
	}
	given := map[string]bookingapi.Recipient{}
	if len(gifts) > 0 {
		if given, err = c.Orders.Recipients(ctx, gifts); err != nil {
			return nil, err
		}
	}
	orders, err := c.Orders.Orders(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]Booking, len(orders))
	for i, o := range orders {
		out[i] = Booking{Booking: list[i], Reference: o.Reference, Kind: o.Kind, Places: o.Places, Person: people[o.UserID]}
		if to, ok := given[o.ID]; ok {
			out[i].Person, out[i].Mailed = to.Person, to.MailedAt
		}
	}
	return out, nil
}

// putBack puts blocked or complimentary seats on sale again. It is NotFound for a
// booking that was paid for.
func (c *Console) putBack(ctx context.Context, caller caller.Caller, bookingID string) error {
	b, err := bookingapi.One(ctx, c.Bookings.Bookings, "booking", bookingID)
	if err == nil && b.PriceVersion != bookingapi.FreeOfCharge {
		err = errs.Missing("booking")
	}
	if err == nil {
		_, err = c.Seats.Cancel(ctx, caller, bookingapi.Cancellation{BookingID: bookingID})
	}
	return err
}
