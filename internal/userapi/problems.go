package userapi

import "boxoffice/internal/errs"

// WrongPassword is the detail of every wrong-password error, whatever its case: what
// helps the owner whose right password is refused tells a guesser nothing.
const WrongPassword = "There is no account with this name and password. After too many wrong passwords, even the right one is refused for up to 15 minutes. " +
	"A new password, set by email, works at once."

// Problems are the problems of the service's operations, for the API's document.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"account-exists":    {Kind: errs.Conflict, Says: "The username, or the address, belongs to another account."},
		"already-verified":  {Kind: errs.Conflict, Says: "The address is verified already."},
		"code-expired":      {Kind: errs.Conflict, Says: "The mailed code is too old, or was used. Ask for a new one."},
		"code-required":     {Kind: errs.Unauthenticated, Says: "The account has two factors: send the code of the authenticator app, too."},
		"account-changed":   {Kind: errs.Conflict, Says: "The account was changed at the same moment: it has ended, or another address, password or second factor. Send the request again."},
		"account-disabled":  {Kind: errs.Forbidden, Says: "The account that the address belongs to has been disabled."},
		"has-open-events":   {Kind: errs.Conflict, Says: "The account has events that are not over, or drafts: cancel these events first."},
		"has-live-bookings": {Kind: errs.Conflict, Says: "The account has seats: cancel these bookings first."},
		"address-changed":   {Kind: errs.Conflict, Says: "The account has another address than the one that the code was mailed to. Ask for a new code."},
		"link-over":         {Kind: errs.Invalid, Says: "The mailed link has expired, was used, or is none. Ask for a new one."},
		"address-taken":     {Kind: errs.Conflict, Says: "The address belongs to an account now: sign in with that one."},
		"no-address":        {Kind: errs.Conflict, Says: "The account has no e-mail address."},
		"no-secret":         {Kind: errs.Conflict, Says: "Two-factor log-in was not begun: ask for a secret first."},
		"proof-over":        {Kind: errs.Unauthenticated, Says: "It took too long to give the second factor. Give the password once more."},
		"two-factor-active": {Kind: errs.Conflict, Says: "Two-factor log-in is on already. Switch it off first."},
		"wrong-code":        {Kind: errs.Unauthenticated, Says: "The code is wrong, or was used before."},
		"wrong-password":    {Kind: errs.Unauthenticated, Says: WrongPassword},
	},
	Operations: map[string][]string{
		"begin-two-factor":   {"account-changed", "two-factor-active", "not-yours-to-change", "wrong-password", "too-many-attempts"},
		"confirm-two-factor": {"account-changed", "two-factor-active", "no-secret", "wrong-code", "not-yours-to-change", "too-many-attempts"},
		"delete-user":        {"account-changed", "has-live-bookings", "has-open-events", "changed-meanwhile", "wrong-password", "too-many-attempts"},
		"end-two-factor":     {"account-changed", "not-yours-to-change", "wrong-password", "wrong-code", "code-required", "too-many-attempts"},
		"log-in":             {"wrong-password", "code-required", "wrong-code", "too-many-attempts"},
		"reset-password":     {"account-changed", "account-disabled", "address-taken", "link-over"},
		"send-guest-code":    {"no-address", "already-verified"},
		"send-verification":  {"already-verified", "no-address"},
		"sign-up":            {"account-exists"},
		"update-user":        {"account-exists", "changed-meanwhile", "not-yours-to-change", "wrong-password", "too-many-attempts"},
		"verify-email":       {"account-changed", "account-disabled", "link-over", "address-taken", "sign-in-required"},
		"verify-guest":       {"account-changed", "account-disabled", "address-changed", "address-taken", "code-expired", "too-many-attempts", "too-many-seats", "too-many-bookings", "already-verified"},
	},
}
