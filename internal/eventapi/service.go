package eventapi

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/seating"
)

// Service is what others may ask of the event service. Consumers declare the few
// methods that they need; the suite in eventtest tests all of them.
//
// Errors carry a kind and a slug (package errs). NotFound: there is no such event, or
// the caller may not know of it. Unauthenticated (sign-in-required) and Forbidden
// (organizers-only): only organizers may do this. Invalid: fields are named, at most
// 20. Precondition (changed-meanwhile): the event has another version than the caller
// has seen. Conflict: event-cancelled, plan-in-use, currency-in-use, seats-taken.
type Service interface {
	Reader
	Organizer

	// Plan is a version of a seating plan, and Prices one of an event's prices. Both
	// never change, and are shared: callers must not modify them.
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)

	// HasOpen reports whether an organizer has drafts, or events that are neither
	// past nor cancelled.
	HasOpen(ctx context.Context, organizerID string) (bool, error)
	// CancelOpen cancels those events of an organizer.
	CancelOpen(ctx context.Context, organizerID string) error
}

// Reader reads events. Where nothing else is said, plan, prices and terms are those
// by which seats are sold, which may lag behind the organizer's last change.
type Reader interface {
	// Event is an event that a caller may see.
	Event(ctx context.Context, c caller.Caller, id string) (Event, error)
	// Events are events by id, whoever may see them, as they were last changed. Free
	// seats are not counted: all count as free. Unknown ids are left out.
	Events(ctx context.Context, ids []string) (map[string]Event, error)
	// List lists events in the order in which they take place.
	List(ctx context.Context, c caller.Caller, f Filter) (Page, error)
	// Search finds events that have all words of the filter's text, those with the
	// words in their title first.
	Search(ctx context.Context, c caller.Caller, f Filter) (Found, error)
	// Changes are the changes of events since they were announced, oldest first, by
	// event id.
	Changes(ctx context.Context, ids []string) (map[string][]Change, error)
	// MapPages are the ids that begin the pages of a site map of coming events, size
	// events a page; MapPage is the page that an id begins ("": the first).
	MapPages(ctx context.Context, size int) ([]string, error)
	MapPage(ctx context.Context, from string, size int) ([]Listed, error)
}

// Organizer makes and changes events. Changes answer the event as it is then. It is
// Pending while its sale does not follow yet; that happens by itself.
type Organizer interface {
	// OwnEvent is an event that the caller organizes, as it was last changed.
	OwnEvent(ctx context.Context, c caller.Caller, id string) (Event, error)
	// Summary counts the events that the caller organizes; an administrator, all.
	Summary(ctx context.Context, c caller.Caller) (Summary, error)
	// Used are the venues and plans of the caller's events, the last used first.
	Used(ctx context.Context, c caller.Caller) ([]Venue, []StoredPlan, error)

	// Check checks a new event without making it, and answers its tiers with their
	// all-in prices.
	Check(ctx context.Context, c caller.Caller, n NewEvent) ([]seating.Tier, error)
	// Create makes an event. The same key and event of a caller make one event,
	// however often they are sent; "" is no key.
	Create(ctx context.Context, c caller.Caller, key string, n NewEvent) (Event, error)
	// Update changes some fields of an event. A version of 0 is any.
	Update(ctx context.Context, c caller.Caller, id string, version int64, u Update) (Event, error)
	// Replace makes an event what a form says. What the form leaves as it is does not
	// change: the same prices keep their version.
	Replace(ctx context.Context, c caller.Caller, id string, version int64, n NewEvent) (Event, error)
	// ChangeSale takes a step with the sale of an event.
	ChangeSale(ctx context.Context, c caller.Caller, id string, version int64, a SaleAction) (Event, error)
	// Cancel cancels an event for good. Its bookings are cancelled and refunded.
	Cancel(ctx context.Context, c caller.Caller, id string, version int64) (Event, error)

	// ChosenPlan is the plan of a choice; a plan that is not stored yet has no id.
	ChosenPlan(ctx context.Context, choice PlanChoice) (*seating.Plan, error)
	// StorePlan stores the one seating plan of a file in any format that can be
	// imported. Faults of the file are errors of the field plan.document.
	StorePlan(ctx context.Context, c caller.Caller, fileName string, data []byte) (StoredPlan, error)
}
