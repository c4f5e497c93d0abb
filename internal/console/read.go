package console

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/page"
	"boxoffice/internal/seating"
)

// maxForm is how much of a form is kept in memory; the gateway accepts no more.
const maxForm = 8 << 20

// read reads an event's form from a request. Values of an existing event that the
// form does not show come from filled.
func (c *Console) read(v *page.Visit, f *form) error {
	if err := v.ParseMultipartForm(maxForm); err != nil {
		if err = v.ParseForm(); err != nil {
			return &errs.Error{Kind: errs.Malformed, Type: "unreadable-form", Detail: "The form cannot be read.", Err: err}
		}
	}
	for name, values := range v.PostForm {
		if !strings.HasPrefix(name, "tiers[") {
			f.Values[name] = strings.ReplaceAll(values[0], "\r\n", "\n")
		}
	}
	f.Tiers = nil
	for i := range seating.MaxTiers {
		path := fmt.Sprintf("tiers[%d].", i)
		if !v.PostForm.Has(path + "name") {
			break
		}
		f.Tiers = append(f.Tiers, tierForm{Name: v.PostForm.Get(path + "name"), Price: strings.TrimSpace(v.PostForm.Get(path + "price")),
			Sections: v.PostForm.Get(path + "sections"), Categories: v.PostForm[path+"categories"]})
	}
	return c.upload(v, f)
}

// upload stores a plan that was uploaded with the form, and selects it.
func (c *Console) upload(v *page.Visit, f *form) error {
	file, head, err := v.FormFile("plan.document")
	if err != nil || head.Size == 0 {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("read upload: %w", err)
	}
	p, err := c.Editor.StorePlan(v.Context(), v.Caller, head.Filename, data)
	if e := errs.Of(err); e != nil && e.Kind == errs.Invalid {
		f.add(v, e.Fields)
		return nil
	}
	if err != nil {
		return err
	}
	f.Values["plan"], f.Values["plan.id"], f.Uploaded = "used", p.Ref(), &p
	return nil
}

// choice returns the plan that the form selects.
func (f *form) choice() (eventapi.PlanChoice, []errs.Field) {
	switch f.Value("plan") {
	case "template":
		n, err := strconv.Atoi(strings.TrimSpace(f.Value("plan.seats")))
		if err != nil {
			return eventapi.PlanChoice{}, []errs.Field{{Name: "plan.seats", Code: "not-a-number", Reason: "must be a whole number"}}
		}
		return eventapi.PlanChoice{Template: f.Value("plan.template"), Seats: n}, nil
	case "used":
		id, version, _ := strings.Cut(f.Value("plan.id"), "@")
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			return eventapi.PlanChoice{}, []errs.Field{{Name: "plan.id", Code: "required", Reason: "is required"}}
		}
		return eventapi.PlanChoice{ID: id, Version: n}, nil
	}
	return eventapi.PlanChoice{}, []errs.Field{{Name: "plan.document", Code: "required", Reason: "is required"}}
}

// newEvent returns the event that the form describes, and the fields that cannot be
// parsed.
func (f *form) newEvent() (eventapi.NewEvent, []errs.Field) {
	var bad []errs.Field
	whole := func(name string, low int64) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(f.Value(name)), 10, 32)
		if err != nil {
			bad = append(bad, errs.Field{Name: name, Code: "not-a-number", Reason: "must be a whole number"})
			return low
		}
		return n
	}
	venue := f.venue()
	limit, hold, unverified := int32(whole("limit_per_customer", 1)), whole("hold_minutes", 1), f.Value("unverified_buyers") != ""
	d := eventapi.NewEvent{
		Title: f.Value("title"), Description: f.Value("description"), Category: strings.TrimSpace(f.Value("category")),
		Venue:            eventapi.NewVenue{Name: venue.Name, Address: venue.Address, City: venue.City, Country: venue.Country, TimeZone: venue.Zone},
		LimitPerCustomer: &limit, HoldMinutes: &hold, UnverifiedBuyers: &unverified, Status: eventapi.Draft,
	}
	given := func(name string) *string {
		if text := f.Value(name); text != "" {
			return &text
		}
		return nil
	}
	switch f.Value("when") {
	case "time":
		d.EndTime = given("end_time")
		if d.EventTime = given("event_time"); d.EventTime == nil {
			bad = append(bad, errs.Field{Name: "event_time", Code: "required", Reason: "is required"})
		}
	case "date":
		d.EndDate = f.Value("end_date")
		if d.EventDate = f.Value("event_date"); d.EventDate == "" {
			bad = append(bad, errs.Field{Name: "event_date", Code: "required", Reason: "is required"})
		}
	}
	plan, faults := f.choice()
	d.Plan, bad = plan, append(bad, faults...)
	bad = append(bad, f.amounts(&d)...)
	if len(d.Tiers) == 0 {
		d.Currency, d.FeeRules = "", nil
	}
	return d, append(bad, f.saleTimes(&d, &venue)...)
}

// saleTimes parses the times of the sale, which are local to the event's zone.
func (f *form) saleTimes(d *eventapi.NewEvent, venue *eventapi.Venue) (bad []errs.Field) {
	name := venue.Zone
	if f.Event != nil && f.Event.Venue == *venue {
		name = f.Event.Zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil // the zone is wrong, which the service reports
	}
	read := func(field string) *time.Time {
		if f.Value(field) == "" {
			return nil
		}
		t, reason := eventapi.Instant(f.Value(field), zone)
		if !reason.None() {
			bad = append(bad, reason.In(field))
			return nil
		}
		return &t
	}
	d.SaleOpensAt, d.SaleClosesAt, d.RefundableUntil = read("sale_opens_at"), read("sale_closes_at"), read("refundable_until")
	return append(bad, f.cancelFees(d, read)...)
}

// venue returns the selected venue: one used before, or a new one.
func (f *form) venue() eventapi.Venue {
	for _, v := range f.Venues {
		if v.ID == f.Value("venue") {
			return v
		}
	}
	text := func(name string) string { return strings.TrimSpace(f.Value("venue." + name)) }
	return eventapi.Venue{Name: text("name"), Address: text("address"), City: text("city"), Country: strings.ToUpper(text("country")), Zone: text("time_zone")}
}

// amounts parses prices and rules. It ignores rows without name and price.
func (f *form) amounts(d *eventapi.NewEvent) (bad []errs.Field) {
	d.Currency = strings.ToUpper(strings.TrimSpace(f.Value("currency")))
	amount := func(field, text string) int64 {
		n, err := money.FromDecimal(strings.ReplaceAll(strings.TrimSpace(text), ",", "."), d.Currency)
		var reason errs.Reason
		if errors.As(err, &reason) && money.Known(d.Currency) { // otherwise the currency is wrong
			bad = append(bad, reason.In(field))
		}
		return n
	}
	if f.Value("pricing") == "rules" {
		d.FeeRules = &seating.FeeRules{Rounding: f.Value("fee_rules.rounding")}
		for name, rate := range map[string]*int64{"fee_rate": &d.FeeRules.FeeRate, "tax_rate": &d.FeeRules.TaxRate} {
			var ok bool
			if *rate, ok = hundredths(f.Value("fee_rules." + name)); !ok {
				bad = append(bad, errs.Field{Name: "fee_rules." + name, Code: "not-a-rate", Reason: "must be a rate from 0 to 100"})
			}
		}
		if fixed := f.Value("fee_rules.fee_fixed"); fixed != "" {
			d.FeeRules.FeeFixed = amount("fee_rules.fee_fixed", fixed)
		}
	}
	for i, t := range f.Tiers {
		if t.Price == "" && f.priceless() {
			continue
		}
		field := fmt.Sprintf("tiers[%d].price", i)
		tier := eventapi.NewTier{Name: strings.TrimSpace(t.Name), Categories: t.Categories}
		price := int64(0)
		if t.Price == "" {
			bad = append(bad, errs.Field{Name: field, Code: "required", Reason: "is required"})
		} else {
			price = amount(field, t.Price)
		}
		if d.FeeRules != nil {
			tier.Face = &price
		} else {
			tier.Price = price
		}
		for _, s := range strings.FieldsFunc(t.Sections, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
			if s = strings.TrimSpace(s); s != "" {
				tier.Sections = append(tier.Sections, s)
			}
		}
		d.Tiers = append(d.Tiers, tier)
	}
	return bad
}

// priceless reports whether no price has been entered yet: an event may be announced
// without any.
func (f *form) priceless() bool {
	for _, t := range f.Tiers {
		if t.Price != "" {
			return false
		}
	}
	return f.Event == nil || !f.Event.Priced()
}

// hundredths parses a percentage such as 8.5 into hundredths of a percent.
func hundredths(text string) (int64, bool) {
	text = strings.ReplaceAll(strings.TrimSuffix(strings.TrimSpace(text), "%"), ",", ".")
	if text = strings.TrimSpace(text); text == "" {
		return 0, true
	}
	if len(text) > 12 || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(100, 1))
	if !r.IsInt() || r.Cmp(big.NewRat(10_000, 1)) > 0 {
		return 0, false
	}
	return r.Num().Int64(), true
}
