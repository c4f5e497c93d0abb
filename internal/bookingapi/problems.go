package bookingapi

import "boxoffice/internal/errs"

// Problems are the errors of the booking service by slug, with their kinds, and which
// operations of the API answer them. Methods of Service answer the same.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"address-at-limit":       {Kind: errs.Conflict, Says: "The caller's e-mail address is not verified, and people have as many seats of this event with it as a customer may. Once it is verified, only the owner's seats count."},
		"already-booked":         {Kind: errs.Conflict, Says: "The booking is paid already."},
		"already-yours":          {Kind: errs.Conflict, Says: "The caller holds or has some of these seats already; booking_id names the booking."},
		"amount-differs":         {Kind: errs.Conflict, Says: "The payment is not over the booking's total. Read the booking again, and pay what it says."},
		"booking-cancelled":      {Kind: errs.Conflict, Says: "The booking was cancelled."},
		"changed-meanwhile":      {Kind: errs.Precondition, Says: "It has changed since the version that If-Match names. Read it again."},
		"currency-in-use":        {Kind: errs.Conflict, Says: "The currency cannot change while seats are held or sold."},
		"event-cancelled":        {Kind: errs.Conflict, Says: "The event was cancelled, and stays so."},
		"event-changed":          {Kind: errs.Conflict, Says: "Seating plan or prices have changed since they were looked up. Read the event again."},
		"hold-cooldown":          {Kind: errs.TooMany, Says: "Several holds of this person came to nothing. Retry-After says when the next may be made, in seconds."},
		"many-held-unverified":   {Kind: errs.TooMany, Says: "From this network, or all together, people without a verified e-mail address hold as many seats of the event as they may while it is in demand. Verify the address, or try again after Retry-After, in seconds."},
		"hold-over":              {Kind: errs.Conflict, Says: "The hold has ended, so that nothing can be done with it."},
		"idempotency-key-reused": {Kind: errs.Invalid, Says: "The Idempotency-Key was used for another request. Take a new key for a new request."},
		"not-for-sale":           {Kind: errs.Conflict, Says: "A seat has no price, or is kept back by the organizer."},
		"not-yours-to-change":    {Kind: errs.Forbidden, Says: "Only its owner can change it."},
		"paid-too-late":          {Kind: errs.Conflict, Says: "The hold had ended too long ago when the payment came. The money goes back."},
		"plan-in-use":            {Kind: errs.Conflict, Says: "The seating plan cannot change while seats of it are held or sold."},
		"refunds-over":           {Kind: errs.Conflict, Says: "Seats of this event could be given back until refundable_until."},
		"sale-closed":            {Kind: errs.Conflict, Says: "The sale has ended."},
		"sale-not-open":          {Kind: errs.Conflict, Says: "The event is not on sale, or not yet: opens_at says when it will be."},
		"seats-gone":             {Kind: errs.Conflict, Says: "The hold had ended, and somebody else has the seats now. The money goes back."},
		"seats-taken":            {Kind: errs.Conflict, Says: "Somebody else has some of the seats: seats names them. Choose others; a new request may go on with the same Idempotency-Key."},
		"sold-out":               {Kind: errs.Conflict, Says: "There are not so many free seats that fit the request."},
		"too-many-bookings":      {Kind: errs.TooMany, Says: "One person may have so many bookings of an event and no more, those that came to nothing included."},
		"too-many-gifts":         {Kind: errs.Conflict, Says: "The account has been given seats of this event as often as it may be."},
		"too-many-seats":         {Kind: errs.Conflict, Says: "A customer may have fewer seats of this event: limit says how many, live how many there are already. Where holds should have gone to another account, bookings names those that stay."},
	},
	Operations: map[string][]string{
		"block-seats":        {"seats-taken", "sold-out", "event-cancelled", "event-changed", "idempotency-key-reused"},
		"cancel-booking":     {"refunds-over", "hold-over", "not-yours-to-change", "changed-meanwhile"},
		"give-seats":         {"seats-taken", "sold-out", "event-cancelled", "event-changed", "too-many-gifts", "idempotency-key-reused"},
		"hold-seats":         {"seats-taken", "already-yours", "sold-out", "not-for-sale", "sale-not-open", "sale-closed", "event-cancelled", "event-changed", "too-many-seats", "address-at-limit", "too-many-bookings", "hold-cooldown", "many-held-unverified", "idempotency-key-reused"},
		"renew-booking-link": {"not-yours-to-change", "changed-meanwhile"},
		"swap-seats":         {"seats-taken", "already-yours", "sold-out", "not-for-sale", "sale-not-open", "sale-closed", "event-cancelled", "event-changed", "too-many-seats", "address-at-limit", "hold-over", "changed-meanwhile", "not-yours-to-change", "hold-cooldown", "many-held-unverified"},
	},
}
