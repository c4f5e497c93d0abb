package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
	"unicode/utf8"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Limits of imported files.
const (
	MaxImportFile   = 64 << 20 // bytes
	maxImportDepth  = 64
	maxImportEvents = 10_000
	maxImportValues = 8_000_000 // JSON values in a file: memory is theirs, not the bytes'
)

// ImportFile is a file to import.
type ImportFile struct {
	Name string
	Data []byte
}

// ImportOptions say how to import.
type ImportOptions struct {
	ShiftTo      string // YYYY-MM-DD on which the first event lands; "": as they are
	DefaultPrice int64  // minor units, for events without a price, if Currency is set
	Currency     string
	OrganizerID  string
	Strict       bool // refuse what would be left out
}

// Imported says what an import did.
type Imported struct {
	New, Updated, Unchanged int                   // events
	Plans, Seats            int                   // seating plans in the files, and their seats
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

// found is what a file holds, checked.
type found struct {
	events []foundEvent
	plans  []foundPlan
	notes  []Note
}

// foundEvent is an event in a file: what it says, and what it needs.
type foundEvent struct {
	file, path string
	source     string // unique: format and id
	in         eventapi.NewEvent
	planSource string // names a plan of the same import instead of in.Plan
	guessed    bool   // the file names no plan; in.Plan was chosen here
	cancelled  bool
}

type foundPlan struct {
	file, path string
	source     string
	doc        *seating.PlanDocument
	plan       *seating.Plan
}

// Import reads files, all of them, and writes what they hold in one transaction.
// Importing the same files again changes nothing. The error is a FileError when
// a file is at fault; then nothing is written.
func (s *Service) Import(ctx context.Context, files []ImportFile, opts ImportOptions) (Imported, error) {
	all, err := parseFiles(files, opts)
	if err != nil {
		return Imported{}, err
	}
	return s.store(ctx, all, opts)
}

// CheckImport reads the files as Import does, without a database: whoever would only
// open one for them learns first of a file that cannot be imported anywhere.
func CheckImport(files []ImportFile, opts ImportOptions) error {
	_, err := parseFiles(files, opts)
	return err
}

// parseFiles reads all files, and moves their dates.
func parseFiles(files []ImportFile, opts ImportOptions) (*found, error) {
	var all found
	for _, f := range files {
		got, err := parseFile(f, opts.Strict)
		if err != nil {
			return nil, err
		}
		all.events = append(all.events, got.events...)
		all.plans = append(all.plans, got.plans...)
		all.notes = append(all.notes, got.notes...)
	}
	if err := all.distinct(opts.Strict); err != nil {
		return nil, err
	}
	if len(all.events)+len(all.plans) == 0 { // nothing is left that could be imported
		for _, n := range all.notes {
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

// parseFile tells the formats apart by content.
func parseFile(f ImportFile, strict bool) (*found, error) {
	fail := func(path, format string, args ...any) (*found, error) {
		return nil, FileError{f.Name, path, fmt.Sprintf(format, args...)}
	}
	data := bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxImportFile:
		return fail("", "is larger than %d MiB", MaxImportFile>>20)
	case !utf8.Valid(data):
		at := invalidUTF8(data)
		return fail("", "line %d, byte %d: is not UTF-8", lineOf(data, at), at)
	case depth(data) > maxImportDepth:
		return fail("", "is nested deeper than %d levels", maxImportDepth)
	case bytes.Count(data, []byte{','})+bytes.Count(data, []byte{'['})+bytes.Count(data, []byte{'{'}) > maxImportValues:
		return fail("", "has more than %d values", maxImportValues)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fail("", "is not JSON: %s", syntax(data, d.InputOffset(), err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("", "line %d: has something behind its JSON value", lineOf(data, int(d.InputOffset())))
	}
	root := &node{reader: &reader{strict: strict}, value: v}
	out := &found{}
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
	if len(out.events) > maxImportEvents {
		return fail("", "has more than %d events", maxImportEvents)
	}
	for i := range out.events {
		out.events[i].file = f.Name
	}
	for i := range out.plans {
		out.plans[i].file = f.Name
	}
	for i := range out.notes {
		out.notes[i].File = f.Name
	}
	return out, nil
}

// syntax says where a JSON text breaks off.
func syntax(data []byte, offset int64, err error) string {
	var se *json.SyntaxError
	switch {
	case errors.As(err, &se):
		offset = se.Offset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(data))
	}
	return fmt.Sprintf("line %d, byte %d: %v", lineOf(data, int(offset)), offset, err)
}

func lineOf(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(offset, len(data))], []byte("\n"))
}

// invalidUTF8 is where a text stops to be UTF-8.
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

// distinct refuses the same id twice with different content, and drops repeats.
func (f *found) distinct(strict bool) error {
	known := map[string]foundPlan{}
	var plans []foundPlan
	for _, p := range f.plans {
		first, again := known[p.source]
		if !again {
			known[p.source] = p
			plans = append(plans, p)
			continue
		}
		if !reflect.DeepEqual(first.doc, p.doc) {
			return FileError{p.file, p.path, fmt.Sprintf("has a plan with the same name or id as %s, but other seats", first.file)}
		}
	}
	f.plans = plans
	seen := map[string]int{}
	var events []foundEvent
	for _, e := range f.events {
		i, again := seen[e.source]
		if !again {
			seen[e.source] = len(events)
			events = append(events, e)
			continue
		}
		first := events[i]
		if !reflect.DeepEqual(first.in, e.in) || first.planSource != e.planSource || first.cancelled != e.cancelled {
			if e.guessed && !strict { // pages overlap, and are read one after the other
				f.notes = append(f.notes, e.leftOut(&seating.Fault{Path: e.path, Reason: fmt.Sprintf("has the same id as %s in %s, but says something else", first.path, first.file)}))
				continue
			}
			return FileError{e.file, e.path, fmt.Sprintf("has the same id as %s in %s, but says something else", events[i].path, events[i].file)}
		}
	}
	f.events = events
	return nil
}

// shift moves all dates by the same number of days, so that the first event
// lands on a date. Wall times stay as they are, also over changes of the clock.
func (f *found) shift(to string) error {
	target, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return fmt.Errorf("--shift-to: %q is not a date such as 2027-03-01", to)
	}
	var first time.Time
	dates := make([]time.Time, len(f.events))
	for i := range f.events {
		d, ok := f.events[i].date()
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
	for i := range f.events {
		if err := f.events[i].shift(days); err != nil {
			return err
		}
	}
	return nil
}

// zone is the event's time zone; the format's reader has checked it.
func (e *foundEvent) zone() *time.Location {
	name := e.in.TimeZone
	if name == "" {
		name = e.in.Venue.TimeZone
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return z
}

// date is the local date of an event, at midnight UTC; false when unknown.
func (e *foundEvent) date() (time.Time, bool) {
	text := e.in.EventDate
	if e.in.EventTime != nil {
		f := &faults{}
		t, ok := f.instant("event_time", *e.in.EventTime, e.zone())
		if !ok {
			return time.Time{}, false
		}
		text = t.In(e.zone()).Format(time.DateOnly)
	}
	d, err := time.Parse(time.DateOnly, text)
	return d, err == nil
}

func (e *foundEvent) shift(days int) error {
	zone := e.zone()
	for _, at := range []**string{&e.in.EventTime, &e.in.EndTime} {
		if *at == nil {
			continue
		}
		f := &faults{}
		if t, ok := f.instant("event_time", **at, zone); ok {
			moved := t.In(zone).AddDate(0, 0, days).Format(time.RFC3339)
			*at = &moved
		}
	}
	for _, date := range []*string{&e.in.EventDate, &e.in.EndDate} {
		if d, err := time.Parse(time.DateOnly, *date); err == nil {
			*date = d.AddDate(0, 0, days).Format(time.DateOnly)
		}
	}
	for _, t := range []*time.Time{e.in.SaleOpensAt, e.in.SaleClosesAt} {
		if t != nil {
			*t = t.In(zone).AddDate(0, 0, days)
		}
	}
	return nil
}
