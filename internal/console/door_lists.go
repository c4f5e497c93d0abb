package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
	"boxoffice/internal/safetext"
)

// listNames are the names of an event's lists of guests, and some that are common.
func listNames(v *page.Visit, lists map[string]string) []string {
	names := slices.Sorted(maps.Values(lists))
	for _, usual := range []string{v.T("door.list.press"), v.T("door.list.vip")} {
		if !slices.ContainsFunc(names, func(n string) bool { return safetext.Fold(n) == safetext.Fold(usual) }) {
			names = append(names, usual)
		}
	}
	return slices.Compact(names)
}

// setList puts an order on a list of guests, or takes it off.
func (c *Console) setList(v *page.Visit, e *eventapi.Event) error {
	bookingID := v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return errs.Missing("booking")
	}
	f := orderForms{Do: "list", List: v.PostFormValue("list")}
	_, err := c.Door.SetList(v.Context(), v.Caller, bookingID, f.List)
	if err == nil {
		v.Notice("door-listed")
		return v.Go(at(e, "/orders/"+bookingID))
	}
	faults, ok := v.Faults(err)
	if !ok {
		return err
	}
	if f.ListFault = faults.Of("list"); f.ListFault == "" {
		f.Problem = faults.Text
	}
	return c.showOrder(v, e, bookingID, f)
}

// logShown is how many lines of the log the page shows.
const logShown = 200

// logRow is a line of the log.
type logRow struct {
	checkinapi.LogEntry
	When      time.Time
	Who       string // "": whoever has the link of the booking
	Reference string
	Where     string // the entrance, of a device
	Place     bookingapi.Place
}

// doorLog shows what was done at the door by hand.
func (c *Console) doorLog(v *page.Visit, e *eventapi.Event) error {
	rows, err := c.logRows(v, e, logShown+1)
	if err != nil {
		return err
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "door_log", page.Meta{Title: v.T("door.log"), NoIndex: true}, map[string]any{
		"Event": e, "Rows": rows[:min(len(rows), logShown)], "More": len(rows) > logShown, "Shown": logShown,
	})
}

// logMost is how many lines of the log are in the file.
const logMost = 100_000

var logColumns = []string{"at", "by", "what", "device", "reference", "seat", "detail", "reason"}

// doorLogCSV answers with all of the log. Times are those of the venue, with their offset.
func (c *Console) doorLogCSV(v *page.Visit, e *eventapi.Event) error {
	rows, err := c.logRows(v, e, logMost)
	if err != nil {
		return err
	}
	out := beginCSV(v, slug.Make(e.Title)+"-door-log.csv", logColumns)
	if v.Method == http.MethodHead {
		return nil
	}
	cell := safetext.Cell
	for i := range rows {
		r := &rows[i]
		_ = out.Write([]string{r.When.Format(time.RFC3339), cell(r.Who), string(r.What), cell(r.Device), r.Reference, cell(r.Spot.Label), cell(r.Detail), cell(r.Reason)})
	}
	out.Flush()
	return nil // an error: the client has gone
}

func (c *Console) logRows(v *page.Visit, e *eventapi.Event, limit int) ([]logRow, error) {
	list, err := c.Door.Log(v.Context(), v.Caller, e.ID, limit)
	if err != nil {
		return nil, err
	}
	rules, err := c.Door.Settings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return nil, err
	}
	by := map[string]bool{}
	for i := range list {
		if list[i].By != "" {
			by[list[i].By] = true
		}
	}
	people, err := c.People.People(v.Context(), slices.Sorted(maps.Keys(by)))
	if err != nil {
		return nil, err
	}
	zone, name := zoneOf(e), namesOf(v, &rules)
	rows := make([]logRow, len(list))
	for i := range list {
		one := &list[i]
		rows[i] = logRow{LogEntry: *one, When: time.UnixMicro(one.At).In(zone), Who: people[one.By].Name, Place: placeOf(&one.Spot)}
		if one.BookingID != "" {
			rows[i].Reference = id.Reference(one.BookingID)
		}
		if one.Device != "" {
			if rows[i].Where = v.T("door.entrance.any"); one.Detail != "" {
				rows[i].Where = name(one.Detail)
			}
		}
	}
	return rows, nil
}

// listOf returns the list that an order is on, and the names of all lists.
func (c *Console) listOf(ctx context.Context, v *page.Visit, e *eventapi.Event, bookingID string) (list string, names []string, err error) {
	lists, err := c.Door.ListsOf(ctx, v.Caller, e.ID, nil)
	return lists[bookingID], listNames(v, lists), err
}
