package console

import (
	"context"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/webhookapi"
)

// Services are the parts of other services that the console uses.
type Services struct {
	Events   Events
	Editor   Editor
	Figures  Figures
	Bookings Bookings
	Orders   Orders
	Seats    Seats
	Issues   Issues
	Payments Payments
	People   People
	Webhooks webhookapi.Service
	Mails    notifyapi.Desk

	Announcements notifyapi.Announcer
	Invoices      invoiceapi.Service
	Money         paymentapi.Reconciliations
	Door          Door
}

// Issues says which ticket of a seat is the current one (see checkinapi.Issuing).
type Issues interface {
	Issues(ctx context.Context, bookingIDs []string) (map[string]map[int32]checkinapi.Issue, error)
	Reissue(ctx context.Context, c caller.Caller, token string, r checkinapi.ReissueRequest) (bookingapi.Order, map[int32]checkinapi.Issue, error)
}

// Events reads events (see eventapi.Organizer).
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
