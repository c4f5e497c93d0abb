package console

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Services are what the console needs of the ticket office.
type Services struct {
	Events   Events
	Figures  Figures
	Bookings Bookings
	Orders   Orders
	Seats    Seats
	Refunds  Refunds
	People   People
}

// Events makes and changes events.
type Events interface {
	// Events are a page of those that a caller organizes, an admin: of all.
	Events(ctx context.Context, caller caller.Caller, s Search) (List, error)
	// Event is an event that a caller may see.
	Event(ctx context.Context, caller caller.Caller, id string) (eventapi.Event, error)
	// Check is what Create would say: the tiers with their all-in prices.
	Check(ctx context.Context, caller caller.Caller, d *Draft) ([]seating.Tier, error)
	// Create makes an event. The same key and draft come to the same event.
	Create(ctx context.Context, caller caller.Caller, key string, d *Draft) (id string, err error)
	// Change makes an event what a draft says; Precondition when it has another
	// version by now.
	Change(ctx context.Context, caller caller.Caller, id string, version int64, d *Draft) error
	// Turn changes how an event's sale stands.
	Turn(ctx context.Context, caller caller.Caller, id string, version int64, to Turn) error
	Cancel(ctx context.Context, caller caller.Caller, id string) error
	// Used are the venues and plans of a caller's events, those used last first.
	Used(ctx context.Context, caller caller.Caller) ([]eventapi.Venue, []Plan, error)
	// Plan is the seating plan of a choice.
	Plan(ctx context.Context, choice Plan) (*seating.Plan, error)
	// KeepPlan stores the plan of an uploaded file.
	KeepPlan(ctx context.Context, caller caller.Caller, name string, data []byte) (Plan, error)
}

// Search says which events are listed.
type Search struct {
	Status string // upcoming, draft, past, cancelled
	Text   string
	Cursor string
}

// List is a page of events.
type List struct {
	Events []eventapi.Event
	Next   string           // cursor of the next page; "": this is the last
	Counts map[string]int64 // all events by status, whatever was searched for
	Opens  *eventapi.Event  // whose sale opens next; nil: none
}

// Plan is a choice of seats: a template with a number, or a stored plan.
type Plan struct {
	Template string
	Seats    int
	Name, ID string
	Version  int64
}

// Turn is a step of a sale.
type Turn string

// The steps.
const (
	Publish Turn = "publish"  // a draft is seen by all
	Open    Turn = "open"     // on sale, from its opening time on
	OpenNow Turn = "open-now" // on sale at once
	Pause   Turn = "pause"    // published, not for sale for the moment
	Close   Turn = "close"    // the sale ends now
)

// Draft is an event as its form gives it. Times are local in the event's zone,
// such as 2027-03-01T20:00; amounts are minor units of Currency.
type Draft struct {
	Title, Description, Category string
	Time, Date                   string // one of them, or none: to be announced
	EndTime, EndDate             string // the one that goes with Time or Date; "": unknown
	Venue                        eventapi.Venue
	Plan                         Plan
	Currency                     string
	Tiers                        []Tier
	Rules                        *seating.FeeRules // nil: tiers have all-in prices
	Opens, Closes, Refunds       string
	Limit                        int32
	HoldMinutes                  int64
	Unverified                   bool // buyers need no verified e-mail address
	Publish                      bool // a draft becomes published
}

// Tier is a price of a draft.
type Tier struct {
	Name                 string
	Amount               int64 // face value if the draft has rules, else all-in
	Categories, Sections []string
}
