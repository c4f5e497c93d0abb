package eventapi

import (
	"time"

	"boxoffice/internal/seating"
)

// Event is an event with its venue, its prices and its sale.
type Event struct {
	ID          string
	OrganizerID string // "": the house
	Title       string
	Description string
	Category    string
	Venue       Venue
	Starts      time.Time         // in the event's zone; zero: to be announced, or only Date is known
	Date        string            // YYYY-MM-DD in the event's zone; "": to be announced
	Ends        time.Time         // in the event's zone; zero: unknown, or only EndDate is known
	EndDate     string            // YYYY-MM-DD in the event's zone, its last day; "": unknown
	Over        time.Time         // when the event begins to count as past; zero: its date is not known
	Zone        string            // IANA name
	Status      Status            // as readers see it: also Past
	Paused      bool              // published again after it was on sale
	Opens       time.Time         // start of the sale; zero: at once
	Closes      time.Time         // end of the sale; zero: it has none
	RefundsEnd  time.Time         // deadline for giving seats back; zero: none
	CancelFees  []CancellationFee // what is kept of cancelled seats until RefundsEnd; the times are UTC
	Changed     time.Time         // when time or venue last changed after the event was announced; zero: never
	Attributes  Attributes

	Private          bool   // only its organizer may see it, so answers must not be cached
	Pending          bool   // the sale does not follow the last change yet
	Refused          string // slug of the error, if the booking side refused the last change
	UnverifiedBuyers bool   // buyers need no verified email address

	PlanID      string
	PlanVersion int64
	Prices      seating.Prices // Version 0: not priced yet
	From, To    int64          // lowest and highest all-in price, minor units of Prices.Currency
	Free, Total int32          // seats
	Seq         int64          // ledger version at which Free was counted

	LimitPerCustomer int32
	HoldFor          time.Duration
	Version          int64
}

// Venue is a place where events happen.
type Venue struct {
	ID      string `json:"id" example:"06a1b2c3d4e5f6g7"`
	Name    string `json:"name" example:"Old Town Theatre"`
	Address string `json:"address,omitempty" example:"Theaterplatz 1"`
	City    string `json:"city,omitempty" example:"Vienna"`
	Country string `json:"country,omitempty" doc:"Country code, ISO 3166-1 alpha-2." example:"AT"`
	Zone    string `json:"time_zone" doc:"IANA name of the venue's time zone." example:"Europe/Vienna"`
}

// Change is a change of an event's time or venue, of which its buyers are notified.
type Change struct {
	At    time.Time `json:"at" doc:"When the change was made (RFC 3339, UTC)." example:"2026-12-01T09:00:00Z"`
	Field string    `json:"field" enum:"event_time,end_time,venue" example:"event_time"`
	From  string    `json:"from" doc:"The previous value: a time (RFC 3339 with the event's offset), a local date (YYYY-MM-DD), or the venue's name and address in one line. Empty: to be announced." example:"2027-03-01T20:00:00+01:00"`
	To    string    `json:"to" doc:"The new value, in the same form. Empty: to be announced." example:"2027-03-02T20:00:00+01:00"`
}

// OverAt reports whether the event is past at a time, or cancelled.
func (e *Event) OverAt(at time.Time) bool {
	return e.Status == Cancelled || e.Status != Draft && !e.Over.IsZero() && e.Over.Before(at)
}

// Priced reports whether the event has prices.
func (e *Event) Priced() bool { return e.Prices.Version > 0 }

// Selling reports whether seats can be bought now.
func (e *Event) Selling(now time.Time) bool {
	return e.Status == OnSale && !e.Opens.After(now) && (e.Closes.IsZero() || e.Closes.After(now))
}

// Waiting reports whether the event is on sale, but the sale opens after now.
func (e *Event) Waiting(now time.Time) bool { return e.Status == OnSale && e.Opens.After(now) }

// SaleState is the state of an event's sale at a time.
func (e *Event) SaleState(now time.Time) SaleState {
	switch {
	case e.Status == Past || e.Status == Cancelled || e.Status == Draft:
		return SaleState(e.Status)
	case e.Waiting(now):
		return SaleSoon
	case e.Selling(now) && e.Free == 0:
		return SaleSoldOut
	case e.Selling(now):
		return SaleOn
	case e.Status == OnSale:
		return SaleClosed
	case e.Paused:
		return SalePaused
	}
	return SaleAnnounced
}
