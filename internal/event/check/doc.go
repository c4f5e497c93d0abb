// Package check validates what organizers and import files say about an event, field by
// field. Faults collects errors; When is the time of an event.
package check
