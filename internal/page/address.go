package page

import (
	"strings"

	"golang.org/x/net/idna"
)

// Address is an e-mail address as people write it: its domain in letters
// (U-labels, RFC 5890), where that is a name which programs show so.
func Address(email string) string {
	local, host, ok := strings.Cut(email, "@")
	shown, err := idna.Display.ToUnicode(host)
	if !ok || err != nil {
		return email
	}
	return local + "@" + shown
}
