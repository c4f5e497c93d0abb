package console

import (
	"net/http"
	"strconv"
	"strings"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
)

// sale asks for confirmation of an action on the sale, and carries it out.
func (c *Console) sale(v *page.Visit, e *eventapi.Event) error {
	to := eventapi.SaleAction(v.FormValue("to"))
	if !to.Known() {
		return errs.Missing("page")
	}
	to = to.At(v.Now(), e)
	problem := ""
	var faults []string
	if v.Method == http.MethodPost {
		version, err := strconv.ParseInt(v.PostFormValue("version"), 10, 64)
		if err != nil || version < 1 {
			version = -1 // no event has this version
		}
		_, err = c.Editor.ChangeSale(v.Context(), v.Caller, e.ID, version, to)
		if err == nil {
			v.Notice("sale-" + string(to))
			return v.Go(at(e, ""))
		}
		var ok bool
		if problem, ok = v.Reason(err); !ok {
			return err
		}
		for _, one := range errs.Of(err).Fields {
			faults = append(faults, v.Fault(one))
		}
		if len(faults) > 0 {
			problem = strings.Join(faults, " ")
		}
		if now, err := c.own(v); err == nil { // its current state
			e = &now
		}
	}
	counts, figures, err := c.sold(v, e)
	if err != nil {
		return err
	}
	return v.Show(c.set, "sale", page.Meta{Title: v.T(word(to, "title")), NoIndex: true}, map[string]any{
		"Event": e, "To": string(to), "Problem": problem, "Counts": counts, "Figures": figures, "State": e.SaleState(v.Now()),
	})
}

// cancel explains what cancelling an event means, and cancels it once its title was
// typed.
func (c *Console) cancel(v *page.Visit, e *eventapi.Event) error {
	if e.Status == eventapi.Cancelled {
		return v.Go(at(e, ""))
	}
	problem := ""
	if v.Method == http.MethodPost {
		if same(v.PostFormValue("title"), e.Title) {
			if _, err := c.Editor.Cancel(v.Context(), v.Caller, e.ID, 0); err != nil {
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

// same compares a typed title, ignoring case and extra spaces.
func same(typed, title string) bool {
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return strings.EqualFold(fold(typed), fold(title))
}

// word returns the key of a message about an action.
func word(a eventapi.SaleAction, which string) string { return "sale." + string(a) + "." + which }
