// Package check checks what organizers and import files say of an event, field by
// field. Faults collects what is wrong; When is when the event takes place.
package check
