// Package page is what all pages have in common. A room of pages (web, console)
// writes handlers
//
//	func (s *Shop) event(v *page.Visit) error
//
// that read what they show, and end with v.Show, v.Go or an error. The kit
// turns them into handlers for the front door, which turns errors into error
// pages by way of the kit again.
//
//	kit.go     the kit: configuration, handlers, error pages
//	faults.go  what is wrong with a form, beside its inputs
//	visit.go   one request for a page: who asks, in which language, cookies
//	set.go     templates of a room, parsed once for each language
//	words.go   message catalogues
//	format.go  money, numbers and dates as readers of a language write them
//	assets.go  scripts, styles and icons: built from ui/ into dist/, embedded
//
// Pages work without scripts: forms post, and the answer is 303. Nothing comes
// from elsewhere, and nothing inline is executed (Content-Security-Policy).
package page
