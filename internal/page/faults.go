package page

import (
	"regexp"

	"github.com/gosimple/slug"

	"boxoffice/internal/errs"
)

// Faults are what is wrong with a form that was sent, in the reader's language:
// one text for all of it, and one beside each input at fault. The zero value is
// a form without faults.
type Faults struct {
	Text   string
	fields []errs.Field
}

// Of is what is wrong with an input; "" when nothing is.
func (f Faults) Of(name string) string {
	for _, one := range f.fields {
		if one.Name == name {
			return one.Reason
		}
	}
	return ""
}

// First reports whether an input is the first one at fault: the one to go on with.
func (f Faults) First(name string) bool { return len(f.fields) > 0 && f.fields[0].Name == name }

// Any reports whether there are faults.
func (f Faults) Any() bool { return f.Text != "" }

// Faults is Reason with what is to be said beside single inputs. The form is shown
// again with them; ok is false for errors that are not for pages.
func (v *Visit) Faults(err error) (f Faults, ok bool) {
	if f.Text, ok = v.Reason(err); !ok {
		return Faults{}, false
	}
	e := errs.Of(err)
	for _, one := range e.Fields {
		f.fields = append(f.fields, errs.Field{Name: one.Name, Reason: v.Fault(one.Reason)})
	}
	if e.Type == "invalid-field" {
		f.Text = v.T("fault.some")
	}
	return f, true
}

// Fault is a reason that an error gives for a field, as a sentence in the reader's
// language. Errors give their reasons in English; the catalogues know them by
// their slugs, and those with something to fill in by reasons. A test looks for
// all of them.
func (v *Visit) Fault(reason string) string {
	key := "fault." + slug.Make(reason)
	if text := v.T(key); text != key {
		return text
	}
	for _, r := range reasons {
		m := r.form.FindStringSubmatch(reason)
		if m == nil {
			continue
		}
		var pairs []any
		for i, name := range r.form.SubexpNames() {
			if name != "" {
				pairs = append(pairs, name, m[i])
			}
		}
		return v.T(r.key, pairs...)
	}
	return v.T("fault.other", "Reason", reason)
}

// reasons are what errors say of fields with something to fill in, and the
// messages for it.
var reasons = []struct {
	form *regexp.Regexp
	key  string
}{
	{regexp.MustCompile(`^must have at least (?P<A>\d+) characters`), "fault.shortest"},
	{regexp.MustCompile(`^must be at most (?P<A>\d+)$`), "fault.most"},
	{regexp.MustCompile(`^must name at most (?P<A>\d+) sections`), "console.fault.named"},
	{regexp.MustCompile(`^must be 0 to \d+ hundredths`), "console.fault.rate"},
	{regexp.MustCompile(`^must be 0 to \d+ minor units|^comes to \d+ with fees`), "console.fault.dear"},
	{regexp.MustCompile(`^"(?P<A>.*)" is not a seat`), "fault.seat"},
	{regexp.MustCompile(`^names (?P<A>.*) twice$`), "fault.seat-twice"},
	{regexp.MustCompile(`^is required`), "fault.is-required"},
	{regexp.MustCompile(`^must have at most (?P<A>\d+) characters`), "console.fault.longest"},
	{regexp.MustCompile(`^must be (?P<A>\d+) to (?P<B>\d+)$`), "console.fault.between"},
	{regexp.MustCompile(`^must lie between (?P<A>\d+) and (?P<B>\d+)`), "console.fault.between"},
	{regexp.MustCompile(`^"(?P<A>.*)" is not an IANA`), "console.fault.zone"},
	{regexp.MustCompile(`^must be after sale_opens_at`), "console.fault.after"},
	{regexp.MustCompile(`^must be (after the event begins|at most a year)`), "console.fault.ends"},
	{regexp.MustCompile(`^must lie in the future`), "console.fault.promised"},
	{regexp.MustCompile(`does not exist in`), "console.fault.gap"},
	{regexp.MustCompile(`happens twice in`), "console.fault.twice"},
	{regexp.MustCompile(`ISO 3166`), "console.fault.country"},
	{regexp.MustCompile(`ISO 4217`), "console.fault.currency"},
	{regexp.MustCompile(`section "(?P<A>.*)" without a price`), "console.fault.unpriced"},
	{regexp.MustCompile(`^"(?P<A>.*)" is not a section of`), "console.fault.section"},
	{regexp.MustCompile(`^"(?P<A>.*)" is not a category of`), "console.fault.category"},
	{regexp.MustCompile(`before the event has a price`), "console.fault.priceless"},
	{regexp.MustCompile(`plain decimal amount|is too large`), "console.fault.amount"},
	{regexp.MustCompile(`more decimal places than (?P<A>\w+)`), "console.fault.places"},
	{regexp.MustCompile(`^must be a whole number`), "console.fault.whole"},
	{regexp.MustCompile(`^must be a date such`), "console.fault.date"},
	{regexp.MustCompile(`^must be a time such`), "console.fault.time"},
	{regexp.MustCompile(`^must be a rate`), "console.fault.rate"},
}
