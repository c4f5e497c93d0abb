// Package booking is the Booking Service: it sells every seat at most once.
//
// What happens to a request for seats:
//
//	http.go     a request becomes a bookingapi.Selection
//	requests.go labels become ordinals (selection.go); the seat view may refuse early
//	            (view.go), and service.go hands the command to a writer
//	writer.go   the event's writer takes all waiting commands and, in one
//	            transaction, locks the head row,
//	reading.go  reads what they touch and what is not known for certain
//	            (recent.go, view.go),
//	decide.go   decides each command in order of arrival (pure functions; also in
//	            cancel.go, decide_sale.go and adopt.go; choose.go picks seats),
//	state.go    applies the effects, one ledger entry each,
//	store.go    writes the final rows and commits; then all commands are answered
//
// Beside it:
//
//	claims.go   which claims a batch must write, and who must have them before
//	people.go   what counts towards a person's limits; unverified.go limits what people
//	            without a verified address hold
//	adopt.go    bookings move to another account of the same person
//	reseat.go   a sold booking moves to other seats; mails.go mails the new tickets
//	gifts.go    seats for somebody without an account; links.go: who gets a link
//	follow.go   the seat views keep up with what other nodes commit (ledger.Follower)
//	live.go     streams seat changes to viewers (package live)
//	reports.go  what an event has sold, for its organizer (package report)
//	admitting.go  who owns seats now, for the door
//	places.go   what pages ask for, with near.go; order.go: a booking as a whole
//	seats.go    the seat map; http_seats.go: as the API answers it. The other http_*.go:
//	            lists, and seats that an organizer keeps back or gives away
//
// The primary key of claims is the guarantee: a seat without a row is free, and a
// seat is granted only by a committed row. The ledger is audit trail, outbox and
// live feed in one; package audit replays it and compares it with the tables.
// janitor.go ends expired holds (expiries.go) by submitting commands like all other
// callers.
package booking
