package demo

import (
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
)

// file returns the demo's events as a file to import. Its source ids contain the day:
// a demo that is started tomorrow has new events.
func file(now time.Time) ([]byte, error) {
	return codec.Marshal(map[string]any{"boxoffice": 1, "events": events(now)})
}

// event is an event of the demo in the import format.
func event(now time.Time, key, title, category, description, venue, city, country, zone, template string, seats int, days int, clock, currency string, prices map[string]int64) map[string]any {
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
		"currency": currency, "tiers": tiers, "status": eventapi.OnSale,
	}
}

// events are those of the demo.
func events(now time.Time) []map[string]any {
	arena := map[string]int64{"Floor": 12_900, "Lower level": 8_900, "Upper level": 4_900}
	house := map[string]int64{"Premium": 9_500, "Stalls": 6_500, "Circle": 4_500, "Balcony": 2_900}
	stadium := map[string]int64{"Lower tier": 11_000, "Middle tier": 7_500, "Upper tier": 3_900}
	list := []map[string]any{
		event(now, "arena", "Aurora Lines: The Northern Tour", "Music", "The big one: an arena in the round, on sale now.", "Harbour Arena", "Hamburg", "DE", "Europe/Berlin", "arena", 20_000, 45, "20:00", "EUR", arena),
		event(now, "soon", "Paper Satellites", "Music", "The sale opens a few minutes after the server has started.", "Harbour Arena", "Hamburg", "DE", "Europe/Berlin", "arena", 12_000, 60, "19:30", "EUR", arena),
		event(now, "theatre", "A Midsummer Night's Dream", "Theatre", "Curved rows, a circle and a balcony.", "Old Town Theatre", "Vienna", "AT", "Europe/Vienna", "theatre", 1_060, 12, "19:30", "EUR", house),
		event(now, "club", "Night Shift: Modular Live", "Music", "A standing floor, and a small balcony with seats.", "Cellar Club", "Lisbon", "PT", "Europe/Lisbon", "club", 400, 5, "22:00", "EUR", map[string]int64{"Standing": 2_400, "Balcony": 3_900}),
		event(now, "soldout", "Quiet Evening with Strings", "Music", "Sold out, down to the last seat.", "Chamber Hall", "Prague", "CZ", "Europe/Prague", "theatre", 60, 20, "19:00", "CZK", map[string]int64{"Premium": 190_000, "Stalls": 130_000, "Circle": 90_000, "Balcony": 60_000}),
		event(now, "past", "Winter Opening Gala", "Theatre", "This one is over.", "Old Town Theatre", "Vienna", "AT", "Europe/Vienna", "theatre", 1_060, -10, "19:00", "EUR", house),
		event(now, "stadium", "City Derby", "Sports", "A bowl in three tiers.", "Riverside Stadium", "Leeds", "GB", "Europe/London", "stadium", 40_000, 30, "15:00", "GBP", stadium),
		event(now, "tokyo", "Neon Orchestra", "Music", "Prices in a currency without cents.", "Bay Hall", "Tokyo", "JP", "Asia/Tokyo", "theatre", 2_000, 75, "18:30", "JPY", map[string]int64{"Premium": 14_800, "Stalls": 9_800, "Circle": 6_800, "Balcony": 4_500}),
		event(now, "kuwait", "Desert Winds Ensemble", "Music", "Prices in a currency with three decimals.", "Pearl Theatre", "Kuwait City", "KW", "Asia/Kuwait", "theatre", 800, 33, "20:30", "KWD", map[string]int64{"Premium": 28_000, "Stalls": 19_500, "Circle": 14_250, "Balcony": 8_750}),
		event(now, "comedy", "Stand-up Saturday", "Comedy", "Six comedians, one microphone.", "Brick Lane Rooms", "London", "GB", "Europe/London", "club", 180, 9, "20:00", "GBP", map[string]int64{"Standing": 1_500, "Balcony": 2_200}),
		event(now, "ballet", "Swan Lake", "Dance", "Four acts, two intervals.", "Grand Opera House", "Budapest", "HU", "Europe/Budapest", "theatre", 1_200, 52, "18:00", "HUF", map[string]int64{"Premium": 2_400_000, "Stalls": 1_600_000, "Circle": 1_100_000, "Balcony": 600_000}),
		event(now, "family", "The Paper Dragon", "Family", "For everybody from four years on.", "Park Stage", "Zurich", "CH", "Europe/Zurich", "theatre", 300, 15, "15:00", "CHF", house),
	}
	list[1]["sale_opens_at"] = now.Add(5 * time.Minute).UTC().Truncate(time.Minute).Format(time.RFC3339)
	return list
}
