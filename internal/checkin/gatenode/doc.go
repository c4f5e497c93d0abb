// Package gatenode is what a gate node has instead of the box office: the list, the rules
// and the scans that it has fetched from there, and the line through which it asks and tells.
//
//	node.go    the gate node: what it knows, and what package checkin asks of it
//	sync.go    fetches what has changed, and follows the live feed
//	push.go    sends the scans of which the box office does not know
//	ask.go     asks the box office about a scan, and waits a moment only
//	office.go  the requests, and the errors that answer them
//	kept.go    the tables; pairing.go: the file with the gate node's token
//	clock.go   the server's time, by its offset to this machine's
//
// A device scans at the gate node as it does at the box office, and package checkin decides
// there as here. What differs is behind checkin.Line: a ticket is good if the list says so,
// and while the box office answers, it is asked first. What was decided here goes up, and
// what was decided elsewhere comes down; both may be repeated, since scans are a set that
// only grows (docs/decisions/0051).
package gatenode
