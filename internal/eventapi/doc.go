// Package eventapi is the contract of the event service: its interface for other
// services and pages, and the types in it. Event is an event as it is read; NewEvent and
// Update are what organizers send.
package eventapi
