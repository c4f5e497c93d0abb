// Package ticket makes tickets: the right of entry for one seat of a booking. Callers
// check first that the booking is booked and its payment captured.
//
//	booking ─► Ticket ─► Signer.Sign ─► token ─► QR ─► SVG for pages, modules for PDF
//	                                      │             Document.PDF: a page for each seat
//	                        at the gate:  └► Keys.Verify, offline, with the public keys
//
// Calendar makes the file that adds an event to a calendar. docs/tickets.md documents
// the format of a token.
package ticket
