package console

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// latestShown is how many bookings the live page shows.
const latestShown = 15

// standing is the state of an event's sale.
type standing struct {
	Event    *eventapi.Event
	State    eventapi.SaleState
	Currency string
	Counts   bookingapi.Counts
	Figures  bookingapi.Figures
	Sold     int64 // seats that were paid for
	Tiers    []tierRow
	Other    otherMoney
	Refunds  paymentapi.Refunds
	Backward bool // money goes back, or will
	Progress progress
	Chart    chart
	Hall     *hall
	Latest   []Booking
	Now      time.Time // in the event's zone
}

// Revenue is what was sold, without what was paid in the other mode.
func (s *standing) Revenue() int64 { return max(0, s.Figures.Amount-s.Other.Amount) }

// Paid is the number of paid bookings, without those that were paid in the other mode.
func (s *standing) Paid() int64 { return max(0, s.Figures.Bookings-s.Other.Bookings) }

// otherMoney is what was sold for test money while this program takes real money, or the
// other way round. The figures of the booking service include it, since it does not know.
type otherMoney struct {
	Bookings, Amount int64
	Name             string          // real or test
	of               map[string]bool // these bookings, and those that were cancelled since
}

// mark says of bookings that they were paid in the other mode.
func (m *otherMoney) mark(list []Booking) {
	for i := range list {
		if m.of[list[i].ID] {
			list[i].Other = m.Name
		}
	}
}

// otherMoney adds up what an event has sold in the other mode.
func (c *Console) otherMoney(v *page.Visit, eventID string) (m otherMoney, err error) {
	if m.Name = notifyapi.TestMoney; v.Test() {
		m.Name = notifyapi.RealMoney
	}
	if m.of, err = c.Payments.OtherMode(v.Context(), eventID); err != nil {
		return m, err
	}
	for ids := range slices.Chunk(slices.Collect(maps.Keys(m.of)), pageOfCSV) {
		found, err := c.Bookings.Bookings(v.Context(), ids)
		if err != nil {
			return m, err
		}
		for _, b := range found {
			if b.Status == bookingapi.Booked {
				m.Bookings++
				m.Amount += b.Amount
			}
		}
	}
	return m, nil
}

// tierRow holds the sales of a tier, including tiers without any.
type tierRow struct {
	bookingapi.TierFigure
	Current bool  // it is for sale
	Price   int64 // if it is
}

// progress shows how many refunds of a cancelled event are done.
type progress struct{ Done, Of int64 }

// sold returns the sales of an event; zero values before its sale is known.
func (c *Console) sold(v *page.Visit, e *eventapi.Event) (bookingapi.Counts, bookingapi.Figures, error) {
	counts, err := bookingapi.One(v.Context(), c.Figures.Counts, "event", e.ID)
	if errs.KindOf(err) == errs.NotFound {
		return bookingapi.Counts{Free: e.Total}, bookingapi.Figures{}, nil
	}
	if err != nil {
		return counts, bookingapi.Figures{}, err
	}
	f, err := c.Figures.Figures(v.Context(), e.ID)
	return counts, f, err
}

// standing collects all of this.
func (c *Console) standing(v *page.Visit, e *eventapi.Event) (*standing, error) {
	s := &standing{Event: e, State: e.SaleState(v.Now()), Currency: e.Prices.Currency}
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		zone = time.UTC
	}
	s.Now = v.Now().In(zone)
	if s.Counts, s.Figures, err = c.sold(v, e); err != nil {
		return nil, err
	}
	s.Sold = s.Figures.Seats
	s.Tiers = rowsOf(e, s.Figures.Tiers)
	ctx := v.Context()
	if s.Other, err = c.otherMoney(v, e.ID); err != nil {
		return nil, err
	}
	all, failed := c.Payments.Refunds(ctx, []string{e.ID})
	refunds := all[e.ID]
	pace, slow := c.Figures.Pace(ctx, e.ID)
	latest, lost := c.named(ctx, func() ([]bookingapi.Booking, error) { return c.Bookings.Latest(ctx, e.ID, latestShown) })
	if err := errors.Join(failed, lost); err != nil {
		return nil, err
	}
	if slow != nil && errs.KindOf(slow) != errs.NotFound {
		return nil, slow
	}
	s.Other.mark(latest)
	s.Refunds, s.Latest, s.Chart = refunds, latest, draw(v, pace, zone)
	s.Backward = refunds.Done.Count+refunds.Pending.Count+refunds.Failed.Count+refunds.Other.Count > 0
	if e.Status == eventapi.Cancelled {
		left := refunds.Pending.Count + s.Figures.Bookings
		s.Progress = progress{Done: refunds.Done.Count, Of: refunds.Done.Count + left}
	}
	s.Hall, err = c.hall(ctx, e)
	return s, err
}

// rowsOf joins the current tiers with the sales, which may include earlier prices.
func rowsOf(e *eventapi.Event, sold []bookingapi.TierFigure) []tierRow {
	var rows []tierRow
	seen := map[string]bool{}
	for _, t := range e.Prices.Tiers {
		row := tierRow{TierFigure: bookingapi.TierFigure{Name: t.Name}, Current: true, Price: t.Price}
		for _, f := range sold {
			if f.Name == t.Name && !seen[t.Name] {
				row.TierFigure = f
			}
		}
		seen[t.Name] = true
		rows = append(rows, row)
	}
	for _, f := range sold {
		if !seen[f.Name] {
			rows = append(rows, tierRow{TierFigure: f})
		}
	}
	return rows
}

// live shows an event's page.
func (c *Console) live(v *page.Visit, e *eventapi.Event) error {
	return c.showLive(v, e, &refusal{})
}

// showLive shows an event's page, with one of its forms if that was refused.
func (c *Console) showLive(v *page.Visit, e *eventapi.Event, r *refusal) error {
	s, err := c.standing(v, e)
	if err != nil {
		return err
	}
	data := map[string]any{"S": s, "Event": e, "State": s.State, "Form": r, "Turns": e.SaleActions(v.Now()), "Nonce": id.Token()}
	if _, data["Lists"], err = c.listOf(v.Context(), v, e, ""); err != nil {
		return err
	}
	wanted := strings.TrimSpace(v.Request.URL.Query().Get("booking"))
	if r.Booking != "" {
		wanted = id.Reference(r.Booking)
	}
	if wanted != "" {
		found, err := c.find(v.Context(), e.ID, wanted)
		if err != nil {
			return err
		}
		if err := c.addLinks(v, found); err != nil {
			return err
		}
		s.Other.mark(found)
		data["Wanted"], data["Found"] = wanted, found
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "live", page.Meta{Title: e.Title, NoIndex: true}, data)
}

// addLinks adds the links of complimentary seats that belong to no account.
func (c *Console) addLinks(v *page.Visit, found []Booking) error {
	var gifts []bookingapi.Booking
	for i := range found {
		if found[i].Kind == bookingapi.Complimentary && found[i].UserID == "" {
			gifts = append(gifts, found[i].Booking)
		}
	}
	links, err := c.Orders.LinksFor(v.Context(), v.Caller, gifts)
	for i := range found {
		if path := links[found[i].ID]; path != "" {
			found[i].Link = v.URL(path)
		}
	}
	return err
}

// figures serves the part of the live page that changes; scripts fetch it.
func (c *Console) figures(v *page.Visit, e *eventapi.Event) error {
	s, err := c.standing(v, e)
	if err != nil {
		return err
	}
	return v.ShowPart(c.set, "live", "figures", s)
}
