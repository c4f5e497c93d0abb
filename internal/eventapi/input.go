package eventapi

import (
	"encoding/json"
	"time"

	"boxoffice/internal/seating"
)

// NewEvent is an event as an organizer or an import file gives it: the body of
// POST /events, and what the form of the console is read into.
type NewEvent struct {
	Title            string          `json:"title" maxLength:"200" example:"Night of the Violins"`
	Description      string          `json:"description,omitempty" maxLength:"20000"`
	Category         string          `json:"category,omitempty" maxLength:"60" example:"Music"`
	EventTime        *string         `json:"event_time,omitempty" doc:"RFC 3339, or local time in the venue's zone such as 2027-03-01T20:00; null: to be announced." example:"2027-03-01T20:00:00+01:00"`
	EventDate        string          `json:"event_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD, when the time of day is not known yet." example:"2027-03-01"`
	EndTime          *string         `json:"end_time,omitempty" doc:"When the event ends: RFC 3339, or local time in the venue's zone; null: unknown." example:"2027-03-01T22:30:00+01:00"`
	EndDate          string          `json:"end_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD, instead of end_time: the last day, of an event of several days or when the time of day is not known." example:"2027-03-03"`
	TimeZone         string          `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name of the time zone; the venue's when it is left out." example:"Europe/Berlin"`
	Venue            NewVenue        `json:"venue"`
	Plan             PlanChoice      `json:"plan"`
	Currency         string          `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217 code." example:"EUR"`
	Price            *int64          `json:"price,omitempty" doc:"One all-in price for every seat, in minor units."`
	Tiers            []NewTier       `json:"tiers,omitempty" maxItems:"100" doc:"Instead of price: prices by section or category."`
	FeeRules         *FeeRules       `json:"fee_rules,omitempty" doc:"Make the all-in price of each tier's face value."`
	SaleOpensAt      *time.Time      `json:"sale_opens_at,omitempty" doc:"RFC 3339; at once when it is left out."`
	SaleClosesAt     *time.Time      `json:"sale_closes_at,omitempty" doc:"RFC 3339; when the event begins, if it is left out."`
	RefundableUntil  *time.Time      `json:"refundable_until,omitempty" doc:"RFC 3339: until then buyers may cancel for the money back; until the event begins, if it is left out. A time in the past: not at all."`
	Status           Status          `json:"status,omitempty" enum:"draft,published,on_sale" doc:"published when it is left out."`
	LimitPerCustomer *int32          `json:"limit_per_customer,omitempty" doc:"Live seats that one customer may have, 1 to 100; 8 when it is left out."`
	HoldMinutes      *int64          `json:"hold_minutes,omitempty" doc:"How long seats are held, 1 to 60 minutes; 8 when it is left out."`
	UnverifiedBuyers *bool           `json:"unverified_buyers,omitempty" doc:"Whether buyers can pay before they have confirmed their email address; false when it is left out."`
	Attributes       json.RawMessage `json:"attributes,omitempty" doc:"Any JSON object up to 32 KiB."`
}

// NewVenue is a venue as an organizer gives it.
type NewVenue struct {
	Name     string `json:"name" maxLength:"200"`
	Address  string `json:"address,omitempty" maxLength:"300"`
	City     string `json:"city,omitempty" maxLength:"100"`
	Country  string `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2." example:"DE"`
	TimeZone string `json:"time_zone" maxLength:"64" doc:"IANA name of the venue's time zone." example:"Europe/Berlin"`
}

// PlanChoice says which seats an event has. It names one of three: a template with a
// number of seats, a stored plan by id and version, or a plan document.
type PlanChoice struct {
	Template string                `json:"template,omitempty" enum:"theatre,arena,stadium,club"`
	Seats    int                   `json:"seats,omitempty" doc:"With template: exactly so many."`
	ID       string                `json:"id,omitempty" maxLength:"64"`
	Version  int64                 `json:"version,omitempty" doc:"With id; the latest when it is left out."`
	Document *seating.PlanDocument `json:"document,omitempty"`
}

// NewTier is a price for some of the seats, as an organizer gives it.
type NewTier struct {
	Name       string   `json:"name" maxLength:"100"`
	Price      int64    `json:"price,omitempty" doc:"All-in, minor units." example:"6500"`
	Face       *int64   `json:"face,omitempty" doc:"Instead of price, with fee_rules: before fee and tax, minor units." example:"5000"`
	Fees       int64    `json:"fees,omitempty" doc:"Part of price that is fees and tax, minor units."`
	Sections   []string `json:"sections,omitempty" maxItems:"2000" doc:"Ids of sections; a section wins over a category."`
	Categories []string `json:"categories,omitempty" maxItems:"100" doc:"Names of the plan's categories; without sections and categories the tier is for all seats."`
}

// FeeRules are an event's rules for fees and tax.
type FeeRules = seating.FeeRules

// Update is the body of PUT /events/{id}. Fields that are nil stay as they are.
type Update struct {
	Title            *string         `json:"title,omitempty" maxLength:"200" example:"Night of the Violins"`
	Description      *string         `json:"description,omitempty" maxLength:"20000" example:"Twelve violins, one night."`
	Category         *string         `json:"category,omitempty" maxLength:"60" example:"Music"`
	EventTime        *string         `json:"event_time,omitempty" doc:"RFC 3339, or local time in the event's zone; empty: to be announced. Buyers may give their seats back when it changes." example:"2027-03-01T20:00:00+01:00"`
	EventDate        *string         `json:"event_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD: the time of day becomes unknown." example:"2027-03-01"`
	EndTime          *string         `json:"end_time,omitempty" doc:"When the event ends: RFC 3339, or local time in the event's zone; empty: unknown. It moves along with event_time when it is left out." example:"2027-03-01T22:30:00+01:00"`
	EndDate          *string         `json:"end_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD, instead of end_time: the last day." example:"2027-03-03"`
	Venue            *NewVenue       `json:"venue,omitempty" doc:"Another place. Buyers may give their seats back."`
	Currency         *string         `json:"currency,omitempty" maxLength:"3" doc:"Refused once seats were taken." example:"EUR"`
	Price            *int64          `json:"price,omitempty" doc:"New price for later holds, minor units." example:"6500"`
	Tiers            []NewTier       `json:"tiers,omitempty" maxItems:"100" doc:"New prices for later holds."`
	FeeRules         *FeeRules       `json:"fee_rules,omitempty" doc:"New rules for later holds; without tiers they apply to the face values as they are."`
	Plan             *PlanChoice     `json:"plan,omitempty" doc:"Another seating plan; refused once seats were taken."`
	SaleOpensAt      *time.Time      `json:"sale_opens_at,omitempty" doc:"RFC 3339."`
	SaleClosesAt     *time.Time      `json:"sale_closes_at,omitempty" doc:"RFC 3339."`
	RefundableUntil  *time.Time      `json:"refundable_until,omitempty" doc:"RFC 3339: until then buyers may cancel for the money back."`
	Status           *Status         `json:"status,omitempty" enum:"draft,published,on_sale,cancelled" example:"on_sale"`
	LimitPerCustomer *int32          `json:"limit_per_customer,omitempty" doc:"Live seats that one customer may have, 1 to 100." example:"8"`
	HoldMinutes      *int64          `json:"hold_minutes,omitempty" doc:"How long seats are held, 1 to 60 minutes." example:"8"`
	UnverifiedBuyers *bool           `json:"unverified_buyers,omitempty" doc:"Whether buyers can pay before they have confirmed their email address."`
	Attributes       json.RawMessage `json:"attributes,omitempty" doc:"Any JSON object up to 32 KiB, instead of the one before."`
}
