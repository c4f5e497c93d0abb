// Package ticket makes tickets: the right to enter for one seat of a booked
// booking. Callers check first that the booking is booked and its payment captured.
//
//	booking ─► Ticket ─► Signer.Sign ─► token ─► QR ─► SVG for pages, modules for PDF
//	                                      │             Document.PDF: a page for each seat
//	                        at the gate:  └► Keys.Verify, offline, with the public keys
//
// Calendar makes the file with which an event gets into a calendar. The form of
// a token is told for outsiders in docs/tickets.md.
package ticket
