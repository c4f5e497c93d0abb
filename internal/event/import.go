package event

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
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
}

// Imported says what an import did.
type Imported struct {
	New, Updated, Unchanged int // events
	Plans, Seats            int // seating plans in the files, and their seats
	Refs                    []ImportedPlan
}

// ImportedPlan tells how new events can name a plan that was imported.
type ImportedPlan struct {
	Name, ID string
	Version  int64
	Seats    int
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
}

// foundEvent is an event in a file: what it says, and what it needs.
type foundEvent struct {
	file, path string
	source     string // unique: format and id
	in         NewEvent
	planSource string // names a plan of the same import instead of in.Plan
	guessed    bool   // the file names no plan; in.Plan was chosen here
	cancelled  bool
}

type foundPlan struct {
	file, path string
	source     string
	doc        *planDocument
	plan       *message.Plan
}

// Import reads files, all of them, and writes what they hold in one transaction.
// Importing the same files again changes nothing. The error is a FileError when
// a file is at fault; then nothing is written.
func (s *Service) Import(ctx context.Context, files []ImportFile, opts ImportOptions) (Imported, error) {
	var all found
	for _, f := range files {
		got, err := parseFile(f)
		if err != nil {
			return Imported{}, err
		}
		all.events = append(all.events, got.events...)
		all.plans = append(all.plans, got.plans...)
	}
	if err := all.distinct(); err != nil {
		return Imported{}, err
	}
	if opts.ShiftTo != "" {
		if err := all.shift(opts.ShiftTo); err != nil {
			return Imported{}, err
		}
	}
	return s.store(ctx, &all, opts)
}

// parseFile tells the formats apart by content.
func parseFile(f ImportFile) (*found, error) {
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
	root := &node{reader: &reader{}, value: v}
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
		return nil, FileError{f.Name, root.fault.path, root.fault.reason}
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
	return out, nil
}

// syntax says where a JSON text breaks off.
func syntax(data []byte, offset int64, err error) string {
	var se *json.SyntaxError
	if errors.As(err, &se) {
		offset = se.Offset
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
func (f *found) distinct() error {
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
	if e.in.EventTime != nil {
		f := &faults{}
		if t, ok := f.instant("event_time", *e.in.EventTime, zone); ok {
			moved := t.In(zone).AddDate(0, 0, days).Format(time.RFC3339)
			e.in.EventTime = &moved
		}
	}
	if e.in.EventDate != "" {
		d, err := time.Parse(time.DateOnly, e.in.EventDate)
		if err == nil {
			e.in.EventDate = d.AddDate(0, 0, days).Format(time.DateOnly)
		}
	}
	for _, t := range []*time.Time{e.in.SaleOpensAt, e.in.SaleClosesAt} {
		if t != nil {
			*t = t.In(zone).AddDate(0, 0, days)
		}
	}
	return nil
}

// store checks events and plans as if they were sent to the API, and writes
// them in one transaction; the sales are handed over when it is committed.
func (s *Service) store(ctx context.Context, all *found, opts ImportOptions) (Imported, error) {
	var sum Imported
	plans := map[string]*planRow{}
	for i := range all.plans {
		p := &all.plans[i]
		row, err := s.importPlan(ctx, p)
		if err != nil {
			return sum, err
		}
		plans[p.source] = row
		sum.Plans++
		sum.Seats += row.seats
		sum.Refs = append(sum.Refs, ImportedPlan{row.name, row.id, row.version, row.seats})
	}
	type write struct {
		draft  *draft
		before int64 // version; 0: new
	}
	var writes []write
	for i := range all.events {
		d, before, err := s.importEvent(ctx, &all.events[i], plans, opts)
		switch {
		case err != nil:
			return sum, err
		case d == nil:
			sum.Unchanged++
			continue
		case before == 0:
			sum.New++
		default:
			sum.Updated++
		}
		writes = append(writes, write{d, before})
	}
	var changed []Event
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		changed = changed[:0]
		for _, row := range plans {
			if err := insertPlan(ctx, tx, row, s.now().UnixMicro()); err != nil {
				return err
			}
		}
		for _, w := range writes {
			if err := w.draft.save(ctx, tx, w.before); err != nil {
				return err
			}
			changed = append(changed, w.draft.event)
		}
		return nil
	})
	if err != nil {
		return Imported{}, fmt.Errorf("import: %w", err)
	}
	if len(changed) > 0 {
		if _, err := s.push(ctx, changed...); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// save writes a draft as a new event, or over the version before.
func (d *draft) save(ctx context.Context, tx *sql.Tx, before int64) error {
	if before == 0 {
		return d.insert(ctx, tx)
	}
	if err := insertVenue(ctx, tx, d.event.Venue); err != nil {
		return err
	}
	if len(d.tiers) > 0 {
		if err := insertPrices(ctx, tx, &message.Prices{EventID: d.event.ID, Version: d.event.PriceVersion, Currency: d.event.Currency, Tiers: d.tiers}); err != nil {
			return err
		}
	}
	return updateEvent(ctx, tx, &d.event, before)
}

// importPlan finds or makes the version of an imported plan: the same content
// is the same version, other content a new one.
func (s *Service) importPlan(ctx context.Context, p *foundPlan) (*planRow, error) {
	row, err := drawn(p.doc, p.plan)
	if err != nil {
		return nil, err
	}
	row.id = id.FromSource("plan", p.source)
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT version, fingerprint FROM plans WHERE id = $1 ORDER BY version`, row.id)
	if err != nil {
		return nil, fmt.Errorf("read plans: %w", err)
	}
	defer rows.Close()
	row.version = 1
	for rows.Next() {
		var version int64
		var fingerprint []byte
		if err := rows.Scan(&version, &fingerprint); err != nil {
			return nil, fmt.Errorf("read plans: %w", err)
		}
		if bytes.Equal(fingerprint, row.fingerprint) {
			row.version = version
			return row, rows.Err()
		}
		row.version = version + 1
	}
	return row, rows.Err()
}

// importEvent prepares an event for writing. No draft means that it is stored
// as it is already; before is the version that is replaced, 0 when it is new.
func (s *Service) importEvent(ctx context.Context, f *foundEvent, plans map[string]*planRow, opts ImportOptions) (d *draft, before int64, err error) {
	in := f.in
	if in.Price == nil && len(in.Tiers) == 0 && opts.Currency != "" {
		in.Price, in.Currency = &opts.DefaultPrice, opts.Currency
	}
	raw, err := json.Marshal(struct {
		In        NewEvent
		Plan      string
		Cancelled bool
	}{in, f.planSource, f.cancelled})
	if err != nil {
		return nil, 0, fmt.Errorf("import: %w", err)
	}
	hash := sha256.Sum256(raw)
	eventID := id.FromSource("event", f.source)
	old, err := s.read(ctx, eventID)
	known := err == nil
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return nil, 0, err
	}
	if known && bytes.Equal(old.SourceHash, hash[:]) {
		return nil, 0, nil
	}
	if f.planSource != "" {
		row := plans[f.planSource]
		if row == nil {
			return nil, 0, FileError{f.file, f.path + ".plan", fmt.Sprintf("names %q, which is not a plan of this import", f.planSource)}
		}
		row.plan.ID, row.plan.Version = row.id, row.version
		in.Plan = PlanInput{ID: row.id, Version: row.version, checked: row.plan}
	}
	wantSale := in.Status == message.OnSale
	if wantSale && in.Price == nil && len(in.Tiers) == 0 {
		in.Status = message.Published // not on sale until it is priced
	}
	if known {
		if err := s.keepPlan(ctx, f, &in, &old); err != nil {
			return nil, 0, err
		}
	}
	d, err = s.prepare(ctx, in)
	if err != nil {
		return nil, 0, f.fault(err)
	}
	e := &d.event
	if f.cancelled {
		e.Status = message.Cancelled
	}
	e.ID, e.OrganizerID, e.Source, e.SourceHash, e.CreatedAt = eventID, opts.OrganizerID, f.source, hash[:], s.now().UnixMicro()
	if !known {
		return d, 0, nil
	}
	return d, old.Version, d.over(&old, f, wantSale)
}

// keepPlan puts the plan of an event that is there into what a file says of it:
// seats that people hold do not change under them. A file that names another
// plan is refused; a newer version of the same plan, or another guess of this
// program where the file names none, is passed over.
func (s *Service) keepPlan(ctx context.Context, f *foundEvent, in *NewEvent, old *Event) error {
	if !f.guessed {
		_, p, err := s.planOf(ctx, in.Plan)
		if err != nil {
			return f.fault(err)
		}
		if p.ID != old.PlanID {
			return FileError{f.file, f.path + ".plan", "is another plan than the event has here; the plan of an event does not change"}
		}
	}
	in.Plan = PlanInput{ID: old.PlanID, Version: old.PlanVersion}
	if f.guessed && len(in.Tiers) > 0 {
		p, err := s.Plan(ctx, old.PlanID, old.PlanVersion)
		if err != nil {
			return err
		}
		in.Tiers = spread(in.Tiers[len(in.Tiers)-1].Price, in.Tiers[0].Price, bestFirst(p))
	}
	return nil
}

// over makes a draft the next version of an event that is there.
func (d *draft) over(old *Event, f *foundEvent, wantSale bool) error {
	e := &d.event
	if old.Currency != "" && e.Currency != "" && e.Currency != old.Currency {
		return FileError{f.file, f.path, "has another currency than the event has here"}
	}
	e.OrganizerID, e.CreatedAt, e.Version = old.OrganizerID, old.CreatedAt, old.Version+1
	e.Announced = e.Announced || old.Announced
	if len(d.tiers) > 0 {
		e.PriceVersion = old.PriceVersion + 1
	} else {
		e.PriceVersion, e.PriceFrom, e.Currency = old.PriceVersion, old.PriceFrom, old.Currency
		if wantSale && old.Status == message.OnSale {
			e.Status = message.OnSale // its organizer has priced it
		}
	}
	if old.Status == message.Cancelled {
		e.Status = message.Cancelled // bookings were given back: there is no way back
	}
	return nil
}

// fault turns what is wrong with an event into a fault of its file.
func (f *foundEvent) fault(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	if !f.guessed { // the file has the fields of an event
		return FileError{f.file, f.path + "." + e.Fields[0].Name, e.Fields[0].Reason}
	}
	return FileError{f.file, f.path, "cannot be an event: " + e.Fields[0].Name + " " + e.Fields[0].Reason}
}
