package paymentapi

import "boxoffice/internal/errs"

// Problems are the errors of the payment service by slug, with their kinds, and which
// operations of the API answer them. Methods of Service answer the same.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"address-not-verified":     {Kind: errs.Forbidden, Says: "Payments need a verified email address: the code is in the email that was sent when the account was created."},
		"bad-signature":            {Kind: errs.Forbidden, Says: "The message has no valid signature of the payment gateway or of the provider of text messages, or a gateway's is older than five minutes."},
		"unreadable-notice":        {Kind: errs.Malformed, Says: "The message is signed by the payment gateway, but cannot be read."},
		"already-paid":             {Kind: errs.Conflict, Says: "The booking is already paid; payment_id names the payment, and amount is its amount."},
		"captured-meanwhile":       {Kind: errs.Conflict, Says: "The money was taken a moment ago. Send the request again to refund it."},
		"no-payments":              {Kind: errs.Conflict, Says: "This ticket office takes no payments at present. Only what costs nothing can be booked."},
		"event-not-cancelled":      {Kind: errs.Conflict, Says: "Only the refunds of a cancelled event can be paused."},
		"refund-not-failed":        {Kind: errs.Conflict, Says: "Only a refund that has failed can be given back in another way. Read the refunds again."},
		"not-yours":                {Kind: errs.Forbidden, Says: "Only its owner can change this payment."},
		"payment-declined":         {Kind: errs.PaymentRequired, Says: "The payment gateway declined the payment. No money was taken; pay again with another method."},
		"payment-not-pending":      {Kind: errs.Conflict, Says: "The payment can no longer be changed."},
		"payment-voided":           {Kind: errs.Conflict, Says: "The payment was given up; no money was kept. Pay with a new Idempotency-Key, if the booking can still be paid."},
		"payment-timed-out":        {Kind: errs.Conflict, Says: "The gateway did not decide in time, so the payment was given up; no money was kept. Pay again with a new Idempotency-Key."},
		"payment-under-way":        {Kind: errs.Conflict, Says: "A payment for this booking is in progress. Wait for it: Location names its address."},
		"too-many-payments":        {Kind: errs.Conflict, Says: "Too many payments for this booking failed. Book again."},
		"too-many-methods":         {Kind: errs.Conflict, Says: "A payment can have 10 methods. Void it, and pay with a new one."},
		"too-many-failed-payments": {Kind: errs.TooMany, Says: "40 methods of yours have not paid for this event within a day. Retry-After says when to go on, in seconds."},
		"too-many-attempts":        {Kind: errs.TooMany, Says: "Too many attempts failed. Retry-After says when to go on, in seconds."},
	},
	Operations: map[string][]string{
		"receive-payment-notice": {"bad-signature", "unreadable-notice", "busy"},
		"amend-payment":          {"payment-declined", "payment-voided", "payment-timed-out", "changed-meanwhile", "payment-not-pending", "not-yours", "too-many-methods", "too-many-failed-payments"},
		"change-event-refunds":   {"event-not-cancelled", "changed-meanwhile", "refund-not-failed"},
		"pay":                    {"payment-declined", "payment-voided", "payment-timed-out", "address-not-verified", "already-paid", "already-booked", "booking-cancelled", "event-cancelled", "hold-over", "amount-differs", "paid-too-late", "seats-gone", "sale-closed", "sale-not-open", "too-many-seats", "address-at-limit", "no-payments", "payment-under-way", "too-many-payments", "too-many-failed-payments", "idempotency-key-reused", "event-changed"},
		"void-payment":           {"captured-meanwhile", "changed-meanwhile", "refunds-over", "already-used", "not-yours", "payment-not-pending"},
	},
}
