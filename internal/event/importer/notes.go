package importer

import (
	"fmt"

	"boxoffice/internal/seating"
)

// Discovery pages are imported as far as possible: an event, or a part of an event, that
// cannot be read is left out and noted. A strict import refuses the file instead.

// Note is something that an import has left out.
type Note struct {
	File, Path string
	Title      string // of the event
	Reason     string
	Whole      bool // the event as a whole
}

func (n Note) String() string {
	what := "imported without that"
	if n.Whole {
		what = "left out"
	}
	return fmt.Sprintf("%s (%q is %s)", FileError{n.File, n.Path, n.Reason}, n.Title, what)
}

// Fault is an error of the file. Below is the path within the event.
func (e *Event) Fault(below, format string, args ...any) error {
	return FileError{e.File, e.Path + below, fmt.Sprintf(format, args...)}
}

// LeftOut notes that an event is left out, for a reason.
func (e *Event) LeftOut(path, reason string) Note {
	return Note{File: e.File, Path: path, Title: e.New.Title, Reason: reason, Whole: true}
}

// part reads a part of an event. If it has a fault, drop removes the part from the
// event, and the fault is noted. In a strict import the fault counts.
func (n *node) part(drop func(), read func(n *node)) {
	own := *n
	own.reader = &reader{strict: n.strict, clean: n.clean}
	read(&own)
	n.notes = append(n.notes, own.notes...)
	switch {
	case own.fault == nil:
	case n.strict:
		if n.fault == nil {
			n.fault = own.fault
		}
	default:
		drop()
		n.notes = append(n.notes, *own.fault)
	}
}

// without notes that a part of an event is not imported. In a strict import that is a
// fault.
func (n *node) without(format string, args ...any) {
	if n.strict {
		n.fail(format, args...)
		return
	}
	n.notes = append(n.notes, seating.Fault{Path: n.path, Reason: fmt.Sprintf(format, args...)})
}
