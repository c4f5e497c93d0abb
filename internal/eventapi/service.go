package eventapi

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/seating"
)

// Service is the event service as other services and pages may use it. Consumers declare
// the few methods that they need; the suite in eventtest tests all of them.
//
// Errors carry a kind and a slug (package errs). NotFound: there is no such event, or
// the caller may not know about it. Unauthenticated (sign-in-required) and Forbidden
// (organizers-only): only organizers may do this. Invalid: names up to 20 fields.
// Precondition (changed-meanwhile): the event's version is not the one that the caller
// has seen. Conflict: event-cancelled, plan-in-use, currency-in-use, seats-taken.
type Service interface {
	Reader
	Organizer

	// Plan returns a version of a seating plan, and Prices one of an event's prices. Both
	// are immutable and shared: callers must not modify them.
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)

	// HasOpen reports whether an organizer has drafts, or events that are neither
	// past nor cancelled.
	HasOpen(ctx context.Context, organizerID string) (bool, error)
	// CancelOpen cancels those events of an organizer.
	CancelOpen(ctx context.Context, organizerID string) error
}

// Reader reads events. Unless a method says otherwise, plan, prices and terms are those
// by which seats are sold, which may lag behind the organizer's last change.
type Reader interface {
	// Event returns an event that the caller may see.
	Event(ctx context.Context, c caller.Caller, id string) (Event, error)
	// Events returns events by id, regardless of who may see them, as they were last
	// changed. Free seats are not counted: all seats count as free. Unknown ids are left
	// out.
	Events(ctx context.Context, ids []string) (map[string]Event, error)
	// List lists events in the order in which they take place.
	List(ctx context.Context, c caller.Caller, f Filter) (Page, error)
	// Search finds events that contain all words of the filter's text; those with the
	// words in their title come first.
	Search(ctx context.Context, c caller.Caller, f Filter) (Found, error)
	// Changes returns the changes of events since they were announced, oldest first, by
	// event id.
	Changes(ctx context.Context, ids []string) (map[string][]Change, error)
	// MapPages returns the first ids of the pages of a site map of upcoming events, with
	// size events a page; MapPage returns the page that begins with an id ("": the first).
	MapPages(ctx context.Context, size int) ([]string, error)
	MapPage(ctx context.Context, from string, size int) ([]Listed, error)
}

// Organizer creates and changes events. Changes return the event as it is afterwards. It
// is Pending until the sale has followed the change, which happens by itself.
type Organizer interface {
	// OwnEvent returns an event that the caller organizes, as it was last changed.
	OwnEvent(ctx context.Context, c caller.Caller, id string) (Event, error)
	// Summary counts the events that the caller organizes, for administrators all events.
	Summary(ctx context.Context, c caller.Caller) (Summary, error)
	// Used returns the venues and plans of the caller's events, most recently used first.
	Used(ctx context.Context, c caller.Caller) ([]Venue, []StoredPlan, error)

	// Check checks a new event without creating it, and returns its tiers with their
	// all-in prices.
	Check(ctx context.Context, c caller.Caller, n NewEvent) ([]seating.Tier, error)
	// Create creates an event. Repeated requests of a caller with the same key and event
	// create one event; "" is no key.
	Create(ctx context.Context, c caller.Caller, key string, n NewEvent) (Event, error)
	// Update changes some fields of an event. A version of 0 is any.
	Update(ctx context.Context, c caller.Caller, id string, version int64, u Update) (Event, error)
	// Replace sets all of an event to what a form says. Unchanged parts keep their
	// versions, for example equal prices.
	Replace(ctx context.Context, c caller.Caller, id string, version int64, n NewEvent) (Event, error)
	// ChangeSale carries out an action on the sale of an event.
	ChangeSale(ctx context.Context, c caller.Caller, id string, version int64, a SaleAction) (Event, error)
	// Cancel cancels an event for good. Its bookings are cancelled and refunded.
	Cancel(ctx context.Context, c caller.Caller, id string, version int64) (Event, error)

	// ChosenPlan returns the plan of a choice; a plan that is not stored yet has no id.
	ChosenPlan(ctx context.Context, choice PlanChoice) (*seating.Plan, error)
	// StorePlan stores the only seating plan of a file in any format that can be
	// imported. Faults of the file are errors of the field plan.document.
	StorePlan(ctx context.Context, c caller.Caller, fileName string, data []byte) (StoredPlan, error)
}
