// Package page holds what all pages share. A package of pages (shop, console) writes
// handlers
//
//	func (s *Shop) event(v *page.Visit) error
//
// that get their data and end with v.Show, v.Go or an error. Site.Mount registers them
// with the gateway, which turns errors into error pages by calling Site.Error.
//
//	site.go    the site: configuration, handlers, error pages
//	faults.go  what is wrong with a form, shown beside its inputs
//	visit.go   one request for a page: its caller, language and cookies
//	set.go     the templates of a package, parsed once for each language
//	words.go   message catalogues
//	format.go  money, numbers and dates in the style of each language
//	assets.go  scripts, styles and icons: built from ui/ into dist/, embedded
//
// Pages work without scripts: forms use POST, and the answer is 303. Nothing is loaded
// from other sites, and no inline script runs (Content-Security-Policy).
package page
