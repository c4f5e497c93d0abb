// Package letter writes notices out as mails: a subject, a text and an HTML page with
// the same content, in the recipient's language.
//
//	Notice ─► kinds.go: paragraphs, button, seats … ─► templates/mail.txt, mail.html
//	             words/mail.LANG.json
//
// Names that strangers chose (of people, events, venues, seats) stay names: they are
// escaped, lose hidden characters, line ends and whatever mail programs turn into a
// link, and do not turn the text around them (UAX #9).
package letter
