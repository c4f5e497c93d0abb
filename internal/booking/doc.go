// Package booking is the Booking Service: it sells every seat at most once.
//
// The way of a booking:
//
//	http.go     a request becomes a bookingapi.Selection
//	requests.go labels become ordinals (selection.go); the seat view may say no early
//	            (view.go), and service.go hands the command to a writer
//	writer.go   the event's writer takes all commands that wait and, in one
//	            transaction, locks the head row,
//	reading.go  reads what they touch and what is not known for certain
//	            (recent.go, view.go),
//	decide.go   decides each in order of arrival (pure; choose.go picks seats,
//	            cancel.go and decide_sale.go decide what their names say),
//	state.go    applies the effects, one ledger entry each,
//	store.go    writes the net final rows, and commits; then everybody is answered
//
// Beside it:
//
//	claims.go   which claims a batch must write, and whose they must be
//	people.go   what counts towards a person's limits; crowd.go bounds what people
//	            without a verified address hold
//	adopt.go    bookings go to another account of the same person
//	gifts.go    seats for somebody without an account; links.go: who gets a link
//	follow.go   the seat views keep up with what other nodes commit (ledger.Follower)
//	live.go     viewers watch seats change (package live)
//	reports.go  what an event has sold, for its organizer (package report)
//	places.go   what pages ask for, with near.go; order.go: a booking as a whole
//
// The primary key of claims is the promise: a seat without a row is free, and
// nothing but a committed row says yes. The ledger is the audit trail, the
// outbox and the live feed in one; package audit replays it against the tables, and
// janitor.go ends lapsed holds (lapsing.go) by submitting commands like everybody
// else.
package booking
