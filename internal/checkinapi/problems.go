package checkinapi

import "boxoffice/internal/errs"

// Problems are the errors of the operations about the door.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"no-tickets":         {Kind: errs.Conflict, Says: "The booking has no tickets: it is not paid, or it was cancelled."},
		"replaced-too-often": {Kind: errs.Conflict, Says: "The ticket of a seat was replaced as often as that is possible."},
		"codes-fixed":        {Kind: errs.Conflict, Says: "The codes of the event do not rotate, so its tickets cannot be bound to a phone."},
		"bound-elsewhere":    {Kind: errs.Conflict, Says: "Tickets are on another phone; seats lists them. Nothing was changed. Send move to take them away from it."},
		"tickets-changed":    {Kind: errs.Conflict, Says: "The tickets were replaced, bound or moved since seen. Nothing was changed. Read them again."},
		"device-revoked":     {Kind: errs.Unauthenticated, Says: "There is no device with this token, or it was revoked. Pair it again."},
		"device-not-now":     {Kind: errs.Forbidden, Says: "The device is not allowed at this time: see valid_from and valid_until."},
		"no-names":           {Kind: errs.Forbidden, Says: "The device may not see the names of guests, or nobody may by the settings of the door."},
		"entrance-in-use":    {Kind: errs.Conflict, Says: "A device is paired with an entrance that is missing; device names it. Revoke the device first."},
		"too-many-devices":   {Kind: errs.Conflict, Says: "The event has too many devices. Revoke those that are not used."},
		"too-many-lists":     {Kind: errs.Conflict, Says: "The event has as many lists of guests as there can be. Use one of them."},
		"too-many-searches":  {Kind: errs.TooMany, Says: "The device has searched, or has read names, too often. It may again after Retry-After, in seconds."},
		"other-kind":         {Kind: errs.Forbidden, Says: "The operation is not for this kind of device: gate nodes do not scan, and only they take the scans of others."},
		"no-line":            {Kind: errs.Unavailable, Says: "The gate node does not reach the box office, which this needs."},
		"counter-used":       {Kind: errs.Conflict, Says: "The device has used the counter for another scan; fields names it. Nothing was stored. Give the scan a new counter."},
		"too-many-scans":     {Kind: errs.Conflict, Says: "The device has made as many scans as one can. Nothing was stored. Pair it again."},
		"already-inside":     {Kind: errs.Conflict, Says: "Somebody is inside with this ticket already."},
		"not-inside":         {Kind: errs.Conflict, Says: "Nobody is inside with this ticket."},
		"nothing-to-undo":    {Kind: errs.Conflict, Says: "There is no scan of this ticket that counts."},
	},
	Operations: map[string][]string{
		"update-door":       {"changed-meanwhile", "entrance-in-use"},
		"create-pairing":    {"too-many-devices"},
		"set-guest-list":    {"no-tickets", "too-many-lists"},
		"create-correction": {"already-inside", "not-inside", "nothing-to-undo"},

		"reissue-tickets": {"no-tickets", "replaced-too-often"},
		"bind-tickets":    {"no-tickets", "replaced-too-often", "codes-fixed", "bound-elsewhere", "tickets-changed"},

		"create-device": {"no-line", "too-many-devices"},

		"get-node-state":    {"device-revoked", "device-not-now", "other-kind"},
		"list-node-scans":   {"device-revoked", "device-not-now", "other-kind"},
		"create-node-scans": {"device-revoked", "device-not-now", "other-kind", "counter-used", "too-many-scans"},

		"get-door-state":     {"device-revoked", "device-not-now"},
		"get-door-list":      {"device-revoked", "device-not-now"},
		"list-scans":         {"device-revoked", "device-not-now", "other-kind"},
		"create-scans":       {"device-revoked", "device-not-now", "other-kind", "counter-used", "too-many-scans"},
		"watch-door":         {"device-revoked", "device-not-now"},
		"search-door-guests": {"device-revoked", "device-not-now", "other-kind", "no-names", "too-many-searches"},
		"get-door-names":     {"device-revoked", "device-not-now", "other-kind", "no-names", "too-many-searches"},
		"get-door-name-page": {"device-revoked", "device-not-now", "other-kind", "no-names", "too-many-searches"},
	},
}
