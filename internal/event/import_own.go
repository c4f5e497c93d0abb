package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// ownFile is boxoffice's own import format. Plans and events carry an id of
// the source, by which they are found again; an event has the fields of
// POST /events, where plan may be {"source_id": …} to use a plan of the file.
type ownFile struct {
	Boxoffice int        `json:"boxoffice"`
	Plans     []ownPlan  `json:"plans"`
	Events    []ownEvent `json:"events"`
}

type ownPlan struct {
	SourceID string `json:"source_id"`
	planDocument
}

type ownEvent struct {
	SourceID string `json:"source_id"`
	NewEvent
	Plan ownPlanRef `json:"plan"`
}

type ownPlanRef struct {
	SourceID string `json:"source_id"`
	PlanInput
}

// readOwn reads boxoffice's own format.
func readOwn(root *node, out *found) {
	if root.at("boxoffice").whole(1, 1) != 1 {
		root.at("boxoffice").fail("must be 1, the version of the format")
		return
	}
	seen := map[string]bool{}
	once := func(n *node) string {
		id := n.at("source_id").need(200)
		if seen[n.path[:3]+id] {
			n.at("source_id").fail("%q is there twice", id)
		}
		seen[n.path[:3]+id] = true
		return id
	}
	for _, n := range root.at("plans").list(1000) {
		var p ownPlan
		id := once(n)
		if !strict(n, &p) {
			return
		}
		plan, err := p.planDocument.build()
		if err != nil {
			var at planError
			if errors.As(err, &at) {
				n.at(at.path).fail("%s", at.reason)
			}
			return
		}
		doc := p.planDocument
		out.plans = append(out.plans, foundPlan{path: n.path, source: "boxoffice:" + id, doc: &doc, plan: plan})
	}
	for _, n := range root.at("events").list(maxImportEvents) {
		var e ownEvent
		id := once(n)
		if !strict(n, &e) {
			return
		}
		f := foundEvent{path: n.path, source: "boxoffice:" + id, in: e.NewEvent}
		f.in.Plan = e.Plan.PlanInput
		if e.Plan.SourceID != "" {
			f.planSource = "boxoffice:" + e.Plan.SourceID
		}
		out.events = append(out.events, f)
	}
	for key := range root.value.(map[string]any) {
		if key != "boxoffice" && key != "plans" && key != "events" {
			root.at(key).fail("is not a field of this format")
		}
	}
	for i := range out.events {
		check(root, &out.events[i])
	}
}

// check looks at an event's own fields, so that a fault is told with its path.
func check(root *node, e *foundEvent) {
	f := &faults{}
	f.text("title", e.in.Title, 1, 200)
	zone := f.venue(e.in.Venue)
	if e.in.TimeZone != "" {
		zone = f.zone("time_zone", e.in.TimeZone)
	}
	var ev Event
	f.when(&ev, e.in.EventTime, e.in.EventDate, zone)
	if err := errs.Fields(f.list); err != nil && root.fault == nil {
		root.fault = &planError{e.path + "." + f.list[0].Name, f.list[0].Reason}
	}
	if e.in.Status == message.Cancelled {
		e.in.Status, e.cancelled = message.Published, true
	}
}

// strict decodes a node into a struct; unknown fields and wrong types are faults.
func strict(n *node, v any) bool {
	raw, err := json.Marshal(n.value)
	if err != nil {
		n.fail("cannot be read: %v", err)
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	var wrong *json.UnmarshalTypeError
	var at *time.ParseError
	switch {
	case err == nil:
		return true
	case errors.As(err, &wrong):
		n.at(wrong.Field).fail("must be %s, not this %s", wrong.Type, wrong.Value)
	case errors.As(err, &at):
		n.fail("has a time that is not RFC 3339: %q", at.Value)
	default:
		n.fail("%s", fmt.Sprint(err)[len("json: "):])
	}
	return false
}
