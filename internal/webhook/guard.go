package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"boxoffice/internal/errs"
	"boxoffice/internal/webhookapi"
)

// Receivers are named by organizers, and this machine may reach what organizers cannot:
// its own services, its network, the metadata service of its cloud. So a connection is
// refused unless it goes to a public address. What counts is the address that is about to
// be connected to, after the name was looked up (see guard.control): a name that first
// resolves to a public address and then to another gains nothing.

var errForbiddenAddress = errors.New("the address is in a private or reserved network")

// reserved are the networks that are not public, although netip.Addr does not say so
// (IANA's registries of special-purpose addresses).
var reserved = prefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // shared by customers of a provider
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.31.196.0/24", // AS112
	"192.52.193.0/24", // AMT
	"192.88.99.0/24",  // relays of 6to4
	"192.175.48.0/24", // AS112
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocol assignments, Teredo, ORCHID
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: leads to an IPv4 address
	"2620:4f:8000::/48",
	"3fff::/20", // documentation
)

// global is what IPv6 has assigned to the public so far. Everything else is refused: local
// and reserved networks, and translations to IPv4 (64:ff9b::/96).
var global = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// guard decides to which addresses messages may be sent.
type guard struct {
	// local allows plain HTTP and this machine's own loopback addresses, for a demo and for
	// tests. Other networks that are not public stay forbidden.
	local bool
}

// allows reports whether a connection to an address may be made.
func (g guard) allows(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if a.IsLoopback() {
		return g.local
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// control is the Control function of the dialer: it is called with each address that is
// about to be connected to.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(to.Addr()) {
		return errForbiddenAddress
	}
	return nil
}

// checkURL checks the URL of an endpoint as it is entered. Names are looked up only when
// a message is sent.
func (g guard) checkURL(text string) (string, error) {
	text = strings.TrimSpace(text)
	if why := g.urlFault(text); !why.None() {
		return "", why.Bad("url")
	}
	return text, nil
}

func (g guard) urlFault(text string) errs.Reason {
	if len(text) > webhookapi.MaxURL {
		return errs.Why("too-long", "must have at most %d characters", webhookapi.MaxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || !plain(text) || !port(u.Port()):
		return errs.Why("not-a-url", "must be a URL such as https://example.org/hooks")
	case u.Scheme != "https" && (u.Scheme != "http" || !g.local):
		return errs.Why("not-https", "must begin with https://")
	case u.User != nil:
		return errs.Why("url-with-user", "must not contain a user name or password")
	case u.Fragment != "":
		return errs.Why("url-with-fragment", "must not contain a #")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	a, err := netip.ParseAddr(host)
	if err == nil && !g.allows(a) || !g.local && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		return errs.Why("private-address", "must lead to a server on the public internet")
	}
	return errs.Reason{}
}

// plain reports whether a text has printable ASCII only: net/url takes more than
// receivers do.
func plain(text string) bool {
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

// port reports whether a URL's port is one, or missing.
func port(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

// forbidden reports whether a request failed because its address is not allowed.
func forbidden(err error) bool { return errors.Is(err, errForbiddenAddress) }

// lookup reports whether a request failed because its name has no address.
func lookup(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// typesOf checks the types that an endpoint chooses.
func typesOf(list []webhookapi.Type) ([]webhookapi.Type, error) {
	out := []webhookapi.Type{}
	for _, known := range webhookapi.Types { // in this order, each once
		for _, t := range list {
			if t == known {
				out = append(out, t)
				break
			}
		}
	}
	for i, t := range list {
		if !(&webhookapi.Endpoint{Types: webhookapi.Types}).Wants(t) || t == webhookapi.Test {
			return nil, errs.Bad(fmt.Sprintf("types[%d]", i), "no-such-type", "is not a type of messages")
		}
	}
	return out, nil
}
