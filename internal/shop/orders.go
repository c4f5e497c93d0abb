package shop

import (
	"cmp"
	"context"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// Bookings are what the shop needs of the booking service to read bookings.
type Bookings interface {
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	Owned(ctx context.Context, caller caller.Caller, bookingID string) (bookingapi.Booking, error)
	Readable(ctx context.Context, caller caller.Caller, bookingID, token string) (bookingapi.Booking, error)
	Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error)
	Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error)
}

// BookedEvents reads the events of bookings, whether or not they are public.
type BookedEvents interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
	Changes(ctx context.Context, ids []string) (map[string][]eventapi.Change, error)
}

// LatestPayments reads payments.
type LatestPayments interface {
	// Latest returns the latest payments of bookings, by booking id. Bookings
	// without a payment are left out.
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
}

// Names reads the names of accounts.
type Names interface {
	// People returns names and addresses by id; unknown accounts are left out.
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Orders reads orders: bookings together with what other services know about them.
type Orders struct {
	Bookings Bookings
	Events   BookedEvents
	Payments LatestPayments
	People   Names
	Now      func() time.Time
}

const (
	ordersShown = 20                 // on a page
	ordersRead  = 2000               // at most, of one account
	readAtOnce  = 200                // bookings
	lapsedShown = 7 * 24 * time.Hour // how long expired holds that were never paid are listed
)

// page returns a page of a caller's orders, counted from 1, and the number of pages.
// Orders are sorted here because the booking service does not know the dates of
// events.
func (o *Orders) page(ctx context.Context, caller caller.Caller, number int) ([]Order, int, error) {
	list, err := o.listed(ctx, caller.UserID)
	if err != nil {
		return nil, 0, err
	}
	now := o.Now()
	slices.SortStableFunc(list, func(a, b Order) int { return byDate(&a, &b, now) })
	pages := max(1, (len(list)+ordersShown-1)/ordersShown)
	from := min((number-1)*ordersShown, len(list))
	list = list[from:min(from+ordersShown, len(list))]
	return list, pages, o.fill(ctx, list)
}

// listed returns the bookings of an account to be listed, with their events.
func (o *Orders) listed(ctx context.Context, userID string) ([]Order, error) {
	var list []Order
	var ids []string
	now := o.Now()
	f := bookingapi.Filter{UserID: userID, Limit: readAtOnce}
	for read := 0; read < ordersRead; {
		some, err := o.Bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, b := range some {
			if b.PaymentID == "" && b.Status != bookingapi.Booked && now.Sub(time.UnixMicro(b.CreatedAt)) > lapsedShown {
				continue
			}
			list = append(list, Order{Order: bookingapi.Order{Booking: b}})
			ids = append(ids, b.EventID)
		}
		if read += len(some); len(some) < f.Limit {
			break
		}
		f.After = some[len(some)-1].ID
	}
	return list, o.fillEvents(ctx, list, ids)
}

// fill adds seats and payments to orders that have their bookings.
func (o *Orders) fill(ctx context.Context, list []Order) error {
	bookings := make([]bookingapi.Booking, len(list))
	for i := range list {
		bookings[i] = list[i].Booking
	}
	orders, err := o.Bookings.Orders(ctx, bookings)
	if err != nil {
		return err
	}
	payments, err := o.Payments.Latest(ctx, sold(bookings))
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Order = orders[i]
		if p, ok := payments[list[i].ID]; ok {
			list[i].Payment = &p
		}
	}
	return nil
}

// with returns bookings with their events, seats and payments.
func (o *Orders) with(ctx context.Context, bookings []bookingapi.Booking) ([]Order, error) {
	list, ids := make([]Order, len(bookings)), make([]string, len(bookings))
	for i, b := range bookings {
		list[i].Booking, ids[i] = b, b.EventID
	}
	if err := o.fillEvents(ctx, list, ids); err != nil {
		return nil, err
	}
	return list, o.fill(ctx, list)
}

// fillEvents adds the events with these ids to orders.
func (o *Orders) fillEvents(ctx context.Context, list []Order, ids []string) error {
	slices.Sort(ids)
	events, err := o.Events.Events(ctx, slices.Compact(ids))
	for i := range list {
		var ok bool
		if list[i].Event, ok = events[list[i].EventID]; !ok && err == nil {
			err = errs.Missing("event")
		}
	}
	return err
}

// sold returns the ids of those bookings that cost money.
func sold(list []bookingapi.Booking) (ids []string) {
	for i := range list {
		if list[i].PriceVersion != bookingapi.FreeOfCharge {
			ids = append(ids, list[i].ID)
		}
	}
	return ids
}

// byDate sorts coming events by date, the next one first, and past events after
// them, the latest first. Events without a date sort as far in the future.
func byDate(a, b *Order, now time.Time) int {
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	when := func(o *Order) time.Time {
		if o.Event.Starts.IsZero() {
			if day, err := time.Parse(time.DateOnly, o.Event.Date); err == nil {
				return day
			}
			return far
		}
		return o.Event.Starts
	}
	switch up, too := a.Upcoming(now), b.Upcoming(now); {
	case up && too:
		return cmp.Or(when(a).Compare(when(b)), cmp.Compare(a.CreatedAt, b.CreatedAt))
	case up:
		return -1
	case too:
		return 1
	}
	return cmp.Or(when(b).Compare(when(a)), cmp.Compare(b.CreatedAt, a.CreatedAt))
}

// readable returns an order that the caller may read, or for which they have the
// token.
func (o *Orders) readable(ctx context.Context, caller caller.Caller, bookingID, token string) (Order, error) {
	b, err := o.Bookings.Readable(ctx, caller, bookingID, token)
	if err != nil {
		return Order{}, err
	}
	return o.Of(ctx, &b)
}

// Of returns the order of a booking, with everything that pages and mails say about
// it.
func (o *Orders) Of(ctx context.Context, b *bookingapi.Booking) (Order, error) {
	list := []Order{{Order: bookingapi.Order{Booking: *b}}}
	out := &list[0]
	var err error
	if out.Event, err = bookingapi.One(ctx, o.Events.Events, "event", b.EventID); err != nil {
		return Order{}, err
	}
	if err := o.fill(ctx, list); err != nil {
		return Order{}, err
	}
	if out.Changes, err = o.changes(ctx, out); err != nil {
		return Order{}, err
	}
	out.Holder, err = o.holder(ctx, b)
	return *out, err
}

// changes returns the changes of an order's event since it was booked.
func (o *Orders) changes(ctx context.Context, of *Order) ([]eventapi.Change, error) {
	since := time.UnixMicro(of.CreatedAt)
	if !of.Event.Changed.After(since) {
		return nil, nil
	}
	all, err := o.Events.Changes(ctx, []string{of.EventID})
	var later []eventapi.Change
	for _, c := range all[of.EventID] {
		if c.At.After(since) {
			later = append(later, c)
		}
	}
	return later, err
}

// holder returns the name of a booking's owner, or of the recipient of complimentary
// seats. It is empty for visitors who have gone.
func (o *Orders) holder(ctx context.Context, b *bookingapi.Booking) (string, error) {
	if b.UserID == "" {
		to, err := o.Bookings.Recipients(ctx, []string{b.ID})
		return to[b.ID].Name, err
	}
	owners, err := o.People.People(ctx, []string{b.UserID})
	return owners[b.UserID].Name, err
}

// purchase returns a caller's own booking, with its seats and the last attempt to
// pay.
func (o *Orders) purchase(ctx context.Context, caller caller.Caller, bookingID string) (Purchase, error) {
	b, err := o.Bookings.Owned(ctx, caller, bookingID)
	if err != nil {
		return Purchase{}, err
	}
	list := []Order{{Order: bookingapi.Order{Booking: b}}}
	if err := o.fill(ctx, list); err != nil {
		return Purchase{}, err
	}
	return Purchase{Booking: b, Reference: list[0].Reference, Places: list[0].Places, Payment: list[0].Payment, RefundsEnd: list[0].RefundsEnd, Refunds: list[0].Refunds}, nil
}

// holds returns a caller's holds for an event that have not expired.
func (o *Orders) holds(ctx context.Context, caller caller.Caller, eventID string) ([]Held, error) {
	list, err := o.Bookings.List(ctx, bookingapi.Filter{UserID: caller.UserID, EventID: eventID, HeldAt: o.Now().UnixMicro(), Limit: bookingapi.MaxPerPerson})
	if err != nil {
		return nil, err
	}
	orders, err := o.Bookings.Orders(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]Held, len(orders))
	for i := range orders {
		out[i] = Held{ID: orders[i].ID, Until: time.UnixMicro(orders[i].ExpiresAt).UTC()}
		for _, p := range orders[i].Places {
			out[i].Seats = append(out[i].Seats, p.Label)
		}
	}
	return out, nil
}

// Holding returns the reader's hold, for the header of all pages: of several, the
// one that expires first; nil: none.
func (o *Orders) Holding(ctx context.Context, reader caller.Caller) (*page.Holding, error) {
	list, err := o.Bookings.List(ctx, bookingapi.Filter{UserID: reader.UserID, HeldAt: o.Now().UnixMicro(), Limit: bookingapi.MaxPerPerson})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	first := slices.MinFunc(list, func(a, b bookingapi.Booking) int { return cmp.Compare(a.ExpiresAt, b.ExpiresAt) })
	return &page.Holding{ID: first.ID, Seats: len(first.Seats), Ends: time.UnixMicro(first.ExpiresAt).UTC()}, nil
}
