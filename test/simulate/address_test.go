package simulate

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A domain by both of its names (RFC 5890).
const (
	unicodeDomain = "bücher.example"
	asciiDomain   = "xn--bcher-kva.example"
)

// canon is what spellings of one address have in common. It is enough for the
// addresses that histories have.
func canon(address string) string {
	address = norm.NFC.String(strings.ToLower(address))
	return strings.Replace(address, "@"+unicodeDomain, "@"+asciiDomain, 1)
}

// spelled is an address as somebody else may write it.
func (g *gen) spelled(address string) string {
	if g.chance(3) {
		return address
	}
	local, domain, _ := strings.Cut(norm.NFC.String(address), "@")
	if g.chance(2) {
		local = strings.ToUpper(local[:1]) + local[1:]
	}
	if g.chance(2) {
		local = norm.NFD.String(local)
	}
	if domain == unicodeDomain || domain == asciiDomain {
		domain = []string{unicodeDomain, asciiDomain, "BÜCHER.example", norm.NFD.String(unicodeDomain)}[g.n(4)]
	} else if g.chance(3) {
		domain = strings.ToUpper(domain)
	}
	return local + "@" + domain
}
