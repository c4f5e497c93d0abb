package booking

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// Wish is what somebody wants to hold: seats by label, or a quantity of a
// section or a tier.
type Wish struct {
	EventID  string
	Seats    []string
	Quantity int
	Section  string // section id, "" for any
	Tier     string // tier id or name, "" for any

	to caller.Person // of a gift: whom it is for; part of what a key stands for
}

// fingerprint tells one wish from another that comes with the same key.
func (w Wish) fingerprint(key string) []byte {
	if key == "" {
		return nil
	}
	b := append(strconv.AppendInt(nil, int64(w.Quantity), 10), w.EventID...)
	for _, s := range append([]string{w.Section, w.Tier}, w.Seats...) {
		b = append(append(b, 0), s...)
	}
	if w.to != (caller.Person{}) {
		b = append(append(append(append(b, "\x00to\x00"...), w.to.Name...), 0), w.to.Email...)
	}
	h := sha256.Sum256(b)
	return h[:16]
}

// resolve turns labels and names into a command's ordinals.
func (s *Service) resolve(v *view, w Wish, c *command) error {
	v.mu.RLock()
	p := v.priced
	c.at = saleKey(v.eventID, &v.sale)
	v.mu.RUnlock()
	c.section, c.tier = -1, -1
	if len(w.Seats) > 0 {
		return resolveSeats(p.plan, w.Seats, c)
	}
	c.quantity = w.Quantity
	if w.Section != "" {
		if c.section = p.plan.SectionByID(w.Section); c.section < 0 {
			return errs.Bad("section", "%q is not a section of this event", w.Section)
		}
	}
	if w.Tier != "" {
		for i, t := range p.Tiers {
			if t.ID == w.Tier || t.Name == w.Tier {
				c.tier = i
			}
		}
		if c.tier < 0 {
			return errs.Bad("tier", "%q is not a price tier of this event", w.Tier)
		}
	}
	return nil
}

func resolveSeats(p *seating.Plan, labels []string, c *command) error {
	c.seats = make([]int32, len(labels))
	for i, label := range labels {
		n, ok := p.Ordinal(label)
		if !ok {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "%q is not a seat that can be chosen in this event", label)
		}
		for j := range i {
			if c.seats[j] == n {
				return errs.Bad(fmt.Sprintf("seats[%d]", i), "names %s twice", label)
			}
		}
		c.seats[i] = n
	}
	return nil
}
