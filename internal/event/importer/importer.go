package importer

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"time"
	"unicode/utf8"

	"boxoffice/internal/codec"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Limits of imported files.
const (
	MaxFile   = 64 << 20 // bytes
	maxDepth  = 64
	MaxEvents = 10_000
	maxValues = 8_000_000 // JSON values in a file: they cost more memory than the bytes do
)

// File is a file to import.
type File struct {
	Name string
	Data []byte
}

// Options say how to import.
type Options struct {
	ShiftTo      string // YYYY-MM-DD on which the first event lands; "": as they are
	DefaultPrice int64  // minor units, for events without a price, if Currency is set
	Currency     string
	OrganizerID  string
	Strict       bool // refuse the file instead of leaving something out
}

// Result says what an import did.
type Result struct {
	New, Updated, Unchanged int                   // events
	Plans, Seats            int                   // seating plans in the files, and their seats
	KnownPlans              int                   // those of them that were stored already, unchanged
	Refs                    []eventapi.StoredPlan // how new events can name the plans
	Notes                   []Note                // what was left out
}

// FileError is a fault of a file at a place in it.
type FileError struct{ File, Path, Reason string }

func (e FileError) Error() string {
	if e.Path == "" {
		return e.File + ": " + e.Reason
	}
	return e.File + ": " + e.Path + " " + e.Reason
}

// Batch is what files hold, checked as far as that needs no database.
type Batch struct {
	Events []Event
	Plans  []Plan
	Notes  []Note
}

// Event is an event of a file.
type Event struct {
	File, Path string            // where it is
	Source     string            // format and the event's id in it; unique
	New        eventapi.NewEvent // what the file says of it
	PlanSource string            // names a plan of the same import, instead of New.Plan
	Guessed    bool              // the file names no plan: New.Plan is a guess
	Cancelled  bool
}

// Plan is a seating plan of a file.
type Plan struct {
	File, Path string
	Source     string
	Document   *seating.PlanDocument
	Plan       *seating.Plan
}

// Read reads files, all of them, and moves their dates. The error is a FileError when a
// file is at fault.
func Read(files []File, opts Options) (*Batch, error) {
	var all Batch
	for _, f := range files {
		got, err := readFile(f, opts.Strict)
		if err != nil {
			return nil, err
		}
		all.Events = append(all.Events, got.Events...)
		all.Plans = append(all.Plans, got.Plans...)
		all.Notes = append(all.Notes, got.Notes...)
	}
	if err := all.distinct(opts.Strict); err != nil {
		return nil, err
	}
	if len(all.Events)+len(all.Plans) == 0 { // nothing can be imported
		for _, n := range all.Notes {
			if n.Whole {
				return nil, FileError{n.File, n.Path, n.Reason}
			}
		}
	}
	if opts.ShiftTo != "" {
		if err := all.shift(opts.ShiftTo); err != nil {
			return nil, err
		}
	}
	return &all, nil
}

// readFile reads a file. Its content tells the format.
func readFile(f File, strict bool) (*Batch, error) {
	fail := func(path, format string, args ...any) (*Batch, error) {
		return nil, FileError{f.Name, path, fmt.Sprintf(format, args...)}
	}
	data := bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxFile:
		return fail("", "is larger than %d MiB", MaxFile>>20)
	case !utf8.Valid(data):
		at := invalidUTF8(data)
		return fail("", "line %d, byte %d: is not UTF-8", lineOf(data, at), at)
	case check.Depth(data) > maxDepth:
		return fail("", "is nested deeper than %d levels", maxDepth)
	case bytes.Count(data, []byte{','})+bytes.Count(data, []byte{'['})+bytes.Count(data, []byte{'{'}) > maxValues:
		return fail("", "has more than %d values", maxValues)
	}
	v, err := codec.ReadTree(data)
	if err != nil {
		return nil, notJSON(f.Name, data, err)
	}
	root := &node{reader: &reader{strict: strict}, value: v}
	out := &Batch{}
	object, ok := v.(map[string]any)
	switch {
	case !ok:
		return fail("", "is not a JSON object")
	case object["boxoffice"] != nil:
		readOwn(root, out)
	case object["zones"] != nil || object["categories"] != nil:
		readPretix(root, out)
	case object["_embedded"] != nil || object["page"] != nil:
		readDiscovery(root, out)
	default:
		return fail("", "is none of the formats that can be imported: a Discovery page (_embedded.events), a pretix seating plan (zones) or boxoffice's own (boxoffice)")
	}
	if root.fault != nil {
		return nil, FileError{f.Name, root.fault.Path, root.fault.Reason}
	}
	if len(out.Events) > MaxEvents {
		return fail("", "has more than %d events", MaxEvents)
	}
	for i := range out.Events {
		out.Events[i].File = f.Name
	}
	for i := range out.Plans {
		out.Plans[i].File = f.Name
	}
	for i := range out.Notes {
		out.Notes[i].File = f.Name
	}
	return out, nil
}

// notJSON describes why a file could not be read, and where.
func notJSON(name string, data []byte, err error) error {
	f, _ := codec.FaultOf(err)
	line := lineOf(data, f.Offset)
	switch {
	case f.Twice():
		return FileError{name, f.Path, fmt.Sprintf("appears twice, the second time in line %d", line)}
	case f.NotUnicode:
		return FileError{name, f.Path, fmt.Sprintf("%s: line %d, byte %d", f.Reason, line, f.Offset)}
	}
	return FileError{name, "", fmt.Sprintf("%s: line %d, byte %d", cmp.Or(f.Reason, "is not JSON"), line, f.Offset)}
}

func lineOf(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(offset, len(data))], []byte("\n"))
}

// invalidUTF8 returns the place of the first byte that is not UTF-8.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// distinct drops repeated events and plans. The same id with other content is a fault.
func (f *Batch) distinct(strict bool) error {
	known := map[string]Plan{}
	var plans []Plan
	for _, p := range f.Plans {
		first, again := known[p.Source]
		if !again {
			known[p.Source] = p
			plans = append(plans, p)
			continue
		}
		if !reflect.DeepEqual(first.Document, p.Document) {
			return FileError{p.File, p.Path, fmt.Sprintf("has a plan with the same name or id as %s, but other seats", first.File)}
		}
	}
	f.Plans = plans
	seen := map[string]int{}
	var events []Event
	for _, e := range f.Events {
		i, again := seen[e.Source]
		if !again {
			seen[e.Source] = len(events)
			events = append(events, e)
			continue
		}
		first := events[i]
		if !reflect.DeepEqual(first.New, e.New) || first.PlanSource != e.PlanSource || first.Cancelled != e.Cancelled {
			if e.Guessed && !strict { // pages overlap, and are read one after the other
				f.Notes = append(f.Notes, e.LeftOut(e.Path, fmt.Sprintf("has the same id as %s in %s, but says something else", first.Path, first.File)))
				continue
			}
			return FileError{e.File, e.Path, fmt.Sprintf("has the same id as %s in %s, but says something else", events[i].Path, events[i].File)}
		}
	}
	f.Events = events
	return nil
}

// shift moves all dates by the same number of days, so that the first event is on a
// date. Local times of day stay the same, also across daylight saving changes.
func (f *Batch) shift(to string) error {
	target, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return fmt.Errorf("--shift-to: %q is not a date such as 2027-03-01", to)
	}
	var first time.Time
	dates := make([]time.Time, len(f.Events))
	for i := range f.Events {
		d, ok := f.Events[i].date()
		if !ok {
			continue
		}
		dates[i] = d
		if first.IsZero() || d.Before(first) {
			first = d
		}
	}
	if first.IsZero() {
		return nil
	}
	days := int(target.Sub(first).Hours() / 24)
	for i := range f.Events {
		if err := f.Events[i].shift(days); err != nil {
			return err
		}
	}
	return nil
}

// zone is the event's time zone; the format's reader has checked it.
func (e *Event) zone() *time.Location {
	name := e.New.TimeZone
	if name == "" {
		name = e.New.Venue.TimeZone
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return z
}

// date is the local date of an event, at midnight UTC; false when unknown.
func (e *Event) date() (time.Time, bool) {
	text := e.New.EventDate
	if e.New.EventTime != nil {
		f := &check.Faults{}
		t, ok := f.Instant("event_time", *e.New.EventTime, e.zone())
		if !ok {
			return time.Time{}, false
		}
		text = t.In(e.zone()).Format(time.DateOnly)
	}
	d, err := time.Parse(time.DateOnly, text)
	return d, err == nil
}

func (e *Event) shift(days int) error {
	zone := e.zone()
	for _, at := range []**string{&e.New.EventTime, &e.New.EndTime} {
		if *at == nil {
			continue
		}
		f := &check.Faults{}
		if t, ok := f.Instant("event_time", **at, zone); ok {
			moved := t.In(zone).AddDate(0, 0, days).Format(time.RFC3339)
			*at = &moved
		}
	}
	for _, date := range []*string{&e.New.EventDate, &e.New.EndDate} {
		if d, err := time.Parse(time.DateOnly, *date); err == nil {
			*date = d.AddDate(0, 0, days).Format(time.DateOnly)
		}
	}
	for _, t := range []*time.Time{e.New.SaleOpensAt, e.New.SaleClosesAt} {
		if t != nil {
			*t = t.In(zone).AddDate(0, 0, days)
		}
	}
	return nil
}
