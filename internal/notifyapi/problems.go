package notifyapi

import "boxoffice/internal/errs"

// Problems are the errors of the Notification Service by slug, with their kinds, and
// which operations of the API answer them.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"address-confirmed": {Kind: errs.Conflict, Says: "The buyer has confirmed the address, or has an account with a password. Only they can change the address, in their account."},
		"nobody-to-mail":    {Kind: errs.Conflict, Says: "No email address is known for the booking."},
		"not-booked":        {Kind: errs.Conflict, Says: "The booking has no tickets: it is not paid, or was cancelled."},
		"orders-elsewhere":  {Kind: errs.Conflict, Says: "The guest has orders of other organizers too, which the correction would concern. An administrator can change the address."},
		"too-many-mails":    {Kind: errs.TooMany, Says: "The tickets of this booking were sent as often as they can be in a day."},
	},
	Operations: map[string][]string{
		"receive-text-status": {"bad-signature", "bad-request"},
		"send-tickets-again":  {"address-confirmed", "nobody-to-mail", "not-booked", "orders-elsewhere", "too-many-mails"},
	},
}
