package settings

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"boxoffice/internal/phone"
)

// SMS is the provider of text messages, as --sms-url names it.
type SMS struct {
	URL            string // where its API begins
	Account, Token string
	From           string   // a number, a name, or the id of a messaging service
	Regions        []string // countries to whose numbers messages are sent; none: all
	PerSecond      int      // messages a second that a node hands over
}

const (
	smsPerSecond     = 10
	mostSMSPerSecond = 1000
)

var (
	// senderName is a name as the sender of messages: up to 11 characters, one of them a
	// letter.
	senderName  = regexp.MustCompile(`^[A-Za-z0-9 &+_-]{1,11}$`)
	withLetter  = regexp.MustCompile(`[A-Za-z]`)
	number      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	messagingID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
)

// Texts is the provider of text messages; nil when there is none. The error contains
// nothing of the URL, any part of which may be the password.
func (s *Server) Texts() (*SMS, error) {
	const flag = "--sms-url"
	if s.SMSURL == "" {
		return nil, nil //nolint:nilnil // without the flag no text messages are sent
	}
	u, err := url.Parse(s.SMSURL)
	if err != nil || strings.Trim(u.Path, "/") != "" || u.Opaque != "" || u.Fragment != "" || u.Hostname() == "" {
		return nil, BadFlag(flag, "it is not an address such as https://ACCOUNT:TOKEN@api.twilio.com?from=%%2B447400123456; in the token, write %%25 for %%, %%40 for @, %%2F for /, %%3F for ? and %%23 for #")
	}
	t := &SMS{URL: u.Scheme + "://" + u.Host, Account: u.User.Username(), PerSecond: smsPerSecond}
	t.Token, _ = u.User.Password()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, BadFlag(flag, "it must begin with https://")
	case u.Scheme == "http" && !Loopback(u.Hostname()+":0"):
		return nil, BadFlag(flag, "it must begin with https://, because it carries a password; http:// goes with a loopback address only")
	case t.Account == "" || t.Token == "":
		return nil, BadFlag(flag, "the account or its token is missing, as in https://ACCOUNT:TOKEN@api.twilio.com?from=%%2B447400123456")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, BadFlag(flag, "the port is not a number from 1 to 65535")
		}
	}
	return t, t.read(flag, u.Query())
}

// read takes over the parameters of the URL.
func (t *SMS) read(flag string, query url.Values) error {
	for name, values := range query {
		value, bad := values[0], ""
		switch name {
		case "from":
			t.From = value
			if strings.HasPrefix(value, " ") { // a plus sign that is not escaped
				t.From = "+" + value[1:]
			}
			if !number.MatchString(t.From) && !messagingID.MatchString(t.From) && (!senderName.MatchString(t.From) || !withLetter.MatchString(t.From)) {
				bad = "it must be a number such as %2B447400123456, a name of up to 11 letters and digits, or the id of a messaging service (MG…)"
			}
		case "regions":
			t.Regions = strings.Split(value, ",")
			if slices.ContainsFunc(t.Regions, func(code string) bool { return !phone.Country(code) }) {
				bad = "it must be codes of countries (ISO 3166) with commas in between, such as DE,AT,CH"
			}
		case "per-second":
			n, err := strconv.Atoi(value)
			if t.PerSecond = n; err != nil || n < 1 || n > mostSMSPerSecond {
				bad = "it must be a number from 1 to " + strconv.Itoa(mostSMSPerSecond)
			}
		default:
			return BadFlag(flag, "it has an unknown setting; there are from, regions and per-second; in the token, %%3F stands for ?")
		}
		if bad != "" {
			return BadFlag(flag, "%s: %s", name, bad)
		}
	}
	if t.From == "" {
		return BadFlag(flag, "it does not say from whom messages come: add ?from=%%2B447400123456")
	}
	return nil
}
