package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
)

// turns are the steps that an event's sale can take now; the first is the one
// that is most likely wanted.
func turns(v *page.Visit, e *eventapi.Event) []Turn {
	switch e.SaleState(v.Now()) {
	case "draft":
		return []Turn{Publish}
	case "announced", "paused":
		if e.Opens.After(v.Now()) {
			return []Turn{Open, OpenNow}
		}
		return []Turn{OpenNow}
	case "soon":
		return []Turn{OpenNow, Pause}
	case "onsale", "soldout":
		return []Turn{Pause, Close}
	case "closed":
		return []Turn{OpenNow, Pause}
	}
	return nil
}

// dueTurn is a step as it is by now: what would open as scheduled opens at once
// when no time is set, or it has come meanwhile.
func dueTurn(to Turn, e *eventapi.Event, now time.Time) Turn {
	if to == Open && !e.Opens.After(now) {
		return OpenNow
	}
	return to
}

// sale asks whether a step of the sale is to be taken, and takes it.
func (c *Console) sale(v *page.Visit, e *eventapi.Event) error {
	to := Turn(v.FormValue("to"))
	if to != Publish && to != Open && to != OpenNow && to != Pause && to != Close {
		return errs.Missing("page")
	}
	to = dueTurn(to, e, v.Now())
	problem := ""
	var faults []string
	if v.Method == http.MethodPost {
		version, err := strconv.ParseInt(v.PostFormValue("version"), 10, 64)
		if err != nil || version < 1 {
			version = -1 // no event has it
		}
		err = c.Events.Turn(v.Context(), v.Caller, e.ID, version, to)
		if err == nil {
			v.Notice("sale-" + string(to))
			return v.Go(at(e, ""))
		}
		var ok bool
		if problem, ok = v.Reason(err); !ok {
			return err
		}
		for _, one := range errs.Of(err).Fields {
			faults = append(faults, v.Fault(one.Reason))
		}
		if len(faults) > 0 {
			problem = strings.Join(faults, " ")
		}
		if now, err := c.own(v); err == nil { // as it is by now
			e = &now
		}
	}
	counts, figures, err := c.sold(v, e)
	if err != nil {
		return err
	}
	return v.Show(c.set, "sale", page.Meta{Title: v.T(to.word("title")), NoIndex: true}, map[string]any{
		"Event": e, "To": string(to), "Problem": problem, "Counts": counts, "Figures": figures, "State": e.SaleState(v.Now()),
	})
}

// cancel says what cancelling an event means, and cancels it when its title was
// typed.
func (c *Console) cancel(v *page.Visit, e *eventapi.Event) error {
	if e.Status == string(eventapi.Cancelled) {
		return v.Go(at(e, ""))
	}
	problem := ""
	if v.Method == http.MethodPost {
		if same(v.PostFormValue("title"), e.Title) {
			if err := c.Events.Cancel(v.Context(), v.Caller, e.ID); err != nil {
				return err
			}
			v.Notice("event-cancelled")
			return v.Go(at(e, ""))
		}
		problem = v.T("cancel.mismatch")
		v.Status(http.StatusUnprocessableEntity)
	}
	counts, figures, err := c.sold(v, e)
	if err != nil {
		return err
	}
	return v.Show(c.set, "cancel", page.Meta{Title: v.T("cancel.title"), NoIndex: true}, map[string]any{
		"Event": e, "Problem": problem, "Counts": counts, "Figures": figures,
	})
}

// same reports whether somebody has typed a title: case and spaces do not matter.
func same(typed, title string) bool {
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return strings.EqualFold(fold(typed), fold(title))
}

// word is the key of a message about a step.
func (t Turn) word(which string) string { return "sale." + string(t) + "." + which }
