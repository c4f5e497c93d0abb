package paymentapi

import (
	"context"

	"boxoffice/internal/caller"
)

// Service is the payment service as other services and the pages may use it. In
// process it is *payment.Service; apart it is a client. Both pass the suite in
// package paymenttest. Consumers declare the few methods that they need.
//
// Errors carry a kind and a slug. A caller who may not see something gets NotFound for
// it, and Unauthenticated when nobody is signed in. An error of kind Internal or
// Unavailable leaves the outcome unclear: the same request may be sent again and comes
// to the same result.
type Service interface {
	Paying
	Reads
	RefundJobs
}

// Paying takes money for bookings and gives it back.
type Paying interface {
	// Pay pays for a booking of the caller. It answers the payment when it is final, or
	// after a moment; it then goes on, and its status is not final.
	//
	// The same key, caller and request come to the same payment; the same key with another
	// request is Invalid (idempotency-key-reused). PaymentRequired payment-declined: the
	// gateway declined, and another attempt may be made. Conflict amount-differs: the
	// booking costs another amount than r.Amount; it is named in "amount". Conflict
	// already-paid, payment-under-way: another request pays, by the payment in
	// "payment_id". Conflict too-many-payments after MaxAttempts. TooMany
	// too-many-failed-payments after MaxFailed. Any other Conflict: The booking was
	// refused; any money is returned.
	Pay(ctx context.Context, caller caller.Caller, key string, r PayRequest) (Payment, error)
	// Amend changes the method of a payment until it is authorized, and then waits as Pay
	// does. Conflict payment-not-pending: it is too late. Precondition changed-meanwhile:
	// the payment does not have the version any more (0: any will do). Forbidden not-yours:
	// the caller may only read it. Conflict too-many-methods after MaxMethods, TooMany
	// too-many-failed-payments after MaxFailed.
	Amend(ctx context.Context, caller caller.Caller, paymentID, method string, version int64) (Payment, error)
	// Void gives a payment up. If no money was taken yet, none is; if the gateway was just
	// taking it, it goes back in full. A captured payment is given back by cancelling its
	// booking, as the event's refund terms allow; it stays captured until the refund is
	// made. A payment that is over stays as it is. Conflict captured-meanwhile: the money
	// was taken while it was given up; Void again has it given back. Otherwise it is
	// refused as Amend and the cancellation are.
	Void(ctx context.Context, caller caller.Caller, paymentID string, version int64) (Payment, error)
}

// Reads reads payments.
type Reads interface {
	// Payment is a payment that the caller may read: the owner of its booking, the event's
	// organizer and admins.
	Payment(ctx context.Context, caller caller.Caller, paymentID string) (Payment, error)
	// OfBooking is the latest payment of a booking, for those who may read it.
	OfBooking(ctx context.Context, caller caller.Caller, bookingID string) (Payment, error)
	// OfUser lists a user's payments in ascending order of their ids, after one. It is
	// NotFound for all but the user and admins.
	OfUser(ctx context.Context, caller caller.Caller, userID, after string, limit int) ([]Payment, error)
	// OfEvent lists an event's payments as OfUser does, for its organizer and admins.
	OfEvent(ctx context.Context, caller caller.Caller, eventID, after string, limit int) ([]Payment, error)
	// Latest is the latest payment of each of some bookings, by booking id, whoever they
	// belong to. Bookings without a payment are left out.
	Latest(ctx context.Context, bookingIDs []string) (map[string]Payment, error)
	// Refunds returns, by event, what was or will be refunded, for whatever reason. Every
	// event that is asked for has an entry.
	Refunds(ctx context.Context, eventIDs []string) (map[string]Refunds, error)
	// RefundsOf are the refunds for entries of an event's ledger, by seq. Entries whose
	// refund has not been begun yet, and entries without one, are left out.
	RefundsOf(ctx context.Context, eventID string, seqs []int64) (map[int64]Refund, error)
}
