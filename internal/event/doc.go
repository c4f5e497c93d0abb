// Package event is the Event Service: venues, seating plans, events and prices.
//
//	http.go      operations on events; http_plan.go: on plans
//	service.go   the rules: create, read; change.go: change and cancel; list.go
//	outbox.go    each change goes on to the booking side's writer as a new state
//	             of the event's sale, which commits with it and is handed over
//	             until the booking side has taken or refused it
//	input.go     what an organizer writes, checked field by field
//	store.go     rows; plans and price lists are immutable, by version
//	document.go  a seating plan as a document, and its checks
//	generate.go  plans made on the spot: theatre, arena, stadium, club
//	import.go    files: Discovery pages, pretix plans, boxoffice's own; all of
//	             them are checked before the first row is written
//
// An event has no seat rows. Its seats are the ordinals of its plan; the booking
// service keeps who has them.
package event
