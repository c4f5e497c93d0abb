package shop

import (
	"strings"
	"time"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
)

// structured describes an event for search engines (schema.org's Event).
func (s *Shop) structured(v *page.Visit, p *eventView) any {
	e := p.Event
	place := map[string]any{"@type": "Place", "name": e.Venue.Name, "address": address(&e.Venue)}
	doc := map[string]any{
		"@context": "https://schema.org", "@type": "Event", "@id": v.URL(p.Path), "url": v.URL(p.Path),
		"name": e.Title, "description": e.Description, "location": place,
		"image":               []string{v.URL("/e/" + e.ID + "/og.png")},
		"eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
		"eventStatus":         "https://schema.org/" + eventStatus(p),
		"organizer":           map[string]any{"@type": "Organization", "name": "boxoffice", "url": v.URL("/")},
	}
	switch {
	case !e.Starts.IsZero():
		doc["startDate"] = e.Starts.Format(time.RFC3339)
	case e.Date != "":
		doc["startDate"] = e.Date
	}
	switch {
	case !e.Ends.IsZero():
		doc["endDate"] = e.Ends.Format(time.RFC3339)
	case e.EndDate != "":
		doc["endDate"] = e.EndDate
	}
	for _, c := range p.Changes {
		if c.Field == "event_time" && c.From != "" {
			doc["previousStartDate"] = c.From
		}
	}
	if e.Priced() {
		doc["offers"] = offers(v, p)
	}
	return doc
}

func eventStatus(p *eventView) string {
	if p.Event.Status == eventapi.Cancelled {
		return "EventCancelled"
	}
	for _, c := range p.Changes {
		if c.Field == "event_time" {
			return "EventRescheduled"
		}
	}
	return "EventScheduled"
}

func address(v *eventapi.Venue) map[string]any {
	out := map[string]any{"@type": "PostalAddress"}
	for name, value := range map[string]string{"streetAddress": v.Address, "addressLocality": v.City, "addressCountry": v.Country} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

func offers(v *page.Visit, p *eventView) map[string]any {
	e := p.Event
	availability := map[eventapi.SaleState]string{
		eventapi.SaleOn: "InStock", eventapi.SaleSoldOut: "SoldOut",
		eventapi.SaleSoon: "PreOrder", eventapi.SaleAnnounced: "PreOrder", eventapi.SalePaused: "PreOrder",
	}[p.State]
	if availability == "" {
		availability = "OutOfStock"
	}
	if p.Few {
		availability = "LimitedAvailability"
	}
	decimal := func(minor int64) string {
		number, _, _ := strings.Cut(money.Format(minor, e.Prices.Currency), " ")
		return number
	}
	out := map[string]any{
		"@type": "AggregateOffer", "url": v.URL(p.Path), "priceCurrency": e.Prices.Currency, "availability": "https://schema.org/" + availability,
		"lowPrice": decimal(e.From), "highPrice": decimal(e.To), "offerCount": len(e.Prices.Tiers),
	}
	if !p.Opens.IsZero() {
		out["validFrom"] = p.Opens.Format(time.RFC3339)
	}
	if !p.Closes.IsZero() {
		out["validThrough"] = p.Closes.Format(time.RFC3339)
	}
	return out
}
