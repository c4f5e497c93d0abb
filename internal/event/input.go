package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/seating"
)

const (
	maxAttributes = 32 << 10 // bytes
	maxNamed      = 20_000   // sections and categories that all tiers of an event name
)

// faults collects what is wrong with an event from an organizer.
type faults struct{ check.Faults }

// planFault turns a fault of a plan document into an error of the request's field
// plan.document.
func planFault(err error) error {
	var f seating.Fault
	if !errors.As(err, &f) {
		return err
	}
	return errs.Bad(strings.TrimSuffix("plan.document."+f.Path, "."), "plan-document", "%s", check.Short(f.Reason))
}

// attributes checks an event's attributes: a JSON object, not too large or too deep.
func (f *faults) attributes(raw []byte) string {
	if len(raw) == 0 || string(raw) == "null" {
		return "{}"
	}
	if len(raw) > maxAttributes {
		f.Add("attributes", "too-large", "must have at most %d KiB", maxAttributes>>10)
		return "{}"
	}
	if check.Depth(raw) > 16 {
		f.Add("attributes", "too-deep", "must not be nested deeper than 16 levels")
		return "{}"
	}
	var v map[string]any
	out := codec.Raw(slices.Clone(raw)) // numbers stay as they were written, however long
	if utf8.Valid(raw) && (codec.ReadKnown(raw, &v) != nil || out.Compact() != nil) {
		f.Add("attributes", "not-an-object", "must be a JSON object")
		return "{}"
	}
	if !utf8.Valid(raw) || holdsNUL(v) {
		f.Add("attributes", "not-utf8", "must be UTF-8 without NUL")
		return "{}"
	}
	return string(out)
}

// holdsNUL reports whether a name or text in a JSON value contains NUL, which not all
// databases can store.
func holdsNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.IndexByte(v, 0) >= 0
	case []any:
		return slices.ContainsFunc(v, holdsNUL)
	case map[string]any:
		for k, x := range v {
			if holdsNUL(k) || holdsNUL(x) {
				return true
			}
		}
	}
	return false
}

// tiers makes an event's tiers from prices, and checks that they match the plan. Without
// any price there are no tiers.
func (f *faults) tiers(currency string, price *int64, list []eventapi.NewTier, rules *seating.FeeRules, p *seating.Plan) []seating.Tier {
	if rules != nil {
		f.feeRules(rules)
	}
	if price == nil && len(list) == 0 {
		return nil
	}
	if !money.Known(currency) {
		f.Add("currency", "not-a-currency", "must be an ISO 4217 code such as EUR")
		return nil
	}
	if price != nil {
		if len(list) > 0 {
			f.Add("tiers", "cannot-combine", "cannot be combined with price")
			return nil
		}
		if rules != nil {
			f.Add("price", "cannot-combine", "cannot be combined with fee_rules: give tiers with a face value")
			return nil
		}
		list = []eventapi.NewTier{{Name: "Standard", Price: *price}}
	}
	if len(list) > seating.MaxTiers {
		f.Add("tiers", "too-many", "must be at most %d", seating.MaxTiers)
		return nil
	}
	out := make([]seating.Tier, len(list))
	named := 0
	for i, t := range list {
		if named += len(t.Sections) + len(t.Categories); f.Full() || named > maxNamed {
			f.Add("tiers", "too-many-named", "must name at most %d sections and categories", maxNamed)
			return nil
		}
		path := fmt.Sprintf("tiers[%d].", i)
		if price != nil {
			path = ""
		}
		f.Text(path+"name", t.Name, 1, 100)
		for j, id := range t.Sections {
			if p != nil && p.SectionByID(id) < 0 {
				f.Add(fmt.Sprintf("%ssections[%d]", path, j), "no-such-section", "%q is not a section of the plan", id)
			}
		}
		categories := t.Categories
		if len(t.Sections) == 0 && len(categories) == 0 && p != nil {
			for _, c := range p.Categories {
				categories = append(categories, c.Name)
			}
		}
		for j, name := range t.Categories {
			if p != nil && !p.HasCategory(name) {
				f.Add(fmt.Sprintf("%scategories[%d]", path, j), "no-such-category", "%q is not a category of the plan", name)
			}
		}
		out[i] = seating.Tier{ID: fmt.Sprintf("t%d", i+1), Name: t.Name, Sections: t.Sections, Categories: categories}
		f.priceOf(path, &t, rules, &out[i])
	}
	return out
}

// unpriced returns the id of a section with a seat that no tier names, "" if all seats
// have a price.
func unpriced(p *seating.Plan, tiers []seating.Tier) string {
	pr := seating.Prices{Tiers: tiers}
	for n, t := range pr.Assign(p) {
		if t == seating.NoTier {
			return p.Sections[p.SectionOf(int32(n))].ID
		}
	}
	return ""
}

// sale sets an event's sale window, refunds, limits and hold time.
func (f *faults) sale(e *stored, opens, closes, refunds *time.Time, limit *int32, hold *int64) {
	if refunds != nil && f.Within("refundable_until", *refunds) {
		e.RefundsEnd = refunds.UnixMicro()
	}
	if opens != nil && f.Within("sale_opens_at", *opens) {
		e.OpensAt = opens.UnixMicro()
	}
	switch {
	case closes != nil && f.Within("sale_closes_at", *closes):
		e.ClosesAt = closes.UnixMicro()
	case closes == nil && e.ClosesAt == 0:
		e.ClosesAt = e.ends()
	}
	if e.ClosesAt != 0 && e.OpensAt != 0 && e.ClosesAt <= e.OpensAt {
		f.Add("sale_closes_at", "closes-before-it-opens", "must be after sale_opens_at")
	}
	if limit != nil {
		e.LimitPerCustomer = *limit
	}
	if e.LimitPerCustomer < 1 || e.LimitPerCustomer > bookingapi.MaxPerPerson {
		f.Add("limit_per_customer", "out-of-range", "must be %d to %d", 1, bookingapi.MaxPerPerson)
	}
	if hold != nil {
		e.HoldFor = *hold * 60_000_000
		if *hold < 1 || *hold > 60 {
			f.Add("hold_minutes", "out-of-range", "must be %d to %d", 1, 60)
		}
	}
}
