// Package prefs keeps which mails people do not want, and signs the links with which they
// say so (RFC 8058).
//
//	list.go    the table, as those who send mails in bulk use it
//	link.go    unsubscribe links
//	prefs.go   the preferences of accounts, and what a link does
//	http.go    operations of the API
//
// Preferences belong to an email address, since many buyers have no account. The table
// holds keyed hashes of addresses: it tells nobody who has unsubscribed, and still holds
// when an account is deleted.
package prefs
