package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/event/importer"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
)

// demo fills a database with events around today and prints the accounts to
// try them with. Done again, it gives the accounts new passwords and adds only
// what is missing.
func (p *Parts) demo(ctx context.Context, out io.Writer) error {
	if err := p.demoOnly(ctx); err != nil {
		return err
	}
	organizer, organizerPassword, err := p.Users.EnsureAccount(ctx, settings.DemoOrganizer, "Olivia Organizer", caller.Organizer)
	if err != nil {
		return err
	}
	buyer, buyerPassword, err := p.Users.EnsureAccount(ctx, "buyer@demo.example", "Ben Buyer", caller.Customer)
	if err != nil {
		return err
	}
	now := time.Now()
	body, err := json.Marshal(map[string]any{"boxoffice": 1, "events": demoEvents(now)})
	if err != nil {
		return err
	}
	// The day is part of the source ids: tomorrow there are new events.
	if _, err := p.Events.Import(ctx, []importer.File{{Name: "demo", Data: body}}, importer.Options{OrganizerID: organizer.ID}); err != nil {
		return err
	}
	if err := p.demoSales(ctx, buyer.ID, now); err != nil {
		return err
	}
	fmt.Fprintf(out, "demo accounts (e-mail, password):\n  buyer      buyer@demo.example      %s\n  organizer  organizer@demo.example  %s\n", buyerPassword, organizerPassword)
	return nil
}

// demoEvent is an event of the demo in the import format.
func demoEvent(now time.Time, key, title, category, description, venue, city, country, zone, template string, seats int, days int, clock, currency string, prices map[string]int64) map[string]any {
	z, err := time.LoadLocation(zone)
	if err != nil {
		z = time.UTC
	}
	day := now.In(z).AddDate(0, 0, days).Format(time.DateOnly)
	var tiers []map[string]any
	for _, t := range []string{"Premium", "Stalls", "Circle", "Balcony", "Floor", "Lower level", "Upper level", "Lower tier", "Middle tier", "Upper tier", "Standing"} {
		if price, ok := prices[t]; ok {
			tiers = append(tiers, map[string]any{"name": t, "price": price, "fees": price / 12, "categories": []string{t}})
		}
	}
	return map[string]any{
		"source_id": "demo-" + key + "-" + now.UTC().Format(time.DateOnly), "title": title, "category": category, "description": description,
		"venue":      map[string]any{"name": venue, "city": city, "country": country, "time_zone": zone},
		"event_time": day + "T" + clock, "plan": map[string]any{"template": template, "seats": seats},
		"currency": currency, "tiers": tiers, "status": "on_sale",
	}
}

func demoEvents(now time.Time) []map[string]any {
	arena := map[string]int64{"Floor": 12_900, "Lower level": 8_900, "Upper level": 4_900}
	house := map[string]int64{"Premium": 9_500, "Stalls": 6_500, "Circle": 4_500, "Balcony": 2_900}
	stadium := map[string]int64{"Lower tier": 11_000, "Middle tier": 7_500, "Upper tier": 3_900}
	list := []map[string]any{
		demoEvent(now, "arena", "Aurora Lines: The Northern Tour", "Music", "The big one: an arena in the round, on sale now.", "Harbour Arena", "Hamburg", "DE", "Europe/Berlin", "arena", 20_000, 45, "20:00", "EUR", arena),
		demoEvent(now, "soon", "Paper Satellites", "Music", "The sale opens a few minutes after the server has started.", "Harbour Arena", "Hamburg", "DE", "Europe/Berlin", "arena", 12_000, 60, "19:30", "EUR", arena),
		demoEvent(now, "theatre", "A Midsummer Night's Dream", "Theatre", "Curved rows, a circle and a balcony.", "Old Town Theatre", "Vienna", "AT", "Europe/Vienna", "theatre", 1_060, 12, "19:30", "EUR", house),
		demoEvent(now, "club", "Night Shift: Modular Live", "Music", "A standing floor, and a small balcony with seats.", "Cellar Club", "Lisbon", "PT", "Europe/Lisbon", "club", 400, 5, "22:00", "EUR", map[string]int64{"Standing": 2_400, "Balcony": 3_900}),
		demoEvent(now, "soldout", "Quiet Evening with Strings", "Music", "Sold out, down to the last seat.", "Chamber Hall", "Prague", "CZ", "Europe/Prague", "theatre", 60, 20, "19:00", "CZK", map[string]int64{"Premium": 190_000, "Stalls": 130_000, "Circle": 90_000, "Balcony": 60_000}),
		demoEvent(now, "past", "Winter Opening Gala", "Theatre", "This one is over.", "Old Town Theatre", "Vienna", "AT", "Europe/Vienna", "theatre", 1_060, -10, "19:00", "EUR", house),
		demoEvent(now, "stadium", "City Derby", "Sports", "A bowl in three tiers.", "Riverside Stadium", "Leeds", "GB", "Europe/London", "stadium", 40_000, 30, "15:00", "GBP", stadium),
		demoEvent(now, "tokyo", "Neon Orchestra", "Music", "Prices in a currency without cents.", "Bay Hall", "Tokyo", "JP", "Asia/Tokyo", "theatre", 2_000, 75, "18:30", "JPY", map[string]int64{"Premium": 14_800, "Stalls": 9_800, "Circle": 6_800, "Balcony": 4_500}),
		demoEvent(now, "kuwait", "Desert Winds Ensemble", "Music", "Prices in a currency with three decimals.", "Pearl Theatre", "Kuwait City", "KW", "Asia/Kuwait", "theatre", 800, 33, "20:30", "KWD", map[string]int64{"Premium": 28_000, "Stalls": 19_500, "Circle": 14_250, "Balcony": 8_750}),
		demoEvent(now, "comedy", "Stand-up Saturday", "Comedy", "Six comedians, one microphone.", "Brick Lane Rooms", "London", "GB", "Europe/London", "club", 180, 9, "20:00", "GBP", map[string]int64{"Standing": 1_500, "Balcony": 2_200}),
		demoEvent(now, "ballet", "Swan Lake", "Dance", "Four acts, two intervals.", "Grand Opera House", "Budapest", "HU", "Europe/Budapest", "theatre", 1_200, 52, "18:00", "HUF", map[string]int64{"Premium": 2_400_000, "Stalls": 1_600_000, "Circle": 1_100_000, "Balcony": 600_000}),
		demoEvent(now, "family", "The Paper Dragon", "Family", "For everybody from four years on.", "Park Stage", "Zurich", "CH", "Europe/Zurich", "theatre", 300, 15, "15:00", "CHF", house),
	}
	list[1]["sale_opens_at"] = now.Add(5 * time.Minute).UTC().Truncate(time.Minute).Format(time.RFC3339)
	return list
}

// demoSales sells the sold-out event and some seats of others, once.
func (p *Parts) demoSales(ctx context.Context, buyerID string, now time.Time) error {
	page, err := p.Events.List(ctx, caller.Caller{}, eventapi.Filter{Limit: 100})
	if err != nil {
		return err
	}
	for _, e := range page.Events {
		share := map[string]int32{"Quiet Evening with Strings": 100, "A Midsummer Night's Dream": 60, "Night Shift: Modular Live": 30, "Stand-up Saturday": 70}[e.Title]
		counts, err := bookingapi.One(ctx, p.Bookings.Counts, "event", e.ID)
		if err != nil {
			return err
		}
		want := counts.Free*share/100 - counts.Sold
		if counts.Sold > 0 || want <= 0 {
			continue
		}
		if err := p.demoSell(ctx, e, buyerID, want, now); err != nil {
			return fmt.Errorf("%s: %w", e.Title, err)
		}
	}
	return nil
}

// demoSell books seats for made-up buyers, best seats first.
func (p *Parts) demoSell(ctx context.Context, e eventapi.Event, buyerID string, want int32, now time.Time) error {
	for n := 0; want > 0; n++ {
		quantity := min(int(want), 1+n%4)
		fan := caller.Caller{UserID: fmt.Sprintf("demo-fan-%s-%d", buyerID, n), Role: caller.Customer, Verified: true}
		b, err := p.Bookings.Hold(ctx, fan, fmt.Sprintf("demo-%d", now.UnixNano()), bookingapi.HoldRequest{EventID: e.ID, Selection: bookingapi.Selection{Quantity: quantity}})
		if err != nil {
			return err
		}
		if _, err := p.Payments.Pay(ctx, fan, "", paymentapi.PayRequest{BookingID: b.ID, Method: paymentapi.SandboxOK}); err != nil {
			return err
		}
		want -= int32(quantity)
	}
	return nil
}

// demoOnly refuses a database that has accounts or events, but is not a demo's: a
// demo adds events and gives accounts passwords that it prints.
func (p *Parts) demoOnly(ctx context.Context) error {
	var accounts, events, organizers int
	err := p.DB.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events),
		(SELECT count(*) FROM users WHERE email = $1 AND role = 'organizer')`, settings.DemoOrganizer).Scan(&accounts, &events, &organizers)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if accounts+events > 0 && organizers == 0 {
		return settings.BadFlag("--demo", "this database is not a demo's (%s, %s): use an empty one, such as --data demo-data",
			settings.Counted(accounts, "account", "accounts"), settings.Counted(events, "event", "events"))
	}
	return nil
}
