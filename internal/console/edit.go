package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
)

// create shows and processes the form of a new event. The form has a key, so that
// sending it repeatedly makes one event.
func (c *Console) create(v *page.Visit) error {
	f := blank()
	f.Values["key"] = id.Token()
	return c.form(v, f)
}

// edit shows and processes the form of an event.
func (c *Console) edit(v *page.Visit, e *eventapi.Event) error {
	if e.Status == eventapi.Cancelled {
		return errs.New(errs.Conflict, "event-cancelled", "A cancelled event cannot be changed.")
	}
	return c.form(v, filled(e, v.Lang))
}

// form shows and processes an event's form. Its buttons change its rows, compute
// prices, or save the event; all but the last show the form again.
func (c *Console) form(v *page.Visit, f *form) error {
	var err error
	if f.Venues, f.Plans, err = c.Events.Used(v.Context(), v.Caller); err != nil {
		return err
	}
	f.offer()
	if v.Method != http.MethodPost {
		if f.Event == nil && len(f.Venues) > 0 {
			f.Values["venue"] = f.Venues[0].ID
		}
		return c.showForm(v, f)
	}
	if err := c.read(v, f); err != nil {
		return err
	}
	f.offer()
	switch do, row, _ := strings.Cut(v.PostFormValue("do"), ":"); do {
	case "save", "publish":
		return c.save(v, f, do == "publish")
	case "plan":
		if err := c.choose(v, f); err != nil {
			return err
		}
		if f.Plan != nil && !f.fits() {
			f.byCategory()
		}
	case "tier":
		f.Tiers = append(f.Tiers, tierForm{})
	case "drop":
		if i, err := strconv.Atoi(row); err == nil && i >= 0 && i < len(f.Tiers) {
			f.Tiers = append(f.Tiers[:i], f.Tiers[i+1:]...)
		}
	default: // prices are computed
		d, bad := f.newEvent()
		f.add(v, bad)
		if err := c.check(v, f, d); err != nil {
			return err
		}
	}
	return c.showForm(v, f)
}

// offer adds the event's own venue and plan, and an uploaded plan, to those to
// choose from.
func (f *form) offer() {
	if e := f.Event; e != nil {
		known := false
		for _, v := range f.Venues {
			known = known || v.ID == e.Venue.ID
		}
		if !known {
			f.Venues = append([]eventapi.Venue{e.Venue}, f.Venues...)
		}
		f.offerPlan(eventapi.StoredPlan{ID: e.PlanID, Version: e.PlanVersion, Name: e.Venue.Name, Seats: e.Total})
	}
	if f.Uploaded != nil {
		f.offerPlan(*f.Uploaded)
	}
}

func (f *form) offerPlan(p eventapi.StoredPlan) {
	for _, known := range f.Plans {
		if known.Ref() == p.Ref() {
			return
		}
	}
	f.Plans = append([]eventapi.StoredPlan{p}, f.Plans...)
}

// choose finds the plan that the form selects. An invalid plan is a fault.
func (c *Console) choose(v *page.Visit, f *form) error {
	plan, bad := f.choice()
	f.add(v, bad)
	if len(bad) > 0 {
		return nil
	}
	p, err := c.Events.ChosenPlan(v.Context(), plan)
	if e := errs.Of(err); e != nil && len(e.Fields) > 0 {
		f.add(v, e.Fields)
		return nil
	}
	if err != nil {
		return err
	}
	f.Plan = p
	if plan.ID != "" {
		f.offerPlan(eventapi.StoredPlan{ID: plan.ID, Version: plan.Version, Name: p.Name, Seats: int32(len(p.Seats))})
	}
	return nil
}

// check has the event service check the form's values. The form then shows the
// faults or, if there are none, the all-in prices.
func (c *Console) check(v *page.Visit, f *form, d eventapi.NewEvent) error {
	tiers, err := c.Editor.Check(v.Context(), v.Caller, d)
	if e := errs.Of(err); e != nil && len(e.Fields) > 0 {
		f.add(v, e.Fields)
		return nil
	}
	if err != nil {
		return err
	}
	n := 0
	for i := range f.Tiers {
		if f.Tiers[i].Price != "" && n < len(tiers) {
			f.Tiers[i].AllIn, f.Tiers[i].Valid = tiers[n].Price, f.Of(fmt.Sprintf("tiers[%d].price", i)) == ""
			n++
		}
	}
	return nil
}

// save creates or changes the event.
func (c *Console) save(v *page.Visit, f *form, publish bool) error {
	d, bad := f.newEvent()
	if publish {
		d.Status = eventapi.Published
	}
	f.add(v, bad)
	if len(f.Faults) > 0 { // the service may find more
		if err := c.check(v, f, d); err != nil {
			return err
		}
		return c.refused(v, f, http.StatusUnprocessableEntity)
	}
	eventID, err := c.store(v.Context(), v.Caller, f, d)
	e := errs.Of(err)
	switch {
	case err == nil:
		v.Notice(map[bool]string{true: "event-made", false: "event-saved"}[f.Event == nil])
		return v.Go("/organizer/events/" + eventID)
	case e != nil && e.Kind == errs.Precondition:
		return c.overtaken(v, f)
	case e != nil && len(e.Fields) > 0:
		f.add(v, e.Fields)
		return c.refused(v, f, http.StatusUnprocessableEntity)
	}
	text, ok := v.Reason(err) // for example: people have seats of this plan
	if !ok {
		return err
	}
	f.Problem = text
	if errs.Is(err, "idempotency-key-reused") {
		f.Values["key"] = id.Token()
	}
	if e.Type == "plan-in-use" {
		f.Faults = append(f.Faults, fault{Field: "plan", Text: text})
	}
	return c.refused(v, f, http.StatusConflict)
}

func (c *Console) store(ctx context.Context, caller caller.Caller, f *form, d eventapi.NewEvent) (string, error) {
	if f.Event == nil {
		key := f.Value("key")
		if key != "" {
			key = "page-" + key // distinct from the API's keys
		}
		e, err := c.Editor.Create(ctx, caller, key, d)
		return e.ID, err
	}
	version, err := strconv.ParseInt(f.Value("version"), 10, 64)
	if err != nil || version < 1 {
		version = -1 // no event has this version
	}
	_, err = c.Editor.Replace(ctx, caller, f.Event.ID, version, d)
	return f.Event.ID, err
}

// overtaken shows the form next to what somebody else has changed in the meantime;
// saving it again replaces that.
func (c *Console) overtaken(v *page.Visit, f *form) error {
	now, err := c.own(v)
	if err != nil {
		return err
	}
	theirs := filled(&now, v.Lang)
	f.Theirs = map[string]string{}
	for name, value := range theirs.Values {
		if value != "" && !sameText(name, value, f.Value(name)) {
			f.Theirs[name] = value
		}
	}
	for i, t := range theirs.Tiers {
		field := "tiers[" + strconv.Itoa(i) + "]"
		if i >= len(f.Tiers) {
			f.Theirs["tiers"] = strings.TrimPrefix(f.Theirs["tiers"]+", "+t.Name+" "+t.Price, ", ")
			continue
		}
		if !sameText(field+".price", t.Price, f.Tiers[i].Price) {
			f.Theirs[field+".price"] = t.Price
		}
		if t.Name != f.Tiers[i].Name {
			f.Theirs[field+".name"] = t.Name
		}
	}
	for _, place := range f.Venues {
		if f.Theirs["venue"] == place.ID {
			f.Theirs["venue"] = place.Name
		}
	}
	delete(f.Theirs, "version")
	f.Event, f.Values["version"] = &now, theirs.Value("version")
	f.Problem = v.T("edit.overtaken")
	return c.refused(v, f, http.StatusPreconditionFailed)
}

func (c *Console) refused(v *page.Visit, f *form, status int) error {
	v.Status(status)
	return c.showForm(v, f)
}

func (c *Console) showForm(v *page.Visit, f *form) error {
	if f.Plan == nil {
		before := len(f.Faults)
		if err := c.choose(v, f); err != nil {
			return err
		}
		if f.Plan == nil && v.Method != http.MethodPost {
			f.Faults = f.Faults[:before]
		}
	}
	if len(f.Tiers) == 0 && f.Event == nil && v.Method != http.MethodPost {
		f.byCategory()
	}
	title := v.T("edit.new")
	if f.Event != nil {
		title = f.Event.Title
	}
	return v.Show(c.set, "edit", page.Meta{Title: title, NoIndex: true}, f)
}
