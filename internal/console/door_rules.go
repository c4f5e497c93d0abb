package console

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/seating"
)

// doorForm is the form of an event's door, as it is stored or was sent.
type doorForm struct {
	Event          *eventapi.Event
	Plan           *seating.Plan
	Version        int64
	Entrances      []entranceForm
	Reentry, Alone string
	Opens, Closes  string // local times of the venue
	Names          bool
	Codes          string // fixed, rotating, or phones: rotating, and nothing else is good
	Faults         []fault
	Theirs         []fault // what others have set in the meantime
	Problem        string
	Nowhere        []string // sections without an entrance, as it is stored
}

// entranceForm is a row of the form.
type entranceForm struct {
	ID, Name      string
	Sections      []string
	Reentry       string // "": the event's, as with the times
	Opens, Closes string
}

// Own reports whether it has rules of its own.
func (e entranceForm) Own() bool { return e.Reentry != "" || e.Opens != "" || e.Closes != "" }

// Has reports whether a section's guests enter here.
func (e entranceForm) Has(id string) bool { return slices.Contains(e.Sections, id) }

// Listed are the ids of its sections, as they are typed.
func (e entranceForm) Listed() string { return strings.Join(e.Sections, ", ") }

// Of returns what is wrong with a field; "": nothing.
func (f *doorForm) Of(name string) string {
	for _, one := range f.Faults {
		if one.Field == name {
			return one.Text
		}
	}
	return ""
}

// First reports whether a field is the first faulty one.
func (f *doorForm) First(name string) bool { return len(f.Faults) > 0 && f.Faults[0].Field == name }

// sectionsBoxed is for how many sections each entrance has boxes to tick; the ids of more
// are typed.
const sectionsBoxed = 40

// Boxed reports whether sections are ticked.
func (f *doorForm) Boxed() bool { return len(f.Plan.Sections) <= sectionsBoxed }

// doorFormOf is the form of settings.
func doorFormOf(v *page.Visit, e *eventapi.Event, plan *seating.Plan, s *checkinapi.Settings) *doorForm {
	zone, name := zoneOf(e), namesOf(v, s)
	clock := func(micros int64) string {
		if micros == 0 {
			return ""
		}
		return time.UnixMicro(micros).In(zone).Format(local)
	}
	f := &doorForm{Event: e, Plan: plan, Version: s.Version, Reentry: string(s.Reentry), Alone: string(s.Alone), Opens: clock(s.OpensAt), Closes: clock(s.ClosesAt), Names: s.Names, Codes: shownAs(s), Nowhere: nowhere(s, plan)}
	for _, one := range s.Entrances {
		f.Entrances = append(f.Entrances, entranceForm{one.ID, name(one.ID), one.Sections, string(one.Reentry), clock(one.OpensAt), clock(one.ClosesAt)})
	}
	return f
}

// onlyPhones is the choice of codes that rotate, without printed ones.
const onlyPhones = "phones"

// shownAs is the choice of how tickets are shown.
func shownAs(s *checkinapi.Settings) string {
	switch {
	case !s.Rotates():
		return string(checkinapi.CodesFixed)
	case !s.Paper:
		return onlyPhones
	}
	return string(checkinapi.CodesRotating)
}

// doorSettings shows the rules of a door, and changes them.
func (c *Console) doorSettings(v *page.Visit, e *eventapi.Event) error {
	plan, err := c.planOf(v.Context(), e)
	if err != nil {
		return err
	}
	now, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	f := doorFormOf(v, e, plan, &now)
	if v.Method == http.MethodPost {
		f.read(v)
		switch do, row, _ := strings.Cut(v.PostFormValue("do"), ":"); do {
		case "add":
			f.Entrances = append(f.Entrances, entranceForm{})
		case "drop":
			if i, err := strconv.Atoi(row); err == nil && i >= 0 && i < len(f.Entrances) {
				f.Entrances = slices.Delete(f.Entrances, i, i+1)
			}
		default:
			done, err := c.saveDoor(v, f, &now)
			if err != nil {
				return err
			}
			if done {
				v.Notice("door-saved")
				return v.Go(at(e, "/door"))
			}
		}
	}
	return v.Show(c.set, "door_settings", page.Meta{Title: v.T("door.settings"), NoIndex: true}, f)
}

// read reads the form as it was sent.
func (f *doorForm) read(v *page.Visit) {
	_ = v.ParseForm() // what cannot be read is missing
	f.Version, f.Entrances = -1, nil
	if n, err := strconv.ParseInt(v.PostFormValue("version"), 10, 64); err == nil && n >= 0 {
		f.Version = n
	}
	for i := range checkinapi.MaxEntrances + 1 {
		path := fmt.Sprintf("entrances[%d].", i)
		if !v.PostForm.Has(path + "name") {
			break
		}
		get := func(field string) string { return v.PostForm.Get(path + field) }
		one := entranceForm{ID: get("id"), Name: get("name"), Reentry: get("reentry"), Opens: get("opens_at"), Closes: get("closes_at")}
		for _, text := range v.PostForm[path+"sections"] {
			if f.Plan.SectionByID(text) >= 0 {
				one.Sections = append(one.Sections, text)
				continue
			}
			one.Sections = append(one.Sections, labelsIn(text)...)
		}
		f.Entrances = append(f.Entrances, one)
	}
	f.Reentry, f.Alone, f.Names = v.PostFormValue("reentry"), v.PostFormValue("alone"), v.PostFormValue("names") != ""
	f.Opens, f.Closes, f.Codes = v.PostFormValue("opens_at"), v.PostFormValue("closes_at"), v.PostFormValue("codes")
}

// settings returns the settings that the form describes, and what cannot be read.
func (f *doorForm) settings() (s checkinapi.Settings, bad []errs.Field) {
	s = checkinapi.Settings{EventID: f.Event.ID, Reentry: checkinapi.Reentry(f.Reentry), Alone: checkinapi.Alone(f.Alone), Names: f.Names, Codes: checkinapi.Codes(f.Codes), Paper: f.Codes != onlyPhones}
	if f.Codes == onlyPhones {
		s.Codes = checkinapi.CodesRotating
	}
	zone, taken := zoneOf(f.Event), map[string]bool{}
	for _, one := range f.Entrances {
		taken[one.ID] = true
	}
	for i := range f.Entrances {
		one := &f.Entrances[i]
		if one.ID == "" {
			one.ID = entranceID(one.Name, taken)
			taken[one.ID] = true
		}
		e, path := checkinapi.Entrance{ID: one.ID, Name: one.Name, Sections: one.Sections, Reentry: checkinapi.Reentry(one.Reentry)}, fmt.Sprintf("entrances[%d].", i)
		e.OpensAt, bad = instant(bad, path+"opens_at", one.Opens, zone)
		e.ClosesAt, bad = instant(bad, path+"closes_at", one.Closes, zone)
		s.Entrances = append(s.Entrances, e)
	}
	s.OpensAt, bad = instant(bad, "opens_at", f.Opens, zone)
	s.ClosesAt, bad = instant(bad, "closes_at", f.Closes, zone)
	return s, bad
}

// instant reads a local time, in µs since 1970, and adds what is wrong with it to bad. No
// text is no time.
func instant(bad []errs.Field, field, text string, zone *time.Location) (int64, []errs.Field) {
	if text == "" {
		return 0, bad
	}
	t, why := eventapi.Instant(text, zone)
	if !why.None() {
		return 0, append(bad, why.In(field))
	}
	return t.UnixMicro(), bad
}

var notOfIDs = regexp.MustCompile(`[^a-z0-9]+`)

// entranceID makes an id that no other entrance has. Devices are paired with it, so it
// stays when the name changes.
func entranceID(name string, taken map[string]bool) string {
	id := strings.Trim(notOfIDs.ReplaceAllString(slug.Make(name), "-"), "-")
	id = strings.Trim(id[:min(len(id), 26)], "-")
	if id == "" {
		id = "entrance"
	}
	for n, base := 2, id; taken[id]; n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

// saveDoor stores the form's settings. What is wrong is in the form afterwards.
func (c *Console) saveDoor(v *page.Visit, f *doorForm, now *checkinapi.Settings) (done bool, err error) {
	s, bad := f.settings()
	if len(bad) > 0 {
		f.add(v, bad)
		v.Status(http.StatusUnprocessableEntity)
		return false, nil
	}
	version := f.Version
	if version == 0 {
		version = errs.NotYet
	}
	_, err = c.Door.SetSettings(v.Context(), v.Caller, version, s)
	e := errs.Of(err)
	switch {
	case err == nil:
		return true, nil
	case e != nil && len(e.Fields) > 0:
		f.add(v, e.Fields)
		v.Status(http.StatusUnprocessableEntity)
	case errs.Is(err, "changed-meanwhile"):
		return false, c.doorOvertaken(v, f)
	case errs.Is(err, "entrance-in-use"):
		v.Status(http.StatusConflict)
		if f.Problem, err = c.inUse(v, f.Event, now, s.Entrances); err != nil {
			return false, err
		}
	default:
		text, ok := v.Reason(err)
		if !ok {
			return false, err
		}
		f.Problem = text
	}
	return false, nil
}

// inUse says which entrance is missing that devices are paired with.
func (c *Console) inUse(v *page.Visit, e *eventapi.Event, now *checkinapi.Settings, kept []checkinapi.Entrance) (string, error) {
	devices, err := c.Door.Devices(v.Context(), v.Caller, e.ID)
	if err != nil {
		return "", err
	}
	name := namesOf(v, now)
	for i := range devices {
		d := &devices[i]
		if d.RevokedAt == 0 && d.Entrance != "" && !slices.ContainsFunc(kept, func(k checkinapi.Entrance) bool { return k.ID == d.Entrance }) {
			return v.T("door.in-use", "Entrance", name(d.Entrance), "Device", d.Name), nil
		}
	}
	return v.T("problem.entrance-in-use"), nil
}

// doorOvertaken shows the form next to what somebody else has set in the meantime; saving it
// again replaces that.
func (c *Console) doorOvertaken(v *page.Visit, f *doorForm) error {
	now, err := c.Door.Settings(v.Context(), v.Caller, f.Event.ID)
	if err != nil {
		return err
	}
	theirs := doorFormOf(v, f.Event, f.Plan, &now)
	differs := func(field, mine, other, text string) {
		if mine != other {
			f.Theirs = append(f.Theirs, fault{Field: field, Text: text})
		}
	}
	differs("entrances", f.entrances(v), theirs.entrances(v), theirs.entrances(v))
	differs("reentry", f.Reentry, theirs.Reentry, chosen(v, "door.reentry", theirs.Reentry))
	differs("opens_at", f.Opens, theirs.Opens, theirs.hour(v, theirs.Opens))
	differs("closes_at", f.Closes, theirs.Closes, theirs.hour(v, theirs.Closes))
	differs("alone", f.Alone, theirs.Alone, chosen(v, "door.alone", theirs.Alone))
	differs("codes", f.Codes, theirs.Codes, chosen(v, "door.codes", theirs.Codes))
	differs("names", strconv.FormatBool(f.Names), strconv.FormatBool(theirs.Names), chosen(v, "door.names", strconv.FormatBool(theirs.Names)))
	f.Version, f.Nowhere, f.Problem = now.Version, theirs.Nowhere, v.T("door.overtaken")
	v.Status(http.StatusPreconditionFailed)
	return nil
}

// chosen is what a choice is called.
func chosen(v *page.Visit, what, value string) string { return v.T(what + "." + value) }

// hour writes a time of the form for people.
func (f *doorForm) hour(v *page.Visit, text string) string {
	t, err := time.Parse(local, text)
	if err != nil {
		return v.T("door.hour.none")
	}
	return locale.When(v.Lang, t, locale.Short)
}

// Other returns what others have set a field to in the meantime; "": nothing.
func (f *doorForm) Other(field string) string {
	for _, one := range f.Theirs {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

// entrances lists the entrances with their sections and rules in a line.
func (f *doorForm) entrances(v *page.Visit) string {
	var list []string
	for _, one := range f.Entrances {
		text, of := strings.TrimSpace(one.Name), slices.Clone(one.Sections)
		if one.Reentry != "" {
			of = append(of, v.T("door.field.reentry")+": "+chosen(v, "door.reentry", one.Reentry))
		}
		if one.Opens != "" {
			of = append(of, v.T("door.field.opens_at")+": "+f.hour(v, one.Opens))
		}
		if one.Closes != "" {
			of = append(of, v.T("door.field.closes_at")+": "+f.hour(v, one.Closes))
		}
		if len(of) > 0 {
			text += " (" + strings.Join(of, ", ") + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

var (
	sectionFault = regexp.MustCompile(`^(entrances\[\d+\]\.sections)\[\d+\]$`)
	idFault      = regexp.MustCompile(`^(entrances\[\d+\]\.)id$`)
)

// add records faults of fields; the first one of each field counts.
func (f *doorForm) add(v *page.Visit, fields []errs.Field) {
	for _, one := range fields {
		name := sectionFault.ReplaceAllString(idFault.ReplaceAllString(one.Name, "${1}name"), "$1")
		if f.Of(name) == "" {
			f.Faults = append(f.Faults, fault{Field: name, Text: v.Fault(one)})
		}
	}
	f.Problem = v.T("fault.some")
}
