package simulate

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// hook is a webhook of the organizer, as they were told.
type hook struct {
	name, id string
	since    time.Time // when it was made at the latest: what happens from then on is told
	off      bool      // it was switched off, or deleted, or may have been: some messages are missing
	deleted  bool
	anew     time.Time // when it was last switched on at the latest, if it was off
}

// hookPatience is how long a webhook may fail before it is switched off.
const hookPatience = 5 * 24 * time.Hour

// receivers are the programs that webhooks lead to, by the name of the webhook.
type receivers struct {
	mu   sync.Mutex
	mood string                     // what they do: "" answer, "refuse", "hang"
	got  map[string]map[string]bool // ids of messages

	failed map[string]time.Time // since when they fail at the earliest: the node may not know of what they have answered since
}

func newReceivers() *receivers {
	return &receivers{got: map[string]map[string]bool{}, failed: map[string]time.Time{}}
}

// address is the URL of a webhook.
func (h *hook) address() string { return "https://" + h.name + ".example/" }

// wire is the network to them as one node reaches it.
type wire struct {
	*receivers
	life  *life
	clock *clock
}

func (r *wire) RoundTrip(q *http.Request) (*http.Response, error) {
	if err := r.life.pass(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	mood, name := r.mood, strings.TrimSuffix(q.URL.Host, ".example")
	if mood != "refuse" {
		if r.got[name] == nil {
			r.got[name] = map[string]bool{}
		}
		r.got[name][q.Header.Get("webhook-id")] = true
	}
	if _, known := r.failed[name]; mood != "" && !known {
		r.failed[name] = r.clock.now()
	}
	r.mu.Unlock()
	if mood == "hang" { // it has the message, and the answer is lost
		<-q.Context().Done()
		return nil, q.Context().Err()
	}
	status := map[string]int{"": http.StatusNoContent, "refuse": http.StatusServiceUnavailable}[mood]
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, ProtoMajor: 1, ProtoMinor: 1}, nil
}

func hookOps() map[string]*op {
	return map[string]*op{
		"hook":      {api: "create-webhook", weight: 2, make: makeHook, ask: askHook, told: toldHook, again: true},
		"rehook":    {api: "update-webhook", weight: 1, make: makeRehook, ask: askRehook, told: toldRehook, again: true},
		"unhook":    {api: "delete-webhook", weight: 1, make: ofHook, ask: askUnhook, told: toldUnhook, again: true},
		"rotate":    {api: "rotate-webhook-secret", weight: 1, make: ofHook, ask: aboutHook("POST", "/secret", nil), told: toldNothing, again: true},
		"ping":      {api: "test-webhook", weight: 1, make: ofHook, ask: aboutHook("POST", "/test", nil), told: toldNothing, again: true},
		"replay":    {api: "replay-webhook", weight: 1, make: ofHook, ask: aboutHook("POST", "/replay", map[string]any{}), told: toldNothing, again: true},
		"receivers": {weight: 2, make: makeReceivers, do: doReceivers},
	}
}

func makeHook(g *gen, s *Step) bool {
	if len(g.w.hooks) > 2 {
		return false
	}
	s.As, s.Name = "org", g.name("hook")
	g.trouble(s)
	return true
}

func askHook(w *world, s *Step) *request {
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/webhooks", body: map[string]any{"url": (&hook{name: s.Name}).address()}}
}

func toldHook(w *world, s *Step, r *reply) {
	h := w.hooks[s.Name]
	switch {
	case r.slug() == "webhook-exists" && h == nil: // made by a request whose answer was lost
		w.hooks[s.Name] = &hook{name: s.Name, id: text(r.doc["id"]), since: r.came}
	case !r.ok():
	case h != nil && !h.deleted:
		w.fail("a repeated request is done", "webhook %s is made twice: %s", s.Name, r)
	default:
		w.hooks[s.Name] = &hook{name: s.Name, id: text(r.doc["id"]), since: r.came}
	}
}

func ofHook(g *gen, s *Step) bool {
	all := sorted(g.w.hooks)
	if len(all) == 0 {
		return false
	}
	s.As, s.Of = "org", all[g.n(len(all))].name
	g.trouble(s)
	return true
}

func aboutHook(method, path string, body any) func(w *world, s *Step) *request {
	return func(w *world, s *Step) *request {
		h := w.hooks[s.Of]
		if h == nil {
			return nil
		}
		return &request{token: w.tokenOf(s.As), method: method, path: "/webhooks/" + h.id + path, body: body}
	}
}

func makeRehook(g *gen, s *Step) bool {
	s.Set = map[string]any{"enabled": g.chance(2)}
	return ofHook(g, s)
}

func askRehook(w *world, s *Step) *request { return aboutHook("PUT", "", s.Set)(w, s) }

func toldRehook(w *world, s *Step, r *reply) {
	if on, _ := s.Set["enabled"].(bool); !on && (r.ok() || r.status == 0) {
		w.hooks[s.Of].off = true
	} else if on {
		w.hooks[s.Of].anew = r.came
	}
}

func askUnhook(w *world, s *Step) *request { return aboutHook("DELETE", "", nil)(w, s) }

func toldUnhook(w *world, s *Step, r *reply) {
	if r.ok() || r.status == 0 {
		w.hooks[s.Of].off, w.hooks[s.Of].deleted = true, true
	}
}

func makeReceivers(g *gen, s *Step) bool {
	s.Method = []string{"", "", "refuse", "hang"}[g.n(4)]
	return len(g.w.hooks) > 0
}

func doReceivers(w *world, s *Step) {
	w.note("%s", s)
	w.receivers.mu.Lock()
	defer w.receivers.mu.Unlock()
	w.receivers.mood = s.Method
}

// gap is when a webhook may have missed messages, since it was switched off after days of
// failure.
func (w *world) gap(h *hook) (from, to time.Time) {
	w.receivers.mu.Lock()
	failed, known := w.receivers.failed[h.name]
	w.receivers.mu.Unlock()
	from = failed.Add(hookPatience)
	may := known && !w.clock.now().Before(from)
	r := w.askAny(request{token: w.tokenOf("admin"), method: "GET", path: "/webhooks/" + h.id})
	switch on, _ := r.doc["enabled"].(bool); {
	case on && may:
		return from, h.anew
	case r.ok() && !on && may && text(r.doc["off_because"]) == "failing":
		return from, w.clock.now()
	case !on:
		w.fail("a webhook is switched off after days of failure", "webhook %s, failing since %s: %s", h.name, failed, &r)
	}
	return time.Time{}, time.Time{}
}

// toldOrganizers looks for a message about each entry of the ledgers, for each webhook,
// but for the time that it was off. Those of the last weeks are in its log at least.
func (w *world) toldOrganizers() {
	for _, h := range sorted(w.hooks) {
		if h.off {
			continue
		}
		from, to := w.gap(h)
		there := map[string]bool{}
		for _, d := range w.all("/webhooks/" + h.id + "/deliveries") {
			there[text(d["message_id"])] = true
		}
		w.receivers.mu.Lock()
		for id := range w.receivers.got[h.name] {
			there[id] = true
		}
		w.receivers.mu.Unlock()
		for _, e := range sorted(w.events) {
			if e.organizer != "org" {
				continue
			}
			r := w.askAny(request{token: w.tokenOf("admin"), method: "GET", path: "/events/" + e.id + "/ledger?limit=1000"})
			for _, i := range list(r.doc["items"]) {
				entry := object(i)
				kind, when := text(entry["kind"]), at(entry["at"])
				if kind != "booked" && kind != "cancelled" && kind != "sale" || !when.After(h.since) || w.clock.now().Sub(when) > 29*24*time.Hour {
					continue
				}
				if kind == "cancelled" && len(list(entry["seats"])) == 0 { // money that went back while the seats stayed
					continue
				}
				if !when.Before(from) && !when.After(to) {
					continue
				}
				id := "msg_" + e.id + "-" + compact(number(entry["seq"]))
				if !there[id] {
					w.fail("organizers are told", "webhook %s has nothing of entry %d (%s) of event %s", h.name, number(entry["seq"]), kind, e.name)
				}
			}
		}
	}
}
