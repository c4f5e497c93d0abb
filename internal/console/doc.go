// Package console serves the organizer's pages: their events, a form to create and
// change one, the running sale, the attendees, and cancelling. Organizers see their own
// events, admins all; for everybody else these pages do not exist.
//
//	console.go    the console, its routes, access checks
//	services.go   what it needs of the services; bookings.go: of the booking service
//	dashboard.go  all events of an organizer
//	form.go       an event's form: values, faults, tiers; read.go: reading a request
//	edit.go       creating and changing an event with the form
//	live.go       the running sale; chart.go, hall.go: its pictures
//	sale.go       opening, pausing, closing and cancelling, each after a confirmation
//	seats.go      blocked and complimentary seats
//	attendees.go  the attendees as CSV
//	announcements.go  messages to everybody who has tickets
//	webhooks.go   the programs of an organizer that are told what happens
//	door.go       who is inside; door_rules.go, door_devices.go, door_guests.go: the door's
//	              rules, the devices, and guests with their scans
//	reconciliation.go  days compared with the payment gateway's list, for admins
package console
