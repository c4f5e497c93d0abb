package page

import (
	"strings"

	"golang.org/x/net/idna"
)

// Address formats an e-mail address for people: with its domain in Unicode
// (U-labels, RFC 5890), if programs usually display that name so.
func Address(email string) string {
	local, host, ok := strings.Cut(email, "@")
	shown, err := idna.Display.ToUnicode(host)
	if !ok || err != nil {
		return email
	}
	return local + "@" + shown
}
