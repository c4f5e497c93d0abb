// Package console is the organizer's pages: their events, a form to make and
// change one, the sale as it goes, who comes, and the end of it. Organizers see
// their own events, admins all; to others there is nothing here.
//
//	console.go    the console, its addresses, who may come in
//	services.go   what it needs of the ticket office; bookings.go: of what was sold
//	dashboard.go  all events of an organizer
//	form.go       an event's form: values, faults, tiers; read.go: from a request
//	edit.go       making and changing an event with it
//	live.go       the sale as it goes; chart.go, hall.go: as pictures
//	sale.go       opening, pausing, closing and cancelling, each after a question
//	seats.go      seats kept back and given away
//	attendees.go  who comes, as CSV
package console
