package webhookapi

import "boxoffice/internal/errs"

// Problems are the errors of the webhook service by slug, with their kinds, and which
// operations of the API answer them.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"too-many-secrets":  {Kind: errs.Conflict, Says: "Three secrets of this webhook sign already. Wait until the oldest of them ends."},
		"too-many-webhooks": {Kind: errs.Conflict, Says: "You have as many webhooks as there can be. Delete one first."},
		"webhook-exists":    {Kind: errs.Conflict, Says: "You have a webhook with this URL already; id names it."},
		"webhook-off":       {Kind: errs.Conflict, Says: "The webhook is switched off. Enable it first."},
	},
	Operations: map[string][]string{
		"list-webhooks":         {"organizers-only"},
		"create-webhook":        {"organizers-only", "webhook-exists", "too-many-webhooks"},
		"update-webhook":        {"webhook-exists"},
		"rotate-webhook-secret": {"too-many-secrets"},
		"test-webhook":          {"webhook-off"},
		"replay-webhook":        {"webhook-off"},
	},
}
