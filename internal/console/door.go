package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// Door is what the console needs of the check-in service.
type Door interface {
	checkinapi.Rules
	checkinapi.Pairings
	checkinapi.Visits
	checkinapi.Histories
	checkinapi.Lists
	checkinapi.Logs
}

// evening is the state of an event's door.
type evening struct {
	Event     *eventapi.Event
	A         checkinapi.Attendance
	Entrances []checkinapi.Count
	Devices   int // that may scan now
	Silent    []deviceRow
	Doubles   []doubleRow
	More      int // doubles that are not listed
	Nowhere   []string
	Shut      bool // the times of the door do not fit the event; see shut
	Alone     checkinapi.Alone
	Flow      flow
	Now       time.Time // in the event's zone
}

// Coming is how many tickets nobody has come in with yet.
func (s *evening) Coming() int64 { return max(0, s.A.Tickets-s.A.Entered) }

// Left is how many have left again.
func (s *evening) Left() int64 { return max(0, s.A.Entered-s.A.Inside) }

// doubleRow is a seat with which somebody came in while somebody was inside.
type doubleRow struct {
	checkinapi.Visit
	Place              bookingapi.Place
	First, Second      time.Time
	Where, SecondWhere string
}

const doublesShown = 50

// evening collects all of this.
func (c *Console) evening(v *page.Visit, e *eventapi.Event) (*evening, error) {
	ctx, zone := v.Context(), zoneOf(e)
	s := &evening{Event: e, Now: v.Now().In(zone)}
	var err error
	if s.A, err = c.Door.Attendance(ctx, v.Caller, e.ID); err != nil {
		return nil, err
	}
	rules, err := c.Door.Settings(ctx, v.Caller, e.ID)
	if err != nil {
		return nil, err
	}
	devices, err := c.Door.Devices(ctx, v.Caller, e.ID)
	if err != nil {
		return nil, err
	}
	plan, err := c.planOf(ctx, e)
	if err != nil {
		return nil, err
	}
	name := namesOf(v, &rules)
	for _, n := range s.A.Entrances {
		n.Name = name(n.ID)
		s.Entrances = append(s.Entrances, n)
	}
	s.Alone, s.Nowhere, s.Flow = rules.Alone, nowhere(&rules, plan), flowOf(s.A.Pace, s.Now)
	s.Shut = shut(&rules, e)
	for i := range devices {
		d := deviceRowOf(v, e, &rules, &devices[i])
		if d.State == deviceReady {
			s.Devices++
		}
		if d.Silent {
			s.Silent = append(s.Silent, d)
		}
	}
	for _, one := range s.A.Doubles[:min(len(s.A.Doubles), doublesShown)] {
		row := doubleRow{Visit: one, Place: placeOf(&one.Spot), First: time.UnixMilli(one.In).In(zone), Where: name(one.Entrance)}
		if one.Double != nil {
			row.Second, row.SecondWhere = time.UnixMilli(one.Double.At).In(zone), name(one.Double.Entrance)
		}
		s.Doubles = append(s.Doubles, row)
	}
	s.More = len(s.A.Doubles) - len(s.Doubles)
	return s, nil
}

func (c *Console) planOf(ctx context.Context, e *eventapi.Event) (*seating.Plan, error) {
	return c.Events.ChosenPlan(ctx, eventapi.PlanChoice{ID: e.PlanID, Version: e.PlanVersion})
}

// namesOf returns the names of entrances, for people. Entrances that were removed are
// called by their id.
func namesOf(v *page.Visit, rules *checkinapi.Settings) func(id string) string {
	return func(id string) string {
		if id == "" {
			return v.T("door.entrance.none")
		}
		if rules.Version == 0 && id == checkinapi.MainEntrance {
			return v.T("door.entrance.main")
		}
		if e, ok := rules.Entrance(id); ok {
			return e.Name
		}
		return id
	}
}

// shut reports whether every entrance closes before an event begins, or opens later. The times of a
// door stay as they are when the event is moved.
func shut(rules *checkinapi.Settings, e *eventapi.Event) bool {
	begins := e.Starts.UnixMicro()
	return !e.Starts.IsZero() && !slices.ContainsFunc(rules.Entrances, func(one checkinapi.Entrance) bool {
		at := rules.At(one.ID)
		return at.OpensAt <= begins && (at.ClosesAt == 0 || at.ClosesAt >= begins)
	})
}

// nowhere lists the sections whose guests may not come in at any entrance.
func nowhere(rules *checkinapi.Settings, plan *seating.Plan) (names []string) {
	for i := range plan.Sections {
		open := slices.ContainsFunc(rules.Entrances, func(e checkinapi.Entrance) bool {
			return len(e.Sections) == 0 || slices.Contains(e.Sections, plan.Sections[i].ID)
		})
		if !open {
			names = append(names, plan.Sections[i].Name)
		}
	}
	return names
}

// door shows who is inside.
func (c *Console) door(v *page.Visit, e *eventapi.Event) error {
	s, err := c.evening(v, e)
	if err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door", page.Meta{Title: v.T("door.title"), NoIndex: true}, s)
}

// doorFigures serves the part of the door's page that changes; scripts fetch it.
func (c *Console) doorFigures(v *page.Visit, e *eventapi.Event) error {
	s, err := c.evening(v, e)
	if err != nil {
		return err
	}
	return v.ShowPart(c.set, "door", "evening", s)
}

// attendanceColumns are the columns of the list of who was inside; see columns.
var attendanceColumns = []string{"reference", "name", "seat", "section", "row", "number", "inside", "first_in", "last_out", "entrance", "double_at", "double_entrance", "list"}

// attendance answers with a line for each seat that was ever inside. Times are those of the
// venue, with their offset (RFC 3339).
func (c *Console) attendance(v *page.Visit, e *eventapi.Event) error {
	rules, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	list, err := c.Door.Visited(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	out := beginCSV(v, slug.Make(e.Title)+"-attendance.csv", attendanceColumns)
	if v.Method == http.MethodHead {
		return nil
	}
	rc, zone, name, n := http.NewResponseController(v.W), zoneOf(e), namesOf(v, &rules), 0
	for one := range list {
		if n%pageOfCSV == 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(writeOfCSV)) // not every writer supports it
		}
		n++
		writeVisit(out, &one, zone, name)
		if out.Error() != nil {
			return nil // the client has gone
		}
	}
	out.Flush()
	return nil
}

// writeVisit writes a line. Errors are reported by csv.Writer.Error.
func writeVisit(out *csv.Writer, one *checkinapi.Visit, zone *time.Location, name func(string) string) {
	at := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).In(zone).Format(time.RFC3339)
	}
	inside, again, where := "no", "", ""
	if one.Inside {
		inside = "yes"
	}
	if d := one.Double; d != nil {
		again, where = at(d.At), name(d.Entrance)
	}
	_ = out.Write([]string{
		one.Reference, safetext.Cell(one.Name), safetext.Cell(one.Spot.Label), safetext.Cell(one.Spot.Section), safetext.Cell(one.Spot.Row), safetext.Cell(one.Spot.Number),
		inside, at(one.In), at(one.Out), safetext.Cell(name(one.Entrance)), again, safetext.Cell(strings.TrimSpace(where)), safetext.Cell(one.List),
	})
}

// flow is who came and went, as a bar chart of 720 × 160: up who came, down who went.
type flow struct {
	Bars     []flowBar
	Axis     float64 // between the two
	Peak     flowBar // in which most came
	Out      bool    // somebody went
	From, To time.Time
}

// flowBar is one period of the chart.
type flowBar struct {
	At         time.Time
	In, Out    int64
	X, Y, W, H float64
	Down       float64
}

const (
	flowUnit = 5 * time.Minute // of checkinapi.Interval
	flowBars = 120             // the last ten hours
)

// flowOf draws a chart up to the last period in which somebody came or went, or to now if
// that was not long ago.
func flowOf(pace []checkinapi.Interval, now time.Time) (f flow) {
	if len(pace) == 0 {
		return f
	}
	begins := func(i checkinapi.Interval) time.Time {
		return time.UnixMicro(i.At).In(now.Location())
	}
	first, last := begins(pace[0]), begins(pace[len(pace)-1])
	if now.Sub(last) < time.Hour && now.After(last) {
		last = now.Truncate(flowUnit)
	}
	if earliest := last.Add(-(flowBars - 1) * flowUnit); first.Before(earliest) {
		first = earliest
	}
	for at := first; !at.After(last); at = at.Add(flowUnit) {
		f.Bars = append(f.Bars, flowBar{At: at})
	}
	var in, out int64
	for _, p := range pace {
		if i := int(begins(p).Sub(first) / flowUnit); !begins(p).Before(first) && i < len(f.Bars) {
			b := &f.Bars[i]
			b.In, b.Out = p.In, p.Out
			out = max(out, p.Out)
			if p.In > in {
				in, f.Peak = p.In, *b
			}
		}
	}
	f.From, f.To, f.Out = first, last.Add(flowUnit), out > 0
	scale := chartHeight / float64(max(in+out, 1))
	f.Axis = tenth(scale * float64(in))
	slot := float64(chartWidth) / float64(max(len(f.Bars), 12))
	for i := range f.Bars {
		b := &f.Bars[i]
		b.H, b.Down = tenth(scale*float64(b.In)), tenth(scale*float64(b.Out))
		b.X, b.W, b.Y = tenth(float64(i)*slot), tenth(max(slot-max(1, slot/8), .8)), tenth(f.Axis-b.H)
	}
	return f
}
