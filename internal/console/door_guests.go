package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
)

const (
	guestsShown = 50  // of a search
	scansShown  = 200 // of a booking, the latest: a device may scan a ticket as often as it likes
)

// visitRow is a seat of a guest as it is listed.
type visitRow struct {
	checkinapi.Visit
	Place    bookingapi.Place
	Came     time.Time // zero: never
	Went     time.Time
	Entrance string // name
}

func visitRowOf(one *checkinapi.Visit, zone *time.Location, name func(string) string) visitRow {
	row := visitRow{Visit: *one, Place: placeOf(&one.Spot)}
	if one.In != 0 {
		row.Came, row.Entrance = time.UnixMilli(one.In).In(zone), name(one.Entrance)
	}
	if one.Out != 0 {
		row.Went = time.UnixMilli(one.Out).In(zone)
	}
	return row
}

// State names where the guest is.
func (r *visitRow) State() string {
	switch {
	case r.Inside:
		return "inside"
	case r.In != 0:
		return "left"
	}
	return "missing"
}

// placeOf is a spot as templates write seats.
func placeOf(s *checkinapi.Spot) bookingapi.Place {
	return bookingapi.Place{Label: s.Label, SectionID: s.SectionID, Section: s.Section, Row: s.Row, Number: s.Number, Unnumbered: s.Number == ""}
}

// doorGuests finds guests.
func (c *Console) doorGuests(v *page.Visit, e *eventapi.Event) error {
	query := v.Request.URL.Query()
	wanted, list := strings.TrimSpace(query.Get("q")), query.Get("list")
	counted, err := c.Door.Attendance(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	data := map[string]any{"Event": e, "Wanted": wanted, "List": list, "Most": guestsShown, "Lists": counted.Lists}
	if wanted != "" || list != "" {
		rules, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
		if err != nil {
			return err
		}
		var found []checkinapi.Visit
		most := guestsShown
		if list != "" {
			found, err = c.Door.OnList(v.Context(), v.Caller, e.ID, list)
			most = len(found)
		} else {
			found, err = c.Door.Guests(v.Context(), v.Caller, e.ID, wanted, guestsShown+1)
		}
		if wrong := errs.Of(err); wrong != nil && len(wrong.Fields) > 0 {
			faults, _ := v.Faults(err)
			data["Fault"] = faults.Of("q")
		} else if err != nil {
			return err
		}
		zone, name := zoneOf(e), namesOf(v, &rules)
		var rows []visitRow
		for i := range found[:min(len(found), most)] {
			rows = append(rows, visitRowOf(&found[i], zone, name))
		}
		data["Found"], data["Many"] = rows, len(found) > most
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door_guests", page.Meta{Title: v.T("door.guests"), NoIndex: true}, data)
}

// correctForm is the form that corrects by hand.
type correctForm struct {
	Seat, Kind, Reason, Problem string
	Faults                      page.Faults
}

// entryRow is a scan as it is listed.
type entryRow struct {
	checkinapi.Entry
	When  time.Time
	Where string // the entrance
	Who   string // of a correction
	Place bookingapi.Place
}

// Known reports whether a reason has words; a later version may have more.
func (r *entryRow) Known() bool { return slices.Contains(checkinapi.Reasons, r.Reason) }

// doorGuest shows the scans of a booking's seats, and corrects them by hand.
func (c *Console) doorGuest(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	f := correctForm{Seat: v.Request.URL.Query().Get("seat")}
	if v.Method == http.MethodPost {
		f = correctForm{Seat: v.PostFormValue("seat"), Kind: v.PostFormValue("kind"), Reason: v.PostFormValue("reason")}
		_, err := c.Door.Correct(v.Context(), v.Caller, checkinapi.Correction{BookingID: bookingID, Seat: f.Seat, Kind: checkinapi.Kind(f.Kind), Reason: f.Reason})
		if err == nil {
			v.Notice("door-corrected")
			return v.Go(at(e, "/door/guests/"+bookingID))
		}
		var ok bool
		if f.Faults, ok = v.Faults(err); !ok {
			return err
		}
		f.Problem = f.Faults.Text
	}
	return c.showGuest(v, e, bookingID, &f)
}

func (c *Console) showGuest(v *page.Visit, e *eventapi.Event, bookingID string, f *correctForm) error {
	ctx := v.Context()
	list, err := c.named(ctx, func() ([]bookingapi.Booking, error) {
		b, err := bookingapi.One(ctx, c.Bookings.Bookings, "booking", bookingID)
		return []bookingapi.Booking{b}, err
	})
	if err != nil {
		return err
	}
	b := &list[0]
	rules, err := c.Door.Settings(ctx, v.Caller, e.ID)
	if err != nil {
		return err
	}
	zone, name := zoneOf(e), namesOf(v, &rules)
	entries, err := c.entryRows(v, bookingID, zone, name)
	if err != nil {
		return err
	}
	var visits []visitRow
	if b.Status == bookingapi.Booked {
		found, err := c.Door.Guests(ctx, v.Caller, e.ID, bookingID, len(b.Places))
		if err != nil {
			return err
		}
		for i := range found {
			if found[i].BookingID == bookingID {
				visits = append(visits, visitRowOf(&found[i], zone, name))
			}
		}
	}
	if !slices.ContainsFunc(visits, func(r visitRow) bool { return r.Spot.Label == f.Seat }) && len(visits) > 0 {
		f.Seat = visits[0].Spot.Label
		if len(visits) > 1 {
			f.Seat = ""
		}
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door_guest", page.Meta{Title: v.T("desk.title", "Reference", b.Reference), NoIndex: true}, map[string]any{
		"Event": e, "B": b, "Visits": visits, "Entries": entries[:min(len(entries), scansShown)], "More": len(entries) > scansShown, "Shown": scansShown, "Form": f, "Kinds": []checkinapi.Kind{checkinapi.In, checkinapi.Out, checkinapi.Undo},
	})
}

// entryRows are the scans of a booking's seats, the latest first, with the names of those
// who corrected by hand.
func (c *Console) entryRows(v *page.Visit, bookingID string, zone *time.Location, name func(string) string) ([]entryRow, error) {
	history, err := c.Door.History(v.Context(), v.Caller, bookingID)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range history {
		if by := history[i].By; by != "" && !slices.Contains(ids, by) {
			ids = append(ids, by)
		}
	}
	people, err := c.People.People(v.Context(), ids)
	if err != nil {
		return nil, err
	}
	rows := make([]entryRow, len(history))
	for i := range history {
		one := &history[i]
		rows[len(history)-1-i] = entryRow{Entry: *one, When: time.UnixMilli(one.At).In(zone), Where: name(one.Entrance), Who: people[one.By].Name, Place: placeOf(&one.Spot)}
	}
	return rows, nil
}
