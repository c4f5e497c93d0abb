// Package live streams seat changes of an event to viewers by Server-Sent Events.
//
// Each event with viewers has one feed. A few times a second, the feed compares the
// event's seat view with what it sent last, and encodes the difference once for all
// viewers (feed.go). It writes to their connections without waiting for any of them
// (send.go, probe_unix.go).
package live

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// Settings of the live feed.
const (
	gatherFor  = 150 * time.Millisecond // minimum time for which changes are collected
	framesKept = 256                    // frames kept for viewers who reconnect
)

// View is the seat view of one event in this node's memory.
type View interface {
	EventID() string
	// Read calls show with the ledger version, the version of the event, and a
	// character for each seat (bookingapi.SeatFree, …), all of one moment. show must
	// not keep status. changed is closed when the view changes next.
	Read(show func(seq, eventVersion int64, status []byte)) (changed <-chan struct{})
}

// Config configures the feeds.
type Config struct {
	// View returns the current view of an event, which may be a different one each time.
	View func(ctx context.Context, eventID string) (View, error)
	// Catch runs a feed; a panic in it is logged and counted.
	Catch   func(feed func() error) error
	Metrics prometheus.Registerer // nil: none
}

// Feeds are the live feeds of all events that have viewers.
type Feeds struct {
	cfg     Config
	viewers prometheus.Gauge
	running sync.WaitGroup

	mu     sync.Mutex
	byID   map[string]*feed
	closed bool
}

// New makes the feeds of a node. A feed runs as long as it has viewers.
func New(cfg Config) *Feeds {
	f := &Feeds{cfg: cfg, byID: map[string]*feed{}, viewers: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "boxoffice_live_viewers", Help: "Open live feeds.",
	})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(f.viewers)
	}
	return f
}

// Running returns how many events have viewers.
func (fs *Feeds) Running() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.byID)
}

// feed sends the viewers of one event the seats whose state differs from what was sent
// last. However many viewers there are, each difference is found and encoded once.
type feed struct {
	eventID string
	viewers int // under feeds.mu
	end     context.CancelFunc

	mu       sync.Mutex
	seq      int64
	version  int64  // of the event
	status   []byte // as last sent, one character for each seat
	frames   []frame
	snapshot []byte // encoded for seq; nil until a viewer needs it
	watchers []*watcher
	over     bool // no more viewers may join

	poke    chan struct{} // a viewer may be behind
	pushing sync.WaitGroup
	probe   probe

	patience time.Duration // with viewers who do not read
}

// frame is one message: the difference between two versions of the ledger. It is only
// for viewers at the first version: a seat that was taken and given back in between is
// not in it, so a viewer who has seen it taken needs a snapshot.
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
func (fs *Feeds) join(v View) *feed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return nil
	}
	f := fs.byID[v.EventID()]
	if f == nil {
		f = &feed{eventID: v.EventID(), poke: make(chan struct{}, 1), patience: writeTimeout}
		f.take(v) // may panic, so the viewer is counted afterwards
		var ctx context.Context
		ctx, f.end = context.WithCancel(context.Background())
		fs.byID[v.EventID()] = f
		fs.running.Go(func() { fs.run(ctx, f) })
	}
	f.viewers++
	fs.viewers.Inc()
	return f
}

// leave removes n viewers, and ends the feed if it has none left.
func (fs *Feeds) leave(f *feed, n int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.viewers.Sub(float64(n))
	if f.viewers -= n; f.viewers == 0 {
		fs.remove(f)
	}
}

// remove ends a feed; the next viewer gets a new one. fs.mu is held.
func (fs *Feeds) remove(f *feed) {
	f.end()
	if fs.byID[f.eventID] == f {
		delete(fs.byID, f.eventID)
	}
}

// Close disconnects all viewers; they reconnect to another node.
func (fs *Feeds) Close() {
	fs.mu.Lock()
	fs.closed = true
	for _, f := range fs.byID {
		f.end()
	}
	fs.mu.Unlock()
	fs.running.Wait()
}

// take compares a view with what was sent last, makes a frame of the difference, and
// returns a channel that is closed when the view changes again.
func (f *feed) take(v View) (changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return v.Read(func(seq, eventVersion int64, status []byte) {
		if seq <= f.seq {
			return
		}
		c := changes{Seq: seq, Version: eventVersion}
		if len(f.status) != len(status) { // the first time, or another plan
			f.status, f.frames = append([]byte(nil), status...), nil
		} else {
			f.differ(status, &c)
			f.frames = append(f.frames, frame{f.seq, seq, sse("seats", seq, c)})
			if len(f.frames) > framesKept {
				f.frames = f.frames[len(f.frames)-framesKept:]
			}
		}
		f.seq, f.version, f.snapshot = seq, eventVersion, nil
	})
}

// differ adds the seats that differ from what was sent to c, and updates status.
func (f *feed) differ(now []byte, c *changes) {
	for n, is := range now {
		if is == f.status[n] {
			continue
		}
		f.status[n] = is
		switch is {
		case bookingapi.SeatFree:
			c.Free = append(c.Free, int32(n))
		case bookingapi.SeatHeld:
			c.Held = append(c.Held, int32(n))
		case bookingapi.SeatSold:
			c.Sold = append(c.Sold, int32(n))
		}
	}
}

// since returns what to send to a viewer at version seq, and the version that the
// viewer has afterwards.
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
	text = nil // several frames, for a viewer who reconnects
	for _, fr := range f.frames[first:] {
		text = append(text, fr.text...)
	}
	return text, f.seq
}

// sse encodes a message of the stream (HTML standard, "Server-sent events").
func sse(name string, seq int64, body any) []byte {
	data, err := codec.Marshal(body)
	if err != nil {
		panic(err) // structs of numbers and ASCII
	}
	return fmt.Appendf(nil, "event: %s\nid: %d\ndata: %s\n\n", name, seq, data)
}

// Operation describes the feed for the OpenAPI document.
func Operation() *huma.Operation {
	text := &huma.Schema{Type: huma.TypeString, Description: "Server-Sent Events: first \"snapshot\" with seq, event_version and status (one character per seat, in order of the ordinals: . free, h held, s sold or blocked), " +
		"then \"seats\" with seq, event_version and the ordinals that are now free, held or sold.",
		Examples: []any{"event: seats\nid: 42\ndata: {\"seq\":42,\"event_version\":3,\"held\":[17,18]}\n\n"}}
	return &huma.Operation{
		OperationID: "watch-seats", Method: http.MethodGet, Path: "/events/{id}/live", Tags: []string{"Events"}, Summary: "Watch an event's seats",
		Description: "A stream of Server-Sent Events that reports, within a fraction of a second, which seats were taken or became free. A request with a version of the ledger gets the changes since that version, or a new snapshot. When event_version grows, read the event again.",
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Description: "Id of the event.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "06a1b2c3d4e5f6g7"},
			{Name: "after", In: "query", Description: "Version of the ledger that the client already has: seq in GET /events/{id}/seats.", Schema: &huma.Schema{Type: huma.TypeInteger}, Example: 41},
			{Name: "Last-Event-ID", In: "header", Description: "The same version, as browsers send it when they reconnect.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "41"},
		},
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}}},
		Metadata:  route.Meta(route.Optional), Errors: []int{404, 422},
	}
}

// Serve streams an event's seats as Server-Sent Events: a "snapshot" of all seats, then
// "seats" with the changed ones, each with the ledger version as its id. seq is the
// version that the viewer has, which must not be later than the view's; -1: none.
// An error means that nothing was written; otherwise the feed owns the connection, and
// closes it on Close or when the viewer leaves.
func (fs *Feeds) Serve(w http.ResponseWriter, r *http.Request, v View, seq int64) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // for an nginx in front of us
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	f := fs.join(v)
	if f == nil {
		return errs.New(errs.Unavailable, "shutting-down", "This node is shutting down; please try again.").After(time.Second)
	}
	return fs.admit(f, w, r, seq)
}

// ResumeAt returns the version that a viewer claims to have, by Last-Event-ID or
// after=; -1: none.
func ResumeAt(r *http.Request) (int64, error) {
	name, text := "Last-Event-ID", r.Header.Get("Last-Event-ID")
	if text == "" {
		name, text = "after", r.URL.Query().Get("after")
	}
	if text == "" {
		return -1, nil
	}
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 0 {
		return 0, errs.Bad(name, "bad-version", "must be a version of the event's ledger")
	}
	return seq, nil
}
