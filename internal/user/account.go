package user

import (
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// User is an account.
type User struct {
	ID        string
	Email     string
	Username  string
	Name      string
	Role      message.Role
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
	a.Email = strings.ToLower(strings.TrimSpace(a.Email))
	a.Username = strings.ToLower(strings.TrimSpace(a.Username))
	a.Name = strings.TrimSpace(a.Name)
	if reason := badEmail(a.Email); reason != "" {
		bad = append(bad, errs.Field{Name: "email", Reason: reason})
	}
	if a.Username != "" && !usernameForm.MatchString(a.Username) {
		bad = append(bad, errs.Field{Name: "username", Reason: "must be 3 to 32 of a-z, 0-9, dot, dash and underscore, and begin with a letter or digit"})
	}
	if reason := badName(a.Name); reason != "" {
		bad = append(bad, errs.Field{Name: "name", Reason: reason})
	}
	return bad
}

// badEmail says what is wrong with an e-mail address. The lengths are those of
// RFC 5321, section 4.5.3.1; quoted local parts and addresses without a domain
// name are not taken.
func badEmail(e string) string {
	const malformed = "is not an e-mail address"
	addr, err := mail.ParseAddress(e)
	local, host, _ := strings.Cut(e, "@")
	switch {
	case e == "":
		return "is required"
	case len(e) > 254:
		return "must have at most 254 bytes"
	case err != nil || addr.Address != e || len(local) > 64 || strings.ContainsAny(local, " \"(),:;<>[]\\"):
		return malformed
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !domainLabel(label) {
			return malformed
		}
	}
	if len(labels) < 2 {
		return malformed
	}
	return ""
}

// domainLabel reports whether a part of a domain name has the form of one, be it
// in ASCII or international (RFC 6531).
func domainLabel(s string) bool {
	odd := func(r rune) bool { return r != '-' && !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark) }
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && !strings.ContainsFunc(s, odd)
}

func badName(n string) string {
	switch {
	case n == "":
		return "is required"
	case utf8.RuneCountInString(n) > 100:
		return "must have at most 100 characters"
	case strings.ContainsFunc(n, unicode.IsControl) || strings.ContainsFunc(n, bidi):
		return "must not contain control characters"
	}
	return ""
}

// bidi are the signs that turn the direction of text around, also of what
// stands beside the name.
func bidi(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
