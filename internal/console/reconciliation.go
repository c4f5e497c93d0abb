package console

import (
	"maps"
	"slices"

	"boxoffice/internal/page"
)

// daysShown is how many days the list of comparisons has.
const daysShown = 62

// findingsShown is how many findings of a day a page lists.
const findingsShown = 200

// count is how often something was found.
type count struct {
	Name string
	N    int64
}

// reconciliation lists the days that were compared with the payment gateway's list.
func (c *Console) reconciliation(v *page.Visit) error {
	days, err := c.Money.ReconciledDays(v.Context(), v.Caller, daysShown)
	if err != nil {
		return err
	}
	return v.Show(c.set, "reconciliation", page.Meta{Title: v.T("reconcile.title"), NoIndex: true}, map[string]any{"Days": days})
}

// reconciledDay shows what the comparison of a day has found.
func (c *Console) reconciledDay(v *page.Visit) error {
	d, err := c.Money.ReconciledDay(v.Context(), v.Caller, v.PathValue("day"))
	if err != nil {
		return err
	}
	r := &d.Report
	var explained, found []count
	for _, how := range slices.Sorted(maps.Keys(r.Explained)) {
		explained = append(explained, count{how, r.Explained[how]})
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Found)) {
		found = append(found, count{string(kind), r.Found[kind]})
	}
	shown := r.Findings[:min(len(r.Findings), findingsShown)]
	return v.Show(c.set, "reconciled", page.Meta{Title: v.T("reconcile.day.title", "Day", d.Day), NoIndex: true}, map[string]any{
		"Day": &d, "Explained": explained, "Found": found, "Findings": shown, "More": r.Count() - int64(len(shown)),
	})
}
