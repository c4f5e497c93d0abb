package eventapi

import "boxoffice/internal/errs"

// Problems are the errors of the event service by slug, with their kinds, and which
// operations of the API answer them. Methods of Service answer the same.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"plan-stored-meanwhile": {Kind: errs.Conflict, Says: "Another version of the seating plan was stored at the same time. Send the request again."},
		"organizers-only":       {Kind: errs.Forbidden, Says: "Only organizers and administrators may do this; with --require-two-factor, those who logged in with a second factor."},
	},
	Operations: map[string][]string{
		"cancel-event": {"organizers-only", "changed-meanwhile"},
		"create-event": {"organizers-only", "idempotency-key-reused", "plan-stored-meanwhile"},
		"update-event": {"organizers-only", "changed-meanwhile", "event-cancelled", "plan-in-use", "plan-stored-meanwhile", "currency-in-use", "terms-changed-too-often"},
	},
}
