package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// hosts reads the names of hosts as browsers do (UTS 46, not transitional), and gives
// their A-labels (RFC 5890). Underscores are accepted: networks of containers have them.
var hosts = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true), idna.StrictDomainName(false), idna.Transitional(false))

// site is the address of a site as browsers write it: the host in lower case and
// A-labels, and no port where it is the scheme's own. The error completes a sentence
// that begins with the address.
func site(u *url.URL) (string, error) {
	host := strings.ToLower(u.Hostname())
	if strings.ContainsFunc(host, beyondASCII) {
		var err error
		if host, err = hosts.ToASCII(host); err != nil {
			return "", errors.New("has a host that is no valid internationalized domain name")
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if strings.HasSuffix(u.Host, ":") {
		return "", errors.New("ends in a colon without a port")
	}
	text := u.Port()
	if text == "" {
		return u.Scheme + "://" + host, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	switch {
	case err != nil || port == 0:
		return "", fmt.Errorf("has port %s: ports are from 1 to 65535", text)
	case u.Scheme == "http" && port == 80, u.Scheme == "https" && port == 443:
		return u.Scheme + "://" + host, nil
	}
	return fmt.Sprintf("%s://%s:%d", u.Scheme, host, port), nil
}

// siteOf is site for an address that was checked.
func siteOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	right, err := site(u)
	if err != nil {
		return text
	}
	return right
}

func beyondASCII(r rune) bool { return r >= utf8.RuneSelf }
