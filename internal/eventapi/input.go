package eventapi

import (
	"encoding/json"
	"time"

	"boxoffice/internal/seating"
)

// Attributes are an event's free-form attributes: any JSON object. The type is that of
// encoding/json, since huma knows its schema.
type Attributes = json.RawMessage

// NewEvent is an event as an organizer or an import file defines it: the body of
// POST /events, and the content of the console's form.
type NewEvent struct {
	Title            string            `json:"title" maxLength:"200" example:"Night of the Violins"`
	Description      string            `json:"description,omitempty" maxLength:"20000"`
	Category         string            `json:"category,omitempty" maxLength:"60" example:"Music"`
	EventTime        *string           `json:"event_time,omitempty" doc:"When the event begins: RFC 3339, or local time in the event's time zone such as 2027-03-01T20:00. null: to be announced." example:"2027-03-01T20:00:00+01:00"`
	EventDate        string            `json:"event_date,omitempty" maxLength:"10" doc:"Local date (YYYY-MM-DD), instead of event_time, if the time of day is not known yet." example:"2027-03-01"`
	EndTime          *string           `json:"end_time,omitempty" doc:"When the event ends: RFC 3339, or local time in the event's time zone. null: unknown." example:"2027-03-01T22:30:00+01:00"`
	EndDate          string            `json:"end_date,omitempty" maxLength:"10" doc:"Local date of the last day (YYYY-MM-DD), instead of end_time, if the event lasts several days or the time of day is not known." example:"2027-03-03"`
	TimeZone         string            `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name of the event's time zone. Default: the venue's." example:"Europe/Berlin"`
	Venue            NewVenue          `json:"venue"`
	Plan             PlanChoice        `json:"plan"`
	Currency         string            `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217 code." example:"EUR"`
	Price            *int64            `json:"price,omitempty" doc:"One all-in price for all seats, in minor units of the currency."`
	Tiers            []NewTier         `json:"tiers,omitempty" maxItems:"100" doc:"Prices by section or category, instead of price."`
	FeeRules         *FeeRules         `json:"fee_rules,omitempty" doc:"Rules that calculate each tier's all-in price from its face value."`
	SaleOpensAt      *time.Time        `json:"sale_opens_at,omitempty" doc:"When the sale opens (RFC 3339). Default: at once."`
	SaleClosesAt     *time.Time        `json:"sale_closes_at,omitempty" doc:"When the sale closes (RFC 3339). Default: when the event begins."`
	RefundableUntil  *time.Time        `json:"refundable_until,omitempty" doc:"Until when buyers can cancel (RFC 3339). Default: until the event begins. A time in the past means no refunds."`
	CancellationFees []CancellationFee `json:"cancellation_fees,omitempty" maxItems:"10" doc:"What you keep of the price of seats that buyers cancel, in steps. Before the first step nothing is kept. Default: nothing is ever kept."`
	Status           Status            `json:"status,omitempty" enum:"draft,published,on_sale" doc:"Initial status. Default: published."`
	LimitPerCustomer *int32            `json:"limit_per_customer,omitempty" doc:"Maximum number of held and booked seats per customer, 1 to 100. Default: 8."`
	HoldMinutes      *int64            `json:"hold_minutes,omitempty" doc:"How long seats are held, in minutes, 1 to 60. Default: 8."`
	UnverifiedBuyers *bool             `json:"unverified_buyers,omitempty" doc:"Whether buyers can pay before they have confirmed their email address. Default: false."`
	Attributes       Attributes        `json:"attributes,omitempty" doc:"Any JSON object of up to 32 KiB."`
}

// NewVenue is a venue as an organizer gives it.
type NewVenue struct {
	Name     string `json:"name" maxLength:"200"`
	Address  string `json:"address,omitempty" maxLength:"300"`
	City     string `json:"city,omitempty" maxLength:"100"`
	Country  string `json:"country,omitempty" maxLength:"2" doc:"Country code, ISO 3166-1 alpha-2." example:"DE"`
	TimeZone string `json:"time_zone" maxLength:"64" doc:"IANA name of the venue's time zone." example:"Europe/Berlin"`
}

// PlanChoice says which seats an event has. It names one of three: a template with a
// number of seats, a stored plan by id and version, or a plan document.
type PlanChoice struct {
	Template string                `json:"template,omitempty" enum:"theatre,arena,stadium,club"`
	Seats    int                   `json:"seats,omitempty" doc:"Only with template: the exact number of seats."`
	ID       string                `json:"id,omitempty" maxLength:"64"`
	Version  int64                 `json:"version,omitempty" doc:"Only with id: the version of the plan. Default: the latest."`
	Document *seating.PlanDocument `json:"document,omitempty"`
}

// NewTier is a price for some of the seats, as an organizer gives it.
type NewTier struct {
	Name       string   `json:"name" maxLength:"100"`
	Price      int64    `json:"price,omitempty" doc:"All-in price of a seat, in minor units of the currency." example:"6500"`
	Face       *int64   `json:"face,omitempty" doc:"Price before fee and tax, in minor units. Required instead of price if the event has fee_rules." example:"5000"`
	Fees       int64    `json:"fees,omitempty" doc:"Part of the price that is fees and tax, in minor units."`
	Sections   []string `json:"sections,omitempty" maxItems:"2000" doc:"Ids of the sections at this price. A section takes precedence over a category."`
	Categories []string `json:"categories,omitempty" maxItems:"100" doc:"Names of the plan's categories at this price. A tier without sections and categories applies to all seats."`
}

// CancellationFee is what an organizer keeps of each seat that its buyer cancels from a
// time on, until the next fee begins.
type CancellationFee struct {
	From     *time.Time `json:"from,omitempty" doc:"From when this is kept (RFC 3339). Only the first step may leave it out: it then applies from the beginning." example:"2027-02-01T00:00:00+01:00"`
	FeeRate  int64      `json:"fee_rate,omitempty" minimum:"0" maximum:"10000" doc:"Part of the seat's price, in hundredths of a percent: 2500 is 25 %." example:"2500"`
	FeeFixed int64      `json:"fee_fixed,omitempty" minimum:"0" doc:"Amount for each seat, in minor units of the currency, in addition to the rate. Together they are at most the price of the seat." example:"500"`
}

// FeeRules are an event's rules for fees and tax.
type FeeRules = seating.FeeRules

// Update is the body of PUT /events/{id}. Fields that are nil stay as they are.
type Update struct {
	Title            *string            `json:"title,omitempty" maxLength:"200" example:"Night of the Violins"`
	Description      *string            `json:"description,omitempty" maxLength:"20000" example:"Twelve violins, one night."`
	Category         *string            `json:"category,omitempty" maxLength:"60" example:"Music"`
	EventTime        *string            `json:"event_time,omitempty" doc:"When the event begins: RFC 3339, or local time in the event's time zone. Empty: to be announced. If it changes, buyers can return their seats." example:"2027-03-01T20:00:00+01:00"`
	EventDate        *string            `json:"event_date,omitempty" maxLength:"10" doc:"Local date (YYYY-MM-DD), instead of event_time. The time of day becomes unknown." example:"2027-03-01"`
	EndTime          *string            `json:"end_time,omitempty" doc:"When the event ends: RFC 3339, or local time in the event's time zone. Empty: unknown. If it is left out, the end moves along with event_time." example:"2027-03-01T22:30:00+01:00"`
	EndDate          *string            `json:"end_date,omitempty" maxLength:"10" doc:"Local date of the last day (YYYY-MM-DD), instead of end_time." example:"2027-03-03"`
	Venue            *NewVenue          `json:"venue,omitempty" doc:"Another venue. If it changes, buyers can return their seats."`
	Currency         *string            `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217 code. It cannot change while seats are taken." example:"EUR"`
	Price            *int64             `json:"price,omitempty" doc:"One all-in price for all seats, in minor units. It applies to later holds." example:"6500"`
	Tiers            []NewTier          `json:"tiers,omitempty" maxItems:"100" doc:"Prices by section or category. They apply to later holds."`
	FeeRules         *FeeRules          `json:"fee_rules,omitempty" doc:"Rules that calculate all-in prices from face values. They apply to later holds. Without tiers, the current face values stay."`
	Plan             *PlanChoice        `json:"plan,omitempty" doc:"Another seating plan. It cannot change while seats are taken."`
	SaleOpensAt      *time.Time         `json:"sale_opens_at,omitempty" doc:"When the sale opens (RFC 3339)."`
	SaleClosesAt     *time.Time         `json:"sale_closes_at,omitempty" doc:"When the sale closes (RFC 3339)."`
	RefundableUntil  *time.Time         `json:"refundable_until,omitempty" doc:"Until when buyers can cancel (RFC 3339)."`
	CancellationFees *[]CancellationFee `json:"cancellation_fees,omitempty" maxItems:"10" doc:"What you keep of the price of seats that buyers cancel, in steps. Empty: nothing. Buyers who have seats already keep the terms that are better for them."`
	Status           *Status            `json:"status,omitempty" enum:"draft,published,on_sale,cancelled" example:"on_sale"`
	LimitPerCustomer *int32             `json:"limit_per_customer,omitempty" doc:"Maximum number of held and booked seats per customer, 1 to 100." example:"8"`
	HoldMinutes      *int64             `json:"hold_minutes,omitempty" doc:"How long seats are held, in minutes, 1 to 60." example:"8"`
	UnverifiedBuyers *bool              `json:"unverified_buyers,omitempty" doc:"Whether buyers can pay before they have confirmed their email address."`
	Attributes       Attributes         `json:"attributes,omitempty" doc:"Any JSON object of up to 32 KiB. It replaces the previous one."`
}
