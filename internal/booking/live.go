package booking

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// How the live feed runs.
const (
	liveEvery = 150 * time.Millisecond // changes are gathered for so long, at least
	liveKept  = 256                    // frames kept for viewers who come back
)

// feeds are the live feeds of the events that somebody watches.
type feeds struct {
	views   *views
	viewers prometheus.Gauge
	running sync.WaitGroup

	mu     sync.Mutex
	byID   map[string]*feed
	closed bool
}

func newFeeds(v *views, m prometheus.Registerer) *feeds {
	f := &feeds{views: v, byID: map[string]*feed{}, viewers: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_live_viewers", Help: "Open live feeds.",
	})}
	if m != nil {
		m.MustRegister(f.viewers)
	}
	return f
}

// feed tells the viewers of one event which seats have changed. Each change is
// found and encoded once, however many watch: as the seats whose state differs
// from what was told last.
type feed struct {
	eventID string
	viewers int // under feeds.mu
	end     context.CancelFunc

	mu       sync.Mutex
	seq      int64
	version  int64  // of the event
	status   []byte // as told, one character a seat
	frames   []frame
	snapshot []byte // encoded for seq; nil until somebody asks
	watchers []*watcher
	over     bool // nobody may join any more

	poke    chan struct{} // somebody may be behind
	pushing sync.WaitGroup
	cursor  cursor

	patience time.Duration // with viewers who do not read
}

// frame is one message: what differs between two versions of the ledger. It is
// for those who are at the first of them: a seat that was taken and given back
// in between is not named, so whoever has seen it taken needs a snapshot.
type frame struct {
	from, to int64
	text     []byte
}

// changes is the body of a frame, by ordinal in the plan.
type changes struct {
	Seq     int64   `json:"seq"`
	Version int64   `json:"event_version"`
	Free    []int32 `json:"free,omitempty"`
	Held    []int32 `json:"held,omitempty"`
	Sold    []int32 `json:"sold,omitempty"`
}

type snapshot struct {
	Seq     int64  `json:"seq"`
	Version int64  `json:"event_version"`
	Status  string `json:"status"`
}

// join finds or starts the feed of a view's event; nil when the node shuts down.
func (fs *feeds) join(v *view) *feed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return nil
	}
	f := fs.byID[v.eventID]
	if f == nil {
		f = &feed{eventID: v.eventID, poke: make(chan struct{}, 1), patience: liveWrite}
		f.take(v) // may panic, so nothing is counted yet
		var ctx context.Context
		ctx, f.end = context.WithCancel(context.Background())
		fs.byID[v.eventID] = f
		fs.running.Go(func() { fs.run(ctx, f) })
	}
	f.viewers++
	fs.viewers.Inc()
	return f
}

// leave ends a feed that nobody watches any more.
func (fs *feeds) leave(f *feed, n int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.viewers.Sub(float64(n))
	if f.viewers -= n; f.viewers == 0 {
		fs.remove(f)
	}
}

// remove ends a feed; the next viewer gets a new one. fs.mu is held.
func (fs *feeds) remove(f *feed) {
	f.end()
	if fs.byID[f.eventID] == f {
		delete(fs.byID, f.eventID)
	}
}

// close sends all viewers away; they come back to another node.
func (fs *feeds) close() {
	fs.mu.Lock()
	fs.closed = true
	for _, f := range fs.byID {
		f.end()
	}
	fs.mu.Unlock()
	fs.running.Wait()
}

// take compares a view with what was told, tells the difference, and answers
// what is closed when the view changes again.
func (f *feed) take(v *view) (changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.seq <= f.seq {
		return v.changed
	}
	c := changes{Seq: v.seq, Version: v.sale.EventVersion}
	if len(f.status) != len(v.status) { // the first time, or another plan
		f.status, f.frames = append([]byte(nil), v.status...), nil
	} else {
		f.differ(v.status, &c)
		f.frames = append(f.frames, frame{f.seq, v.seq, sse("seats", v.seq, c)})
		if len(f.frames) > liveKept {
			f.frames = f.frames[len(f.frames)-liveKept:]
		}
	}
	f.seq, f.version, f.snapshot = v.seq, v.sale.EventVersion, nil
	return v.changed
}

// differ notes the seats that are not as told, and takes them as told.
func (f *feed) differ(now []byte, c *changes) {
	for n, is := range now {
		if is == f.status[n] {
			continue
		}
		f.status[n] = is
		switch is {
		case seatFree:
			c.Free = append(c.Free, int32(n))
		case seatHeld:
			c.Held = append(c.Held, int32(n))
		case seatSold:
			c.Sold = append(c.Sold, int32(n))
		}
	}
}

// since is what to send to somebody who is at version seq, and the version they
// are at then.
func (f *feed) since(seq int64) (text []byte, at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seq >= f.seq {
		return nil, seq
	}
	first, whole := slices.BinarySearchFunc(f.frames, seq, func(fr frame, seq int64) int { return cmp.Compare(fr.from, seq) })
	if !whole {
		if f.snapshot == nil {
			f.snapshot = sse("snapshot", f.seq, snapshot{f.seq, f.version, string(f.status)})
		}
		return f.snapshot, f.seq
	}
	if text = f.frames[first].text; first == len(f.frames)-1 {
		return text, f.seq
	}
	text = nil // several, for a viewer that comes back
	for _, fr := range f.frames[first:] {
		text = append(text, fr.text...)
	}
	return text, f.seq
}

// sse encodes a message of the stream (HTML standard, "Server-sent events").
func sse(name string, seq int64, body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // structs of numbers and ASCII
	}
	return fmt.Appendf(nil, "event: %s\nid: %d\ndata: %s\n\n", name, seq, data)
}

// LiveOperation describes Live in the API's document.
func LiveOperation() *huma.Operation {
	text := &huma.Schema{Type: huma.TypeString, Description: "Server-Sent Events: first \"snapshot\" with seq, event_version and status (one character a seat, by ordinal: . free, h held, s sold), " +
		"then \"seats\" with seq, event_version and the ordinals that are now free, held or sold.",
		Examples: []any{"event: seats\nid: 42\ndata: {\"seq\":42,\"event_version\":3,\"held\":[17,18]}\n\n"}}
	return &huma.Operation{
		OperationID: "watch-seats", Method: http.MethodGet, Path: "/events/{id}/live", Tags: []string{"Events"}, Summary: "Watch an event's seats",
		Description: "A stream that tells within a fraction of a second which seats were taken or became free. A request that names a version of the ledger gets the changes since then, or a new snapshot. When event_version grows, read the event itself again.",
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Description: "The event.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "06a1b2c3d4e5f6g7"},
			{Name: "after", In: "query", Description: "Version of the ledger that the client has: seq of GET /events/{id}/seats.", Schema: &huma.Schema{Type: huma.TypeInteger}, Example: 41},
			{Name: "Last-Event-ID", In: "header", Description: "The same, as browsers send it when they come back.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "41"},
		},
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}}},
		Metadata:  route.Meta(route.Optional), Errors: []int{404, 422},
	}
}

// Live streams an event's seats as Server-Sent Events: a "snapshot" of all, then
// "seats" whenever some have changed, each with the ledger version as its id.
// A request that names a version, by Last-Event-ID or after=, gets what came since. An
// error means that nothing was written; otherwise the connection is the feed's
// from then on, and ends with EndLive or when the viewer goes.
func (s *Service) Live(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := s.views.get(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if v.hiddenFrom(caller.From(ctx)) {
		return errs.Missing("event")
	}
	seq, err := resumeAt(r)
	if err != nil {
		return err
	}
	v.mu.RLock()
	known := v.seq
	v.mu.RUnlock()
	if seq > known { // another node told it, or it is of another ledger, or made up
		if later, err := s.views.after(ctx, v.eventID, seq); err == nil {
			v = later
		} else {
			seq = -1
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // for nginx in between
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	f := s.feeds.join(v)
	if f == nil {
		return errs.New(errs.Unavailable, "shutting-down", "This node is shutting down; please try again.").After(time.Second)
	}
	return s.feeds.admit(f, w, r, seq)
}

// EndLive sends everybody away who watches seats: the node shuts down.
func (s *Service) EndLive() { s.feeds.close() }

// resumeAt is the version that a viewer has; -1 for none.
func resumeAt(r *http.Request) (int64, error) {
	name, text := "Last-Event-ID", r.Header.Get("Last-Event-ID")
	if text == "" {
		name, text = "after", r.URL.Query().Get("after")
	}
	if text == "" {
		return -1, nil
	}
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 0 {
		return 0, errs.Bad(name, "must be a version of the event's ledger")
	}
	return seq, nil
}
