package booking

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// How the live feed runs.
const (
	liveEvery = 150 * time.Millisecond // changes are gathered for so long
	liveAlive = 15 * time.Second       // a line is sent at least so often, for whatever lies between
	liveWrite = 10 * time.Second       // a viewer who takes longer to read is let go
	liveKept  = 256                    // frames kept for viewers who come back
)

// feeds are the live feeds of the events that somebody watches.
type feeds struct {
	views   *views
	viewers prometheus.Gauge

	mu   sync.Mutex
	byID map[string]*feed
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
	snapshot []byte        // encoded for seq; nil until somebody asks
	more     chan struct{} // closed and replaced when there is more to tell
}

// frame is one message: what differs between two versions of the ledger. It
// names states, not steps, so that whoever is somewhere in between may apply it.
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

// join finds or starts the feed of a view's event.
func (fs *feeds) join(v *view) *feed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.viewers.Inc()
	f := fs.byID[v.eventID]
	if f == nil {
		ctx, end := context.WithCancel(context.Background())
		f = &feed{eventID: v.eventID, end: end, more: make(chan struct{})}
		f.take(v)
		fs.byID[v.eventID] = f
		go fs.run(ctx, f)
	}
	f.viewers++
	return f
}

func (fs *feeds) leave(f *feed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.viewers.Dec()
	if f.viewers--; f.viewers == 0 {
		f.end()
		delete(fs.byID, f.eventID)
	}
}

// run follows the event's seat view until the last viewer has left. The view
// may be another one each time: views are dropped and filled anew.
func (fs *feeds) run(ctx context.Context, f *feed) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	for ctx.Err() == nil {
		v, err := fs.views.get(ctx, f.eventID)
		var changed <-chan struct{}
		if err == nil {
			changed = f.take(v)
		}
		if changed != nil {
			select {
			case <-changed:
			case <-time.After(followUsed / 2): // the view is in use while somebody watches
				continue
			case <-ctx.Done():
				return
			}
		}
		pause.Reset(liveEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
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
	close(f.more)
	f.more = make(chan struct{})
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

// since is what to send to somebody who is at version seq, the version they are
// at then, and what is closed when there is more.
func (f *feed) since(seq int64) (texts [][]byte, at int64, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case seq >= f.seq:
		return nil, seq, f.more
	case len(f.frames) == 0 || seq < f.frames[0].from:
		if f.snapshot == nil {
			f.snapshot = sse("snapshot", f.seq, snapshot{f.seq, f.version, string(f.status)})
		}
		return [][]byte{f.snapshot}, f.seq, f.more
	}
	for _, fr := range f.frames {
		if fr.to > seq {
			texts = append(texts, fr.text)
		}
	}
	return texts, f.seq, f.more
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
		Description: "A stream that tells within a fraction of a second which seats were taken or became free. Who names the version that they have gets what came since, or a new snapshot. When event_version grows, the event itself is to be read again.",
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Description: "The event.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "06a1b2c3d4e5f6g7"},
			{Name: "after", In: "query", Description: "Version of the ledger that one has, as seq of GET /events/{id}/seats.", Schema: &huma.Schema{Type: huma.TypeInteger}, Example: 41},
			{Name: "Last-Event-ID", In: "header", Description: "The same, as browsers send it when they come back.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "41"},
		},
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}}},
		Errors:    []int{404, 422},
	}
}

// Live streams an event's seats as Server-Sent Events: a "snapshot" of all, then
// "seats" whenever some have changed, each with the ledger version as its id.
// Who names a version, by Last-Event-ID or after=, gets what came since. An
// error means that nothing was written.
func (s *Service) Live(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := s.views.get(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if v.hiddenFrom(message.CallerFrom(ctx)) {
		return errs.Missing("event")
	}
	seq, err := resumeAt(r)
	if err != nil {
		return err
	}
	v.mu.RLock()
	if seq > v.seq {
		seq = -1 // of another ledger, or made up
	}
	v.mu.RUnlock()
	f := s.feeds.join(v)
	defer s.feeds.leave(f)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // for nginx in between
	w.WriteHeader(http.StatusOK)
	stream(w, ctx, f, seq)
	return nil
}

// stream sends until the viewer has gone.
func stream(w http.ResponseWriter, ctx context.Context, f *feed, seq int64) {
	rc := http.NewResponseController(w)
	alive := time.NewTicker(liveAlive)
	defer alive.Stop()
	send := func(texts ...[]byte) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(liveWrite)) // not every writer has one
		for _, t := range texts {
			if _, err := w.Write(t); err != nil {
				return false
			}
		}
		return rc.Flush() == nil
	}
	if !send([]byte("retry: 2000\n\n")) {
		return
	}
	for {
		texts, at, more := f.since(seq)
		if len(texts) > 0 && !send(texts...) {
			return
		}
		seq = at
		select {
		case <-more:
		case <-alive.C:
			if !send([]byte(":\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

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
