package importer

import (
	"errors"
	"slices"
	"strings"

	"boxoffice/internal/codec"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// boxoffice's own import format is one object:
//
//	{"boxoffice": 1,
//	 "venues": [{"source_id": "hall", "name": "Hall", "city": "Ulm", "country": "DE", "time_zone": "Europe/Berlin"}],
//	 "plans":  [{"source_id": "hall-2026", "name": "Hall", "categories": [{"name": "A"}], "sections": […]}],
//	 "events": [{"source_id": "gala", "title": "Gala", "venue": {"source_id": "hall"}, "plan": {"source_id": "hall-2026"}, …}]}
//
// Repeated imports find plans and events by their source_id. An event has the fields of
// POST /events. Its venue and its plan may name one of the file by source_id instead.

type ownVenue struct {
	SourceID string `json:"source_id"`
	eventapi.NewVenue
}

type ownPlan struct {
	SourceID string `json:"source_id"`
	seating.PlanDocument
}

type ownEvent struct {
	SourceID string `json:"source_id"`
	eventapi.NewEvent
	Venue ownVenue   `json:"venue"`
	Plan  ownPlanRef `json:"plan"`
}

type ownPlanRef struct {
	SourceID string `json:"source_id"`
	eventapi.PlanChoice
}

// readOwn reads boxoffice's own format.
func readOwn(root *node, out *Batch) {
	if root.at("boxoffice").whole(1, 1) != 1 {
		root.at("boxoffice").fail("must be 1, the version of the format")
		return
	}
	for key := range root.value.(map[string]any) {
		if !slices.Contains([]string{"boxoffice", "venues", "plans", "events"}, key) {
			root.at(key).fail("is not a field of this format")
		}
	}
	r := &ownReader{seen: map[string]bool{}, venues: map[string]eventapi.NewVenue{}, out: out}
	for _, n := range root.at("venues").list(MaxEvents) {
		r.venue(n)
	}
	for _, n := range root.at("plans").list(1000) {
		r.plan(n)
	}
	for _, n := range root.at("events").list(MaxEvents) {
		r.event(n)
	}
}

type ownReader struct {
	seen   map[string]bool // list and source id
	venues map[string]eventapi.NewVenue
	out    *Batch
}

// id returns the source id of an element, which must be unique in its list.
func (r *ownReader) id(n *node) string {
	id := n.at("source_id").need(200)
	list, _, _ := strings.Cut(n.path, "[")
	if r.seen[list+id] {
		n.at("source_id").fail("%q appears twice", id)
	}
	r.seen[list+id] = true
	return id
}

func (r *ownReader) venue(n *node) {
	var v ownVenue
	id := r.id(n)
	if !strict(n, &v) {
		return
	}
	f := &check.Faults{}
	f.Venue(v.NewVenue)
	for _, fault := range f.List {
		n.at(strings.TrimPrefix(fault.Name, "venue.")).fail("%s", fault.Reason)
	}
	r.venues[id] = v.NewVenue
}

func (r *ownReader) plan(n *node) {
	var p ownPlan
	id := r.id(n)
	if !strict(n, &p) {
		return
	}
	plan, err := p.PlanDocument.NewPlan()
	if err != nil {
		var at seating.Fault
		if errors.As(err, &at) {
			n.at(at.Path).fail("%s", at.Reason)
		}
		return
	}
	doc := p.PlanDocument
	r.out.Plans = append(r.out.Plans, Plan{Path: n.path, Source: "boxoffice:" + id, Document: &doc, Plan: plan})
}

func (r *ownReader) event(n *node) {
	var e ownEvent
	id := r.id(n)
	if !strict(n, &e) {
		return
	}
	f := Event{Path: n.path, Source: "boxoffice:" + id, New: e.NewEvent}
	f.New.Plan, f.New.Venue = e.Plan.PlanChoice, e.Venue.NewVenue
	if id := e.Venue.SourceID; id != "" {
		v, ok := r.venues[id]
		if !ok || e.Venue.NewVenue != (eventapi.NewVenue{}) {
			n.at("venue").at("source_id").fail("must name a venue of this file, and nothing beside it: %q", id)
		}
		f.New.Venue = v
	}
	if id := e.Plan.SourceID; id != "" {
		if e.Plan.PlanChoice != (eventapi.PlanChoice{}) {
			n.at("plan").fail("must have nothing beside source_id")
		}
		f.PlanSource = "boxoffice:" + id
	}
	checkEvent(n, &f)
	r.out.Events = append(r.out.Events, f)
}

// checkEvent checks the fields of an event that faults can be reported for by path.
func checkEvent(n *node, e *Event) {
	f := &check.Faults{}
	f.Text("title", e.New.Title, 1, 200)
	zone := f.Venue(e.New.Venue)
	if e.New.TimeZone != "" {
		zone = f.Zone("time_zone", e.New.TimeZone)
	}
	var ev check.When
	f.When(&ev, e.New.EventTime, e.New.EventDate, zone)
	for _, fault := range f.List {
		n.at(fault.Name).fail("%s", fault.Reason)
	}
	if e.New.Status == eventapi.Cancelled {
		e.New.Status, e.Cancelled = eventapi.Published, true
	}
}

// strict decodes a node into a struct; unknown fields and wrong types are faults.
func strict(n *node, v any) bool {
	raw, err := codec.Marshal(n.value)
	if err != nil {
		n.fail("cannot be read")
		return false
	}
	if err = codec.Read(raw, v); err == nil {
		return true
	}
	f, ok := codec.FaultOf(err)
	at := n
	if f.Path != "" {
		at = n.at(f.Path)
	}
	switch {
	case !ok:
		n.fail("cannot be read")
	case f.Unknown():
		at.fail("is not a field of this format")
	default:
		at.fail("%s", f.Reason)
	}
	return false
}
