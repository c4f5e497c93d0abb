package paymentapi

import (
	"context"

	"boxoffice/internal/caller"
)

// RefundJobs are the refunds of events as a job that organizers can pause.
type RefundJobs interface {
	// RefundJob tells how far the refunds of an event have got, with up to limit refunds
	// that have failed or are delayed, those after a seq. NotFound for all but the
	// event's organizer and admins.
	RefundJob(ctx context.Context, caller caller.Caller, eventID string, after int64, limit int) (RefundJob, error)
	// ChangeRefundJob pauses or resumes the refunds of a cancelled event, and has those
	// that have failed tried again. When it returns, no further refund is begun by any node.
	// Conflict event-not-cancelled: buyers of other events cannot be made to wait.
	// Precondition changed-meanwhile.
	ChangeRefundJob(ctx context.Context, caller caller.Caller, eventID string, c RefundJobChange) (RefundJob, error)
}

// RefundJobState is the state of an event's refunds.
type RefundJobState string

const (
	RefundsRunning RefundJobState = "running"
	RefundsPaused  RefundJobState = "paused"
	RefundsDone    RefundJobState = "done" // nothing is left to refund at present
)

// RefundJob is how far the refunds of an event have got.
type RefundJob struct {
	EventID  string         `json:"event_id" doc:"Id of the event."`
	State    RefundJobState `json:"state" enum:"running,paused,done" doc:"running: refunds are made. paused: nothing is refunded until the job is resumed. done: nothing is left to refund at present."`
	Currency string         `json:"currency,omitempty" doc:"Currency of the amounts." example:"EUR"`
	Owed     RefundFigure   `json:"owed" doc:"All refunds: those that are done, handled, failed and left."`
	Done     RefundFigure   `json:"done" doc:"Refunds that were made."`
	Handled  RefundFigure   `json:"handled" doc:"Refunds that have failed, and whose money the organizer has given back in another way."`
	Failed   RefundFigure   `json:"failed" doc:"Refunds that the payment gateway has refused. Somebody has to look at them; items gives the reasons."`
	Left     RefundFigure   `json:"left" doc:"Refunds that are still to be made, including those for bookings of a cancelled event that are still to be cancelled."`

	ChangedAt int64 `json:"-"` // µs since 1970: when the job was last paused or resumed; 0: never
	Version   int64 `json:"-"` // of the job; at least 1

	Items []StuckRefund `json:"items" doc:"Refunds that have failed, and refunds whose last attempt has, oldest first."`
	Next  int64         `json:"-"` // seq after which the list goes on; 0: nowhere
}

// StuckRefund is a refund that has failed, or whose last attempt has.
type StuckRefund struct {
	ID        string `json:"id" doc:"Id of the refund: the event's id, a colon, and the seq of the cancellation."`
	BookingID string `json:"booking_id" doc:"Id of the booking."`
	PaymentID string `json:"payment_id,omitempty" doc:"Id of the payment. Absent until it is known."`
	Amount    int64  `json:"amount" doc:"Minor units, less a part of it that was given back on the gateway's own pages."`
	Status    string `json:"status" enum:"failed,pending,handled" doc:"failed: it is not tried again by itself. pending: it is tried again. handled: it has failed, and the organizer has given the money back in another way."`
	Reason    string `json:"reason" doc:"The gateway's code, or: delayed (the gateway did not answer, or its answer was unclear), no-payment, more-than-captured, charged-back, refunded-elsewhere (money was given back on the gateway's own pages, perhaps for another refund that was noted as handled), elsewhere-failed (it was given back there, and that money came back)." example:"delayed"`
	Note      string `json:"note,omitempty" doc:"How the money was given back in another way. Absent: it was not." example:"Bank transfer, 3 March"`
	UpdatedAt int64  `json:"-"` // µs since 1970
	Seq       int64  `json:"-"` // of the cancellation
}

// RefundJobChange is what an organizer does with an event's refunds.
type RefundJobChange struct {
	Paused  bool
	Retry   bool // refunds that have failed are tried again, but for those that are handled
	Handled *HandledRefund
	Version int64 // of the job that the caller has seen; 0: any
}

// HandledRefund is a refund that has failed, and whose money was given back in another way.
// Conflict refund-not-failed.
type HandledRefund struct {
	Seq  int64  // of the cancellation
	Note string // how; "": it was not, after all
}

// RefundHandled is the status of refunds that have failed and are handled.
const RefundHandled = "handled"

// RefundDelayed is the reason of refunds whose last attempt has failed.
const RefundDelayed = "delayed"

// RefundsListed is how many refunds a page lists if nothing else is asked for.
const RefundsListed = 50
