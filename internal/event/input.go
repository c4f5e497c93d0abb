package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

const (
	maxAttributes = 32 << 10 // bytes
	maxNamed      = 20_000   // sections and categories that all tiers of an event name
)

// faults collects what is wrong with an input, up to maxFaults.
type faults struct{ list []errs.Field }

const (
	maxFaults = 20  // that are told at once
	maxTold   = 200 // bytes of a reason, which may quote the input
)

// short cuts a reason that quotes a long input.
func short(reason string) string {
	if len(reason) > maxTold {
		return strings.ToValidUTF8(reason[:maxTold], "") + "…"
	}
	return reason
}

// planFault turns a fault of a plan document into an error of the request's field
// plan.document.
func planFault(err error) error {
	var f seating.Fault
	if !errors.As(err, &f) {
		return err
	}
	return errs.Bad(strings.TrimSuffix("plan.document."+f.Path, "."), "%s", short(f.Reason))
}

func (f *faults) add(field, format string, args ...any) {
	if f.full() {
		return
	}
	f.list = append(f.list, errs.Field{Name: field, Reason: short(fmt.Sprintf(format, args...))})
}

// full reports whether enough is wrong: nobody need look for more.
func (f *faults) full() bool { return len(f.list) >= maxFaults }

// text checks a text of one line, lines one of several.
func (f *faults) text(field, s string, minLen, maxLen int) {
	switch reason := safetext.LineFault(s, minLen, maxLen); {
	case reason != "":
		f.add(field, "%s", reason)
	case safetext.Hidden(s):
		f.add(field, safetext.HiddenReason)
	}
}

func (f *faults) lines(field, s string, maxLen int) {
	switch {
	case utf8.RuneCountInString(s) > maxLen:
		f.add(field, "must have at most %d characters", maxLen)
	case !utf8.ValidString(s):
		f.add(field, "is not UTF-8")
	case safetext.HiddenInLines(s):
		f.add(field, safetext.HiddenReason)
	}
}

// zone loads a time zone by its IANA name.
func (f *faults) zone(field, name string) *time.Location {
	if name == "" || name == "Local" {
		f.add(field, "is required: an IANA name such as Europe/Berlin")
		return nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		f.add(field, "%q is not an IANA time zone", name)
		return nil
	}
	return z
}

// instant reads RFC 3339, or a local time, which must exist once in the zone.
func (f *faults) instant(field, s string, zone *time.Location) (time.Time, bool) {
	t, reason := eventapi.Instant(s, zone)
	if reason != "" {
		f.add(field, "%s", reason)
	}
	return t, reason == "" && !t.IsZero()
}

func (f *faults) within(field string, t time.Time) bool {
	reason := eventapi.OutOfRange(t)
	if reason != "" {
		f.add(field, "%s", reason)
	}
	return reason == ""
}

// when sets an event's time from what was given.
func (f *faults) when(e *stored, eventTime *string, date string, zone *time.Location) {
	e.StartsAt, e.LocalDate, e.SortAt = 0, "", never
	switch {
	case eventTime != nil && date != "":
		f.add("event_date", "cannot be combined with event_time")
	case eventTime != nil:
		if t, ok := f.instant("event_time", *eventTime, zone); ok && zone != nil {
			e.StartsAt, e.SortAt = t.UnixMicro(), t.UnixMicro()
			e.LocalDate = t.In(zone).Format(time.DateOnly)
		}
	case date != "":
		d, err := time.Parse(time.DateOnly, date)
		if err != nil {
			f.add("event_date", "must be a date such as 2027-03-01")
			return
		}
		if f.within("event_date", d) && zone != nil {
			e.LocalDate = date
			e.SortAt = endOfDay(d, zone)
		}
	}
}

// never sorts behind every time.
const never = int64(1) << 62

// attributes checks free JSON: an object, not too large, not too deep.
func (f *faults) attributes(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return "{}"
	}
	if len(raw) > maxAttributes {
		f.add("attributes", "must have at most %d KiB", maxAttributes>>10)
		return "{}"
	}
	if depth(raw) > 16 {
		f.add("attributes", "must not be nested deeper than 16 levels")
		return "{}"
	}
	var v map[string]any
	var out bytes.Buffer // numbers stay as they were written, however long
	if json.Unmarshal(raw, &v) != nil || json.Compact(&out, raw) != nil {
		f.add("attributes", "must be a JSON object")
		return "{}"
	}
	if !utf8.Valid(raw) || holdsNUL(v) {
		f.add("attributes", "must be UTF-8 without NUL")
		return "{}"
	}
	return out.String()
}

// holdsNUL finds a NUL in the names and texts of a JSON value: databases differ
// in whether they can keep one.
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

// depth is how deeply a JSON text is nested.
func depth(raw []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// tiers turns prices into an event's tiers and checks that they fit the plan.
// No price at all gives none.
func (f *faults) tiers(currency string, price *int64, list []eventapi.NewTier, rules *seating.FeeRules, p *seating.Plan) []seating.Tier {
	if rules != nil {
		f.feeRules(rules)
	}
	if price == nil && len(list) == 0 {
		return nil
	}
	if !money.Known(currency) {
		f.add("currency", "must be an ISO 4217 code such as EUR")
		return nil
	}
	if price != nil {
		if len(list) > 0 {
			f.add("tiers", "cannot be combined with price")
			return nil
		}
		if rules != nil {
			f.add("price", "cannot be combined with fee_rules: give tiers with a face value")
			return nil
		}
		list = []eventapi.NewTier{{Name: "Standard", Price: *price}}
	}
	if len(list) > seating.MaxTiers {
		f.add("tiers", "must be at most %d", seating.MaxTiers)
		return nil
	}
	out := make([]seating.Tier, len(list))
	named := 0
	for i, t := range list {
		if named += len(t.Sections) + len(t.Categories); f.full() || named > maxNamed {
			f.add("tiers", "must name at most %d sections and categories", maxNamed)
			return nil
		}
		path := fmt.Sprintf("tiers[%d].", i)
		if price != nil {
			path = ""
		}
		f.text(path+"name", t.Name, 1, 100)
		for j, id := range t.Sections {
			if p != nil && p.SectionByID(id) < 0 {
				f.add(fmt.Sprintf("%ssections[%d]", path, j), "%q is not a section of the plan", id)
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
				f.add(fmt.Sprintf("%scategories[%d]", path, j), "%q is not a category of the plan", name)
			}
		}
		out[i] = seating.Tier{ID: fmt.Sprintf("t%d", i+1), Name: t.Name, Sections: t.Sections, Categories: categories}
		f.priceOf(path, &t, rules, &out[i])
	}
	return out
}

// unpriced is the id of a section with a seat that no tier names; "" when all
// seats have a price.
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
	if refunds != nil && f.within("refundable_until", *refunds) {
		e.RefundsEnd = refunds.UnixMicro()
	}
	if opens != nil && f.within("sale_opens_at", *opens) {
		e.OpensAt = opens.UnixMicro()
	}
	switch {
	case closes != nil && f.within("sale_closes_at", *closes):
		e.ClosesAt = closes.UnixMicro()
	case closes == nil && e.ClosesAt == 0:
		e.ClosesAt = e.ends()
	}
	if e.ClosesAt != 0 && e.OpensAt != 0 && e.ClosesAt <= e.OpensAt {
		f.add("sale_closes_at", "must be after sale_opens_at")
	}
	if limit != nil {
		e.LimitPerCustomer = *limit
	}
	if e.LimitPerCustomer < 1 || e.LimitPerCustomer > bookingapi.MaxPerPerson {
		f.add("limit_per_customer", "must be 1 to %d", bookingapi.MaxPerPerson)
	}
	if hold != nil {
		e.HoldFor = *hold * 60_000_000
		if *hold < 1 || *hold > 60 {
			f.add("hold_minutes", "must be 1 to 60")
		}
	}
}

// countryCode reports whether a text has the form of an ISO 3166-1 code.
func countryCode(text string) bool {
	return len(text) == 2 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// venue checks where an event takes place, and answers its time zone.
func (f *faults) venue(v eventapi.NewVenue) *time.Location {
	f.text("venue.name", v.Name, 1, 200)
	f.text("venue.address", v.Address, 0, 300)
	f.text("venue.city", v.City, 0, 100)
	if v.Country != "" && !countryCode(v.Country) {
		f.add("venue.country", "must be an ISO 3166-1 code such as DE")
	}
	return f.zone("venue.time_zone", v.TimeZone)
}
