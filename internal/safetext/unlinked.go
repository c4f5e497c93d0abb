package safetext

import "regexp"

var (
	scheme = regexp.MustCompile(`:(//|\\\\)`)
	// siteDot is a dot, or what browsers take for one, as in the address of a
	// site: with no space before the letters behind it.
	siteDot = regexp.MustCompile(`([\pL\pN_-])([.。．｡․])(\pL)`)
)

// Unlinked is a name as mails show it that somebody else has chosen: mail programs
// make links of what looks like the address of a site or a mailbox, and ours must
// not carry a stranger's. A space behind the dot takes nothing from a reader.
func Unlinked(name string) string {
	name = scheme.ReplaceAllString(name, ": $1")
	for range 2 { // matches do not overlap: a.b.c
		name = siteDot.ReplaceAllString(name, "$1$2 $3")
	}
	return name
}
