package console

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bojanz/currency"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
	"boxoffice/internal/seating"
)

// zones are the names of the IANA time zone database, for suggestions.
//
//go:embed zones.txt
var zoneText string

var (
	zones      = strings.Fields(zoneText)
	currencies = slices.DeleteFunc(currency.GetCurrencyCodes(), func(c string) bool { return !money.Known(c) })
	categories = []string{"Music", "Theatre", "Comedy", "Dance", "Sports", "Family", "Film", "Talk"}
)

// local is the format of a local date and time in browsers (HTML standard).
const local = "2006-01-02T15:04"

// form is the state of an event's form. Values are texts as they were typed, under
// the names that the API's errors use, too.
type form struct {
	Event    *eventapi.Event // as it is; nil: a new one
	Values   map[string]string
	Tiers    []tierForm
	Faults   []fault
	Theirs   map[string]string // what others have changed in the meantime, by field
	Problem  string            // what is wrong with the form as a whole
	Warn     bool              // the event is public: buyers are told about a new time or place
	Venues   []eventapi.Venue
	Plans    []eventapi.StoredPlan
	Plan     *seating.Plan        // the selected plan; nil: none yet
	Uploaded *eventapi.StoredPlan // a file that was sent with the form
}

// fault is what is wrong with a field, in the reader's language; for a price, with
// its tier's name.
type fault struct{ Field, Tier, Text string }

// tierForm is a row of prices.
type tierForm struct {
	Name, Price, Sections string
	Categories            []string
	AllIn                 int64 // minor units; if Valid
	Valid                 bool  // AllIn was computed
}

// Has reports whether a tier is for a category.
func (t tierForm) Has(category string) bool { return slices.Contains(t.Categories, category) }

// Value returns the text of a field.
func (f *form) Value(name string) string { return f.Values[name] }

// Of returns what is wrong with a field; "": nothing. See the template "field".
func (f *form) Of(name string) string {
	for _, one := range f.Faults {
		if one.Field == name {
			return one.Text
		}
	}
	return ""
}

// First reports whether a field is the first faulty one.
func (f *form) First(name string) bool { return len(f.Faults) > 0 && f.Faults[0].Field == name }

// Other returns what others have changed a field to in the meantime; "": nothing.
func (f *form) Other(name string) string { return f.Theirs[name] }

// Zones, Currencies and Kinds are suggestions.
func (f *form) Zones() []string      { return zones }
func (f *form) Currencies() []string { return currencies }
func (f *form) Kinds() []string      { return categories }

// Exponents returns the currencies whose minor unit is not a hundredth, for the
// script that computes all-in prices.
func (f *form) Exponents() map[string]int {
	out := map[string]int{}
	for _, c := range currencies {
		if e := money.Exponent(c); e != 2 {
			out[c] = e
		}
	}
	return out
}

// InPlan counts the seats of a category of the selected plan.
func (f *form) InPlan(category int) int {
	n := 0
	for i := range f.Plan.Seats {
		if int(f.Plan.Seats[i].Category) == category {
			n++
		}
	}
	return n
}

// blank returns the form of a new event.
func blank() *form {
	f := &form{Values: map[string]string{
		"when": "time", "venue": "new", "plan": "template", "plan.template": "theatre", "plan.seats": "500", "currency": "EUR", "pricing": "all_in",
		"fee_rules.rounding": string(money.HalfUp), "limit_per_customer": strconv.Itoa(bookingapi.DefaultPerPerson), "hold_minutes": "8",
	}}
	return f
}

// filled returns the form of an existing event, with amounts as people type them in
// a language.
func filled(e *eventapi.Event, lang string) *form {
	f := blank()
	f.Event = e
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		zone = time.UTC
	}
	clock := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(local)
	}
	for name, value := range map[string]string{
		"version": strconv.FormatInt(e.Version, 10), "title": e.Title, "category": e.Category, "description": e.Description,
		"event_time": clock(e.Starts), "event_date": e.Date, "end_time": clock(e.Ends), "end_date": e.EndDate, "venue": e.Venue.ID,
		"plan": "used", "plan.id": eventapi.StoredPlan{ID: e.PlanID, Version: e.PlanVersion}.Ref(),
		"sale_opens_at": clock(e.Opens), "sale_closes_at": clock(e.Closes), "refundable_until": clock(e.RefundsEnd),
		"limit_per_customer": strconv.Itoa(int(e.LimitPerCustomer)), "hold_minutes": strconv.Itoa(int(e.HoldFor.Minutes())),
	} {
		f.Values[name] = value
	}
	if e.UnverifiedBuyers {
		f.Values["unverified_buyers"] = "yes"
	}
	f.Values["when"] = map[bool]string{true: "date", false: "tba"}[e.Date != ""]
	if !e.Starts.IsZero() {
		f.Values["when"] = "time"
	}
	for _, name := range []string{"sale_closes_at", "refundable_until"} { // these follow the event's time automatically
		if f.Values[name] == f.Values["event_time"] || e.Starts.IsZero() && strings.HasSuffix(f.Values[name], "T23:59") {
			f.Values[name] = ""
		}
	}
	for i, one := range e.CancelFees {
		if one.From != nil {
			f.Values[feeField(i, "from")] = clock(*one.From)
		}
		if one.FeeRate != 0 {
			f.Values[feeField(i, "fee_rate")] = percent(one.FeeRate)
		}
		if one.FeeFixed != 0 {
			f.Values[feeField(i, "fee_fixed")] = decimal(one.FeeFixed, e.Prices.Currency)
		}
	}
	f.Warn = e.Status == eventapi.Published || e.Status == eventapi.OnSale
	f.prices(e)
	if lang == "de" {
		f.decimalCommas()
	}
	return f
}

// decimalCommas replaces the points of amounts and rates. Forms are read with either.
func (f *form) decimalCommas() {
	for name := range f.Values {
		if decimalField(name) {
			f.Values[name] = strings.ReplaceAll(f.Values[name], ".", ",")
		}
	}
	for i := range f.Tiers {
		f.Tiers[i].Price = strings.ReplaceAll(f.Tiers[i].Price, ".", ",")
	}
}

// decimalField reports whether a field, besides prices of tiers, holds a decimal number.
func decimalField(name string) bool {
	return strings.HasSuffix(name, ".fee_rate") || strings.HasSuffix(name, ".fee_fixed") || strings.HasSuffix(name, ".tax_rate")
}

// sameText reports whether two texts of a field are the same; the decimal point of
// an amount may be a comma.
func sameText(field, a, b string) bool {
	if strings.HasSuffix(field, ".price") || decimalField(field) {
		a, b = strings.ReplaceAll(a, ",", "."), strings.ReplaceAll(b, ",", ".")
	}
	return a == b
}

// prices fills in the event's tiers and rules.
func (f *form) prices(e *eventapi.Event) {
	if !e.Priced() {
		return
	}
	p := &e.Prices
	f.Values["currency"] = p.Currency
	if r := p.Rules; r != nil {
		f.Values["pricing"], f.Values["fee_rules.rounding"] = "rules", r.Rounding
		f.Values["fee_rules.fee_rate"], f.Values["fee_rules.tax_rate"] = percent(r.FeeRate), percent(r.TaxRate)
		f.Values["fee_rules.fee_fixed"] = decimal(r.FeeFixed, p.Currency)
	}
	f.Tiers = nil
	for _, t := range p.Tiers {
		amount := t.Price
		if p.Rules != nil {
			amount = t.Face
		}
		f.Tiers = append(f.Tiers, tierForm{Name: t.Name, Price: decimal(amount, p.Currency), Categories: t.Categories, Sections: strings.Join(t.Sections, ", ")})
	}
}

// decimal formats an amount as people type it: 1250 EUR cents as 12.50.
func decimal(minor int64, code string) string {
	text, _, _ := strings.Cut(money.Format(minor, code), " ")
	return text
}

// percent formats hundredths of a percent as people type it: 850 as 8.5.
func percent(rate int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", rate/100, rate%100), "0"), ".")
}

// byCategory gives each category of the plan a tier; prices of tiers with the same
// name stay.
func (f *form) byCategory() {
	if f.Plan == nil {
		return
	}
	before := map[string]tierForm{}
	for _, t := range f.Tiers {
		before[t.Name] = t
	}
	f.Tiers = nil
	for _, c := range f.Plan.Categories {
		f.Tiers = append(f.Tiers, tierForm{Name: c.Name, Price: before[c.Name].Price, Categories: []string{c.Name}})
	}
}

// fits reports whether the plan has all categories that the tiers name.
func (f *form) fits() bool {
	for _, t := range f.Tiers {
		for _, name := range t.Categories {
			if !slices.ContainsFunc(f.Plan.Categories, func(c seating.Category) bool { return c.Name == name }) {
				return false
			}
		}
	}
	return len(f.Tiers) > 0
}

var (
	tierField = regexp.MustCompile(`^(tiers\[\d+\])\.(face|fees|price)$`)
	tierList  = regexp.MustCompile(`^(tiers\[\d+\]\.(?:categories|sections))\[\d+\]$`)
)

// place returns the form field beside which an error of the API is shown.
func place(name string) string {
	if m := tierField.FindStringSubmatch(name); m != nil {
		return m[1] + ".price"
	}
	if m := tierList.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	switch {
	case strings.HasPrefix(name, "plan.document"):
		return "plan.document"
	case name == "time_zone":
		return "venue.time_zone"
	case name == "price":
		return "tiers"
	}
	return name
}

// add records faults of fields; the first one of each field counts.
func (f *form) add(v *page.Visit, fields []errs.Field) {
	for _, one := range fields {
		name := place(one.Name)
		if name == "plan" && f.about("plan.") { // more is known already
			continue
		}
		if f.Of(name) == "" {
			text := v.Fault(one)
			if name == "plan.document" && one.Code != "required" { // said of a place in a file: it is quoted
				text = v.T("console.fault.file", "Reason", strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(one.Name, name), ".")+" "+one.Reason))
			}
			f.Faults = append(f.Faults, fault{name, f.tierOf(name), text})
		}
	}
}

// about reports whether any field below a prefix has a fault.
func (f *form) about(prefix string) bool {
	return slices.ContainsFunc(f.Faults, func(one fault) bool { return strings.HasPrefix(one.Field, prefix) })
}

// tierOf returns the name of the tier that a field belongs to; "": none.
func (f *form) tierOf(field string) string {
	var i int
	if _, err := fmt.Sscanf(field, "tiers[%d]", &i); err != nil || i < 0 || i >= len(f.Tiers) {
		return ""
	}
	return f.Tiers[i].Name
}
