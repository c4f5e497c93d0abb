package eventapi

import (
	"encoding/json"
	"time"

	"boxoffice/internal/seating"
)

// Event is an event as pages show it.
type Event struct {
	ID          string
	OrganizerID string
	Title       string
	Description string
	Category    string
	Venue       Venue
	Starts      time.Time // in the event's zone; zero: to be announced, or only Date is known
	Date        string    // YYYY-MM-DD in the event's zone; "": to be announced
	Zone        string    // IANA name
	Status      string    // draft, published, on_sale, cancelled, past
	Paused      bool      // it is published again after it was on sale
	Opens       time.Time // of the sale; zero: at once
	Closes      time.Time // of the sale; zero: when the event begins
	RefundsEnd  time.Time // until then buyers may give seats back; zero: without an end
	Changed     time.Time // when time or venue changed last after it was announced; zero: never
	Ends        time.Time // in the event's zone; zero: unknown, or only EndDate is known
	EndDate     string    // YYYY-MM-DD in the event's zone, its last day; "": unknown
	Attributes  json.RawMessage

	Private          bool   // only its organizer may see it: nobody keeps it in a cache
	Pending          bool   // the sale does not follow its last change yet
	Refused          string // slug of the refusal, when its last change was refused after it was stored
	UnverifiedBuyers bool   // buyers need no verified e-mail address

	PlanID      string
	PlanVersion int64
	Prices      seating.Prices // Version 0: not priced yet
	From, To    int64          // lowest and highest all-in price, minor units of Prices.Currency
	Free, Total int32          // seats
	Seq         int64          // ledger version at which they were counted

	LimitPerCustomer int32
	HoldFor          time.Duration
	Version          int64
}

// Venue is a place where events are.
type Venue struct {
	ID, Name, Address, City string
	Country                 string // ISO 3166-1 alpha-2
	Zone                    string // IANA name
}

// Priced reports whether the event has prices.
func (e *Event) Priced() bool { return e.Prices.Version > 0 }

// Selling reports whether seats can be bought at a time.
func (e *Event) Selling(now time.Time) bool {
	return e.Status == string(OnSale) && !e.Opens.After(now) && (e.Closes.IsZero() || e.Closes.After(now))
}

// Waiting reports whether the sale has not opened yet at a time.
func (e *Event) Waiting(now time.Time) bool { return e.Status == string(OnSale) && e.Opens.After(now) }

// SaleState is how an event's sale stands at a time, in a word: draft,
// announced, soon, onsale, soldout, paused, closed, cancelled or past.
func (e *Event) SaleState(now time.Time) string {
	switch {
	case e.Status == "past" || e.Status == string(Cancelled) || e.Status == string(Draft):
		return e.Status
	case e.Waiting(now):
		return "soon"
	case e.Selling(now) && e.Free == 0:
		return "soldout"
	case e.Selling(now):
		return "onsale"
	case e.Status == string(OnSale):
		return "closed"
	case e.Paused:
		return "paused"
	}
	return "announced"
}
