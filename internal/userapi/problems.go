package userapi

import (
	"strings"

	"boxoffice/internal/errs"
)

// WrongPassword is the detail of every wrong-password error. It is always the same:
// it helps an owner whose right password is refused, and tells a guesser nothing.
const WrongPassword = "There is no account with this name and password. After too many wrong passwords, even the right one is refused for up to 15 minutes. " +
	"A new password, set by email, works at once."

// Problems lists the problem types of the service's operations, for the OpenAPI
// document.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"account-exists":    {Kind: errs.Conflict, Says: "The username or the address belongs to another account."},
		"already-verified":  {Kind: errs.Conflict, Says: "The address is already verified."},
		"code-expired":      {Kind: errs.Conflict, Says: "The emailed code has expired or was already used. Request a new one."},
		"code-required":     {Kind: errs.Unauthenticated, Says: "The account uses two-factor sign-in: also send a code of the authenticator app."},
		"account-changed":   {Kind: errs.Conflict, Says: "The account was changed at the same moment: it was deleted, or its address, password or second factor changed. Send the request again."},
		"account-disabled":  {Kind: errs.Forbidden, Says: "The account with this address has been disabled."},
		"has-open-events":   {Kind: errs.Conflict, Says: "The account has drafts or events that are not over: cancel these events first."},
		"has-live-bookings": {Kind: errs.Conflict, Says: "The account has live bookings: cancel these first."},
		"address-changed":   {Kind: errs.Conflict, Says: "The account's address is no longer the one that the code was sent to. Request a new code."},
		"link-over":         {Kind: errs.Invalid, Says: "The emailed link is invalid, has expired or was already used. Request a new one."},
		"address-taken":     {Kind: errs.Conflict, Says: "The address now belongs to an account: sign in to that one."},
		"no-address":        {Kind: errs.Conflict, Says: "The account has no email address."},
		"no-secret":         {Kind: errs.Conflict, Says: "The setup of two-factor sign-in was not started: request a secret first."},
		"proof-over":        {Kind: errs.Unauthenticated, Says: "Entering the second factor took too long. Enter the password again."},
		"two-factor-active": {Kind: errs.Conflict, Says: "Two-factor sign-in is already on. Switch it off first."},
		"wrong-code":        {Kind: errs.Unauthenticated, Says: "The code is wrong or was already used."},
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

// SeveralAccounts means that an address alone does not identify one account.
type SeveralAccounts struct{ IDs []string }

func (e SeveralAccounts) Error() string {
	return "several accounts with this address have a second factor: " + strings.Join(e.IDs, ", ")
}
