package user

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/safetext"
)

// User is an account.
type User struct {
	ID        string
	Email     string
	Username  string
	Name      string
	Role      caller.Role
	Disabled  bool
	CreatedAt int64 // µs since 1970
	Version   int64
	Verified  bool   // the e-mail address is
	Contact   string // a guest's e-mail address, in place of Email

	hash       string
	totpSecret string
	twoFactor  bool // log-in needs a code of totpSecret
}

// Account is what somebody gives to sign up.
type Account struct {
	Email    string
	Username string // optional
	Name     string
	Password string
}

var usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{2,31}$`)

// normalize brings an account into its stored form and lists what is wrong.
func (a *Account) normalize() []errs.Field {
	var bad []errs.Field
	given := a.Email
	var reason string
	if a.Email, reason = NormalEmail(given); reason != "" {
		a.Email = strings.ToLower(strings.TrimSpace(given))
		bad = append(bad, errs.Field{Name: "email", Reason: reason})
	}
	a.Username = strings.ToLower(strings.TrimSpace(a.Username))
	a.Name = norm.NFC.String(strings.TrimSpace(a.Name))
	if a.Username != "" && !usernameForm.MatchString(a.Username) {
		bad = append(bad, errs.Field{Name: "username", Reason: "must be 3 to 32 of a-z, 0-9, dot, dash and underscore, and begin with a letter or digit"})
	}
	if reason := badName(a.Name); reason != "" {
		bad = append(bad, errs.Field{Name: "name", Reason: reason})
	}
	return bad
}

func badName(n string) string {
	switch {
	case n == "":
		return "is required"
	case utf8.RuneCountInString(n) > 100:
		return "must have at most 100 characters"
	case safetext.Hidden(n):
		return safetext.HiddenReason
	}
	return ""
}
