package user

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/safetext"
	"boxoffice/internal/userapi"
)

// record is an account as it is stored.
type record struct {
	ID        string
	Email     string
	Username  string
	Name      string
	Role      caller.Role
	Disabled  bool
	CreatedAt int64 // µs since 1970
	Version   int64
	Verified  bool   // the e-mail address is verified
	Contact   string // a guest's e-mail address, in place of Email
	Lang      string // in which they are written to; "": not known
	Phone     string // mobile number in E.164; "": none

	hash       string // of the password; "" without one
	totpSecret string
	twoFactor  bool // log-in needs a code of totpSecret
}

// shown converts an account for use outside this package.
func (u *record) shown() userapi.Account {
	return userapi.Account{ID: u.ID, Email: u.address(), Username: u.Username, Name: u.Name, Role: u.Role, Verified: u.Verified,
		HasPassword: u.hasPassword(), TwoFactor: u.twoFactor, Guest: cameAsGuest(u.ID), Disabled: u.Disabled,
		CreatedAt: time.UnixMicro(u.CreatedAt).UTC(), Version: u.Version, Phone: u.Phone}
}

// shown converts an account, unless there was an error.
func shown(u record, err error) (userapi.Account, error) {
	if err != nil {
		return userapi.Account{}, err
	}
	return u.shown(), nil
}

// hasPassword reports whether the account has a password; guests have none.
func (u *record) hasPassword() bool { return u.hash != "" }

// address returns the address for mails; "" for accounts made in bulk.
func (u *record) address() string { return u.Email + u.Contact } // one of them

var usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{2,31}$`)

// normalize brings a new account into its stored form, and lists what is wrong with
// it.
func normalize(a *userapi.NewAccount) []errs.Field {
	var bad []errs.Field
	given := a.Email
	var reason errs.Reason
	if a.Email, reason = NormalEmail(given); !reason.None() {
		a.Email = strings.ToLower(strings.TrimSpace(given))
		bad = append(bad, reason.In("email"))
	}
	a.Username = strings.ToLower(strings.TrimSpace(a.Username))
	a.Name = norm.NFC.String(strings.TrimSpace(a.Name))
	if a.Username != "" && !usernameForm.MatchString(a.Username) {
		bad = append(bad, errs.Field{Name: "username", Code: "bad-username", Reason: "must be 3 to 32 of a-z, 0-9, dot, dash and underscore, and begin with a letter or digit"})
	}
	if reason := badName(a.Name); !reason.None() {
		bad = append(bad, reason.In("name"))
	}
	return bad
}

func badName(n string) errs.Reason {
	switch {
	case n == "":
		return errs.Why("required", "is required")
	case utf8.RuneCountInString(n) > 100:
		return errs.Why("too-long", "must have at most %d characters", 100)
	case safetext.Hidden(n):
		return safetext.HiddenReason
	}
	return errs.Reason{}
}
