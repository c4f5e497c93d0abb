// Package checkin is the check-in service: it lets people in, and knows who is inside.
//
//	decide.go    the decision about one scan, and what the scans of a seat say; pure
//	code.go      what the code of a ticket says
//	scans.go     takes scans, many in one transaction
//	view.go      the scans, settings and devices of an event, as this node knows them
//	store.go     the tables
//	settings.go  entrances and rules of an event's door
//	devices.go   pairing codes, devices, their tokens
//	visits.go    who is inside: attendance, guests, corrections; history.go: the scans of a booking
//	lists.go     lists of guests; names.go: the guests that devices keep; log.go: what was done by hand
//	live.go      what devices are told: new scans, a new list, new rules
//	list.go      the list of tickets, and its changes, as devices read them
//	line.go      at a gate node: the line to the box office (package gatenode)
//	gate.go      a device that decides alone, as the check-in app does; for rehearsals and tests
//	http.go      the operations of the API; http_device.go those of devices, http_node.go of gate nodes
//
// A scan goes from POST /door/scans into a queue. Whatever waits there for one event is
// decided together: the owners of its seats are read, the event's row in door_events is
// locked, what other nodes have added since is read, every scan is decided in order, and all
// are written in one transaction. So a ticket is let in once, whichever nodes its copies are
// scanned at.
//
// Scans are a set that only grows (docs/decisions/0047): a device that cannot reach a node
// decides alone and sends its scans later, and what all of them say together does not depend
// on the order in which they arrive.
//
// Nothing of this is on the way of a purchase.
package checkin
