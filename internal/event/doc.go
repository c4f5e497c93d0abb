// Package event is the event service: venues, seating plans, events and their prices.
// It implements eventapi.Service.
//
//	http.go       operations on events; http_plan.go: on plans
//	service.go    creates events
//	change.go     changes and cancels them: apply checks a change, merge puts it into the
//	              event, write stores it. replace.go: what a form and a sale action change
//	shown.go      stored events as eventapi.Event; recent.go: read a moment ago
//	list.go       lists; search.go, sitemap.go, console.go: what else lists events
//	outbox.go     offers each change to the booking side, as a new state of the
//	              event's sale: a message that commits with the change. It consumes
//	              the answers: accepted or refused. told.go: tells what has changed
//	input.go      checks that need the plan and prices; package check has the others
//	store.go      rows; catalogue.go: plans and price lists, immutable by version
//	import.go     stores what package importer has read from files
//
// An event has no rows for its seats. They are the ordinals of its plan; the booking
// service knows who has them.
package event
