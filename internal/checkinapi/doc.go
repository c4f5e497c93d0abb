// Package checkinapi is the contract of the check-in service: who is let in, by which
// device, at which entrance.
//
//	settings.go  entrances and rules of an event's door
//	device.go    pairing codes, and the devices that were paired with them
//	scan.go      scans, the reasons of their outcomes, and what is said about a visit
//	history.go   what was scanned of a booking
//	list.go      lists of guests: press, VIP
//	log.go       what was done by hand, by whom, and why
//	issue.go     issues of tickets: which code of a seat is the current one
//	service.go   the interfaces, in narrow parts
//	problems.go  the errors
//
// Times are µs since 1970, except those of scans: a device stamps them in ms, with its
// hybrid logical clock. Seats are ordinals of the event's seating plan.
package checkinapi
