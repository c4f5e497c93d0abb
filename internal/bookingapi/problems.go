package bookingapi

import "boxoffice/internal/errs"

// Problems are the errors of the booking service by slug, with their kinds, and which
// operations of the API answer them. Methods of Service answer the same.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"address-at-limit":        {Kind: errs.Conflict, Says: "The caller's email address is not verified, and together the people who use it have as many seats for this event as one customer may have. Once it is verified, only the owner's seats count."},
		"already-booked":          {Kind: errs.Conflict, Says: "The booking is already paid."},
		"already-used":            {Kind: errs.Conflict, Says: "Somebody was let in at the door with some of the tickets; seats lists them. The organizer can still cancel them."},
		"already-yours":           {Kind: errs.Conflict, Says: "The caller already has some of these seats; booking_id names the booking."},
		"amount-differs":          {Kind: errs.Conflict, Says: "The amount of the payment differs from the total of the booking. Read the booking again, and pay its current amount."},
		"booking-cancelled":       {Kind: errs.Conflict, Says: "The booking was cancelled."},
		"changed-meanwhile":       {Kind: errs.Precondition, Says: "It has changed since the version in If-Match. Read it again."},
		"currency-in-use":         {Kind: errs.Conflict, Says: "The currency cannot change while seats are held or sold."},
		"event-cancelled":         {Kind: errs.Conflict, Says: "The event was cancelled."},
		"event-changed":           {Kind: errs.Conflict, Says: "The seating plan or the prices have changed since they were read. Read the event again."},
		"hold-cooldown":           {Kind: errs.TooMany, Says: "Several holds of this person have expired without payment. Retry-After says, in seconds, when the next one is possible."},
		"many-held-unverified":    {Kind: errs.TooMany, Says: "The event is in high demand, and people without a verified email address already hold the maximum of its seats, either from this network or in total. Verify the address, or try again after Retry-After, in seconds."},
		"hold-over":               {Kind: errs.Conflict, Says: "The hold has expired."},
		"idempotency-key-reused":  {Kind: errs.Invalid, Says: "The Idempotency-Key was used for another request. Use a new key for a new request."},
		"not-for-sale":            {Kind: errs.Conflict, Says: "A seat has no price, or is blocked by the organizer."},
		"not-sold":                {Kind: errs.Conflict, Says: "The booking is not sold: it is only held, was never paid, or is free of charge."},
		"not-yours-to-change":     {Kind: errs.Forbidden, Says: "Only its owner can change it."},
		"paid-too-late":           {Kind: errs.Conflict, Says: "The payment came too long after the hold had expired. The money is refunded."},
		"plan-in-use":             {Kind: errs.Conflict, Says: "The seating plan cannot change while seats of it are held or sold."},
		"price-differs":           {Kind: errs.Conflict, Says: "The other seats do not each cost as much as one of the seats that the booking has."},
		"refund-differs":          {Kind: errs.Conflict, Says: "The refund is another amount than the request expects, see refund; or something else is left of the payment, see paid_left. Nothing was changed."},
		"refunds-over":            {Kind: errs.Conflict, Says: "Seats of this event could be returned until refundable_until."},
		"sale-closed":             {Kind: errs.Conflict, Says: "The sale has ended."},
		"sale-not-open":           {Kind: errs.Conflict, Says: "The event is not on sale, or not yet: opens_at says when the sale begins."},
		"seats-gone":              {Kind: errs.Conflict, Says: "The hold had expired, and somebody else has the seats now. The money is refunded."},
		"seats-taken":             {Kind: errs.Conflict, Says: "Somebody else has some of the seats; seats lists them. Choose others. The next request may use the same Idempotency-Key."},
		"sold-out":                {Kind: errs.Conflict, Says: "Not enough free seats match the request."},
		"terms-changed-too-often": {Kind: errs.Conflict, Says: "The cancellation terms have changed too often while buyers have seats under the earlier ones."},
		"too-many-bookings":       {Kind: errs.TooMany, Says: "The person has the maximum number of bookings for this event, including expired and cancelled ones."},
		"too-many-gifts":          {Kind: errs.Conflict, Says: "The account has already received complimentary seats for this event the maximum number of times."},
		"too-many-seats":          {Kind: errs.Conflict, Says: "The customer would exceed the limit of seats for this event: limit is the maximum, and live is the number that they already have. When holds could not be moved to another account, bookings names the ones that stay."},
	},
	Operations: map[string][]string{
		"block-seats":        {"seats-taken", "sold-out", "event-cancelled", "event-changed", "idempotency-key-reused"},
		"cancel-for-buyer":   {"not-sold", "hold-over", "changed-meanwhile"},
		"refund-booking":     {"not-sold", "refund-differs", "changed-meanwhile"},
		"cancel-booking":     {"refunds-over", "already-used", "refund-differs", "hold-over", "not-yours-to-change", "changed-meanwhile"},
		"give-seats":         {"seats-taken", "sold-out", "event-cancelled", "event-changed", "too-many-gifts", "idempotency-key-reused"},
		"hold-seats":         {"seats-taken", "already-yours", "sold-out", "not-for-sale", "sale-not-open", "sale-closed", "event-cancelled", "event-changed", "too-many-seats", "address-at-limit", "too-many-bookings", "hold-cooldown", "many-held-unverified", "idempotency-key-reused"},
		"reseat-booking":     {"seats-taken", "not-for-sale", "price-differs", "not-sold", "booking-cancelled", "event-cancelled", "event-changed", "changed-meanwhile"},
		"renew-booking-link": {"not-yours-to-change", "changed-meanwhile"},
		"swap-seats":         {"seats-taken", "already-yours", "sold-out", "not-for-sale", "sale-not-open", "sale-closed", "event-cancelled", "event-changed", "too-many-seats", "address-at-limit", "hold-over", "changed-meanwhile", "not-yours-to-change", "hold-cooldown", "many-held-unverified"},
	},
}
