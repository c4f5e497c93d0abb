package simulate

import "net/url"

// announcement is what the organizer wrote to an audience, as they were told.
type announcement struct {
	name, id, event string
	version         int64
	sent            bool // it was sent, as they were told
	unclear         bool // it may have been sent, changed or deleted
	gone            bool // it was deleted, or may have been
}

func announceOps() map[string]*op {
	return map[string]*op{
		"announce":  {api: "create-announcement", weight: 2, make: makeAnnounce, ask: askAnnounce, told: toldAnnounce},
		"reword":    {api: "update-announcement", weight: 1, make: ofAnnouncement, ask: askReword, told: toldReword, again: true},
		"try out":   {api: "test-announcement", weight: 1, make: ofAnnouncement, ask: about("POST", "/test", nil), told: toldNothing, again: true},
		"send out":  {api: "send-announcement", weight: 2, make: ofAnnouncement, ask: askSendOut, told: toldSendOut, again: true},
		"hold back": {api: "stop-announcement", weight: 1, make: ofAnnouncement, ask: about("POST", "/stop", nil), told: toldHoldBack, again: true},
		"drop":      {api: "delete-announcement", weight: 1, make: ofAnnouncement, ask: about("DELETE", "", nil), told: toldDrop, again: true},
	}
}

func makeAnnounce(g *gen, s *Step) bool {
	all := sorted(g.w.events)
	if len(all) == 0 || len(g.w.said) > 4 {
		return false
	}
	s.As, s.Name, s.Event = "org", g.name("a"), all[g.n(len(all))].name
	g.trouble(s)
	return true
}

func askAnnounce(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events/" + e.id + "/announcements", body: map[string]any{"subject": s.Name, "text": "Come early."}}
}

func toldAnnounce(w *world, s *Step, r *reply) {
	if r.ok() {
		w.said[s.Name] = &announcement{name: s.Name, id: text(r.doc["id"]), event: w.events[s.Event].id, version: number(r.doc["version"])}
	}
}

func ofAnnouncement(g *gen, s *Step) bool {
	all := sorted(g.w.said)
	if len(all) == 0 {
		return false
	}
	s.As, s.Of = "org", all[g.n(len(all))].name
	g.trouble(s)
	return true
}

// about asks something about an announcement.
func about(method, path string, body any) func(w *world, s *Step) *request {
	return func(w *world, s *Step) *request {
		a := w.said[s.Of]
		if a == nil {
			return nil
		}
		return &request{token: w.tokenOf(s.As), method: method, path: "/events/" + a.event + "/announcements/" + url.PathEscape(a.id) + path, body: body}
	}
}

func askReword(w *world, s *Step) *request {
	return about("PUT", "", map[string]any{"subject": s.Of, "text": "Come early, please."})(w, s)
}

func toldReword(w *world, s *Step, r *reply) {
	a := w.said[s.Of]
	switch {
	case r.ok():
		a.version = number(r.doc["version"])
		w.stays(a, r)
	case r.status == 0:
		a.unclear = true
	}
}

func askSendOut(w *world, s *Step) *request {
	if a := w.said[s.Of]; a != nil {
		return about("POST", "/send", map[string]any{"version": a.version})(w, s)
	}
	return nil
}

func toldSendOut(w *world, s *Step, r *reply) {
	a := w.said[s.Of]
	switch {
	case r.ok() && text(r.doc["status"]) == "draft":
		w.fail("what was sent stays sent", "%s is sent, and is a draft: %s", a.name, r)
	case r.ok():
		a.sent = true
	case r.status == 0:
		a.unclear = true
	case r.slug() == "changed-meanwhile" && w.alone && !a.unclear:
		w.fail("what was sent stays sent", "%s has not changed, and cannot be sent: %s", a.name, r)
	}
}

func toldHoldBack(w *world, s *Step, r *reply) {
	if a := w.said[s.Of]; w.alone && a.sent && r.slug() == "announcement-not-sent" {
		w.fail("what was sent stays sent", "%s was sent: %s", a.name, r)
	}
}

func toldDrop(w *world, s *Step, r *reply) {
	a := w.said[s.Of]
	if r.ok() || r.status == 0 {
		a.gone = true
		w.stays(a, r)
	}
}

// stays fails if a change of something that was sent is answered as done.
func (w *world) stays(a *announcement, r *reply) {
	if r.ok() && a.sent && w.alone {
		w.fail("what was sent stays sent", "%s was sent, and then changed: %s", a.name, r)
	}
}

// toldAudiences looks that what was sent is sent to its end.
func (w *world) toldAudiences() {
	for _, a := range sorted(w.said) {
		if !a.sent {
			continue
		}
		r := w.askAny(request{token: w.tokenOf("admin"), method: "GET", path: "/events/" + a.event + "/announcements/" + a.id})
		if status := text(r.doc["status"]); status != "sent" && status != "stopped" {
			w.fail("what was sent stays sent", "%s in the end: %s", a.name, &r)
		}
	}
}
