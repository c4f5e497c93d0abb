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
	Editor   Editor
	Figures  Figures
	Bookings Bookings
	Orders   Orders
	Seats    Seats
	Refunds  Refunds
	People   People
}

// Events is what the console reads of the event service (see eventapi.Organizer).
type Events interface {
	OwnEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error)
	List(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Page, error)
	Summary(ctx context.Context, c caller.Caller) (eventapi.Summary, error)
	Used(ctx context.Context, c caller.Caller) ([]eventapi.Venue, []eventapi.StoredPlan, error)
	ChosenPlan(ctx context.Context, choice eventapi.PlanChoice) (*seating.Plan, error)
}

// Editor makes and changes events (see eventapi.Organizer).
type Editor interface {
	Check(ctx context.Context, c caller.Caller, n eventapi.NewEvent) ([]seating.Tier, error)
	Create(ctx context.Context, c caller.Caller, key string, n eventapi.NewEvent) (eventapi.Event, error)
	Replace(ctx context.Context, c caller.Caller, id string, version int64, n eventapi.NewEvent) (eventapi.Event, error)
	ChangeSale(ctx context.Context, c caller.Caller, id string, version int64, a eventapi.SaleAction) (eventapi.Event, error)
	Cancel(ctx context.Context, c caller.Caller, id string, version int64) (eventapi.Event, error)
	StorePlan(ctx context.Context, c caller.Caller, fileName string, data []byte) (eventapi.StoredPlan, error)
}
