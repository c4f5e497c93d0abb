package shop

import (
	"fmt"
	"slices"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/seating"
)

// seatmap is the input of the seat map's script: addresses as attributes, the rest
// as JSON.
type seatmap struct {
	Plan, Seats, Live string
	Data              mapData
}

type mapData struct {
	Currency string            `json:"currency"`
	Tiers    []mapTier         `json:"tiers"`
	Words    map[string]string `json:"words"`
	Mine     []string          `json:"mine,omitempty"` // labels of seats that the reader holds
}

type mapTier struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Price      int64    `json:"price"`
	Label      string   `json:"label"` // the price in words
	Sections   []string `json:"sections,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

// seats fills in what can be selected: the list of sections, the seats of the
// section named in the address, and the map.
func (s *Shop) seats(v *page.Visit, p *eventView) error {
	e := p.Event
	switch p.State {
	case eventapi.SaleClosed, eventapi.SaleCancelled, eventapi.SalePast:
		return nil // nothing is on sale any more
	}
	var err error
	p.Sections, err = s.SeatMap.Sections(v.Context(), v.Caller, e.ID)
	if err != nil && errs.KindOf(err) != errs.NotFound { // NotFound: the booking service does not know the sale yet
		return err
	}
	for n := 1; n <= int(min(e.LimitPerCustomer, max(e.Free, 1))); n++ {
		p.Quantities = append(p.Quantities, n)
	}
	if err := s.section(v, p); err != nil {
		return err
	}
	if len(p.Sections) > 0 && e.Priced() && p.State != "draft" {
		p.Map = s.seatmap(v, p)
	}
	return nil
}

// section fills in the seats of the section named in the address. It also works for
// forms, which lead back here when a hold has failed.
func (s *Shop) section(v *page.Visit, p *eventView) error {
	name := v.Request.URL.Query().Get("section")
	for i := range p.Sections {
		if p.Sections[i].ID != name {
			continue
		}
		rows, err := s.SeatMap.Rows(v.Context(), v.Caller, p.Event.ID, name)
		if errs.KindOf(err) == errs.NotFound { // the plan has just changed
			return nil
		}
		p.Section, p.Rows = &p.Sections[i], rows
		return err
	}
	return nil
}

func (s *Shop) seatmap(v *page.Visit, p *eventView) *seatmap {
	e := p.Event
	m := &seatmap{
		Plan: fmt.Sprintf("/events/%s/plan?version=%s-%d", e.ID, e.PlanID, e.PlanVersion), Seats: "/events/" + e.ID + "/seats?form=compact",
		Live: "/events/" + e.ID + "/live",
		Data: mapData{Currency: e.Prices.Currency, Words: v.Words("map.")},
	}
	for _, t := range e.Prices.Tiers {
		m.Data.Tiers = append(m.Data.Tiers, mapTier{t.ID, t.Name, t.Price, locale.Money(v.Lang, t.Price, e.Prices.Currency), t.Sections, t.Categories})
	}
	for _, h := range p.Holds {
		m.Data.Mine = append(m.Data.Mine, h.Seats...)
	}
	return m
}

// Fees reports whether any price includes fees.
func (p *eventView) Fees() bool {
	return slices.ContainsFunc(p.Event.Prices.Tiers, func(t seating.Tier) bool { return t.Fees > 0 })
}

// tierView is a price of an event in a form.
type tierView struct {
	seating.Tier
	Gone bool // its last seat is taken
}

// Tiers returns an event's prices for a form.
func (p *eventView) Tiers() []tierView {
	var free, total = map[string]int32{}, int32(0)
	for i := range p.Sections {
		total += p.Sections[i].Total
		for n, t := range p.Sections[i].Tiers {
			free[t.ID] += p.Sections[i].FreeAt[n]
		}
	}
	out := make([]tierView, len(p.Event.Prices.Tiers))
	for i, t := range p.Event.Prices.Tiers {
		out[i] = tierView{t, total > 0 && free[t.ID] == 0}
	}
	return out
}
