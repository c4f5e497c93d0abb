package event

import (
	"fmt"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/seating"
)

// copyOf copies rules of a caller, since feeRules modifies them.
func copyOf(r *seating.FeeRules) *seating.FeeRules {
	if r == nil {
		return nil
	}
	own := *r
	return &own
}

// feeRules checks an event's rules, and fills in the default rounding.
func (f *faults) feeRules(r *seating.FeeRules) {
	const whole = 10_000
	for name, rate := range map[string]int64{"fee_rate": r.FeeRate, "tax_rate": r.TaxRate} {
		if rate < 0 || rate > whole {
			f.Add("fee_rules."+name, "not-a-rate", "must be 0 to %d hundredths of a percent", whole)
		}
	}
	if r.FeeFixed < 0 || r.FeeFixed > money.Max {
		f.Add("fee_rules.fee_fixed", "too-expensive", "must be 0 to %d minor units", int64(money.Max))
	}
	if r.Rounding == "" {
		r.Rounding = string(money.HalfUp)
	}
	if !money.Rounding(r.Rounding).Known() {
		f.Add("fee_rules.rounding", "not-a-choice", "must be half_up, half_even, up or down")
	}
}

// allIn computes a tier's all-in price from its face value: the fee on the face value,
// and the tax on both.
func allIn(t *seating.Tier, r *seating.FeeRules) {
	rounding := money.Rounding(r.Rounding)
	t.Fee = money.Share(t.Face, r.FeeRate, rounding) + r.FeeFixed
	t.Tax = money.Share(t.Face+t.Fee, r.TaxRate, rounding)
	t.Fees = t.Fee + t.Tax
	t.Price = t.Face + t.Fees
}

// pricing is the new prices of an event. Without tiers, the prices stay as they are.
type pricing struct {
	tiers []seating.Tier
	rules *seating.FeeRules
}

func (p *pricing) list(eventID string, version int64, currency string) *seating.Prices {
	return &seating.Prices{EventID: eventID, Version: version, Currency: currency, Tiers: p.tiers, Rules: p.rules}
}

// priceOf checks the price of one tier: all-in, or a face value if there are rules.
func (f *faults) priceOf(path string, in *eventapi.NewTier, rules *seating.FeeRules, out *seating.Tier) {
	if rules == nil {
		switch {
		case in.Face != nil:
			f.Add(path+"face", "needs-another-field", "needs the event's fee_rules; without them give the all-in price")
		case in.Price < 0 || in.Price > money.Max:
			f.Add(path+"price", "too-expensive", "must be 0 to %d minor units", int64(money.Max))
		case in.Fees < 0 || in.Fees > in.Price:
			f.Add(path+"fees", "fees-above-price", "must be between 0 and the price, of which they are part")
		}
		out.Price, out.Fees = in.Price, in.Fees
		return
	}
	switch {
	case in.Face == nil || in.Price != 0 || in.Fees != 0:
		f.Add(path+"face", "needs-another-field", "must be given instead of price and fees, because the event has fee_rules")
	case *in.Face < 0 || *in.Face > money.Max:
		f.Add(path+"face", "too-expensive", "must be 0 to %d minor units", int64(money.Max))
	case len(f.List) == 0:
		out.Face = *in.Face
		if allIn(out, rules); out.Price > money.Max {
			f.Add(path+"face", "too-expensive", "comes to %d with fees and tax, which is more than %d", out.Price, int64(money.Max))
		}
	}
}

// again returns tiers as an organizer would give them, so that new rules can be applied
// to their face values.
func again(tiers []seating.Tier) ([]eventapi.NewTier, error) {
	list := make([]eventapi.NewTier, len(tiers))
	for i, t := range tiers {
		if t.Face == 0 && t.Price != 0 {
			return nil, fmt.Errorf("tier %q has no face value", t.Name)
		}
		face := t.Face
		list[i] = eventapi.NewTier{Name: t.Name, Face: &face, Sections: t.Sections, Categories: t.Categories}
	}
	return list, nil
}
