package smtp

import (
	"regexp"
	"sync"

	"boxoffice/internal/notify/mail"
)

// A server that takes mails of this client to nobody, because it lacks a log-in or the
// right to relay, says so when it is given the recipient (RFC 5321, section 3.6.2). The
// recipient's own server may say the same through it. So a mail that was refused like that
// is tried again, and when the same was said about several domains, with no mail taken in
// between, it is this client that is refused.

// deniedDomains is how many domains that takes.
const deniedDomains = 3

// denials are the domains of the recipients that were refused like that since a mail was
// last taken.
type denials struct {
	mu      sync.Mutex
	domains map[string]bool
}

// another adds one, and reports whether it is this client that is refused.
func (d *denials) another(domain string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.domains == nil {
		d.domains = map[string]bool{}
	}
	if len(d.domains) < deniedDomains {
		d.domains[domain] = true
	}
	return len(d.domains) >= deniedDomains
}

// none notes that a mail was taken.
func (d *denials) none() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.domains)
}

// denied reports whether a refusal of a recipient may be one of this client.
func denied(code int, answer string) bool {
	if mail.Dead(enhanced(answer)) {
		return false
	}
	return code == 530 || code == 538 || denies.MatchString(addressIn.ReplaceAllString(answer, ""))
}

var (
	denies     = regexp.MustCompile(`(?i)\b(relay(ing|ed)?|rcpthosts|authenticat(e|ed|ion)|auth first|log ?in first|not logged in)\b`)
	addressIn  = regexp.MustCompile(`\S*@\S*`)
	enhancedIn = regexp.MustCompile(`^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b`)
)

// enhanced returns the enhanced status code of an answer (RFC 2034); "" if there is none.
func enhanced(answer string) string {
	if m := enhancedIn.FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	return ""
}
