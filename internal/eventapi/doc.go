// Package eventapi is the contract of the event service: the types that cross its
// border, and the interface that others may use. Event is an event as everybody reads
// it; NewEvent and Update are what organizers give.
package eventapi
