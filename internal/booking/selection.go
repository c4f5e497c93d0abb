package booking

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// fingerprint distinguishes requests that use the same key. to is the recipient in a
// request for a gift.
func fingerprint(key, eventID string, sel *bookingapi.Selection, to caller.Person) []byte {
	if key == "" {
		return nil
	}
	b := append(strconv.AppendInt(nil, int64(sel.Quantity), 10), eventID...)
	for _, s := range append([]string{sel.Section, sel.Tier}, sel.Seats...) {
		b = append(append(b, 0), s...)
	}
	if to != (caller.Person{}) {
		b = append(append(append(append(b, "\x00to\x00"...), to.Name...), 0), to.Email...)
	}
	h := sha256.Sum256(b)
	return h[:16]
}

// resolve turns the labels and names of a selection into a command's ordinals, in the
// plan and prices of a view.
func resolve(v *view, sel *bookingapi.Selection, c *command) error {
	v.mu.RLock()
	p := v.priced
	c.at = saleKey(v.eventID, &v.sale)
	v.mu.RUnlock()
	c.section, c.tier = -1, -1
	if len(sel.Seats) > 0 {
		return resolveSeats(p.plan, sel.Seats, c)
	}
	c.quantity = sel.Quantity
	if sel.Section != "" {
		if c.section = p.plan.SectionByID(sel.Section); c.section < 0 {
			return errs.Bad("section", "no-such-section", "%q is not a section of this event", sel.Section)
		}
	}
	if sel.Tier != "" {
		for i, t := range p.Tiers {
			if t.ID == sel.Tier || t.Name == sel.Tier {
				c.tier = i
			}
		}
		if c.tier < 0 {
			return errs.Bad("tier", "no-such-tier", "%q is not a price tier of this event", sel.Tier)
		}
	}
	return nil
}

func resolveSeats(p *seating.Plan, labels []string, c *command) error {
	c.seats = make([]int32, len(labels))
	for i, label := range labels {
		n, ok := p.Ordinal(label)
		if !ok {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "no-such-seat", "%q is not a seat that can be chosen in this event", label)
		}
		for j := range i {
			if c.seats[j] == n {
				return errs.Bad(fmt.Sprintf("seats[%d]", i), "seat-twice", "names %s twice", label)
			}
		}
		c.seats[i] = n
	}
	return nil
}
