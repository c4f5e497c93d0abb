package checkin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
)

const (
	lookEvery   = 250 * time.Millisecond // for scans that other nodes have taken
	listEvery   = 4                      // looks: for tickets that were sold, given back or re-issued
	aliveEvery  = 15 * time.Second       // the longest silence, so that proxies keep the connection open
	writeWithin = 10 * time.Second       // a device that takes longer to read is disconnected
	feedsMost   = 3                      // of one device: those of broken connections are noticed late
	heardMost   = 500                    // scans in one message, and in one page
)

// watch counts a live feed of an event, and looks for what other nodes have done as long as
// there is one. The caller calls leave.
func (s *Service) watch(v *view) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errs.New(errs.Unavailable, "shutting-down", "This node is shutting down; please try again.").After(time.Second)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.watched++; v.watched == 1 {
		ctx, end := context.WithCancel(context.Background())
		v.end = end
		s.feeds.Go(func() { s.look(ctx, v) })
	}
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.watched--; v.watched == 0 {
			v.end()
		}
	}, nil
}

// open counts a live feed of a device, and ends the oldest one of too many. The caller calls
// leave.
func (v *view) open(device string, end func()) (leave func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := &end
	list := append(v.feeds[device], one)
	if len(list) > feedsMost {
		(*list[0])()
		list = list[1:]
	}
	v.feeds[device] = list
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.feeds[device] = slices.DeleteFunc(v.feeds[device], func(o *func()) bool { return o == one })
		if len(v.feeds[device]) == 0 {
			delete(v.feeds, device)
		}
	}
}

// look reads what other nodes have added to an event's door, a few times a second.
func (s *Service) look(ctx context.Context, v *view) {
	var trouble jobs.Trouble
	looks := 0
	_ = jobs.Every(ctx, lookEvery, nil, func(ctx context.Context) error {
		err := jobs.Catch(func() error {
			if looks++; looks%listEvery == 1 {
				now, err := s.listVersion(ctx, v.eventID)
				if err != nil {
					return err
				}
				v.tell(now)
			}
			return s.refresh(ctx, v)
		})
		trouble.Log(ctx, s.cfg.Log, slog.LevelWarn, "the door cannot be read", err)
		return nil
	})
}

// tell notes the version of the list, and wakes those who wait if it is a new one.
func (v *view) tell(now version) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.told != now {
		v.told = now
		close(v.changed)
		v.changed = make(chan struct{})
	}
}

// Live streams what happens at an event's door to one of its devices. An error means that
// nothing was written.
func (s *Service) Live(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := s.asking(ctx, false)
	if err != nil {
		return err
	}
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = r.URL.Query().Get("after")
	}
	seq, err := seqOf(cursor)
	if err != nil {
		return err
	}
	v := s.view(d.EventID)
	if err := s.refresh(ctx, v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // for an nginx in front of us
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	leave, err := s.watch(v)
	if err != nil {
		return err
	}
	defer leave()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer v.open(d.ID, end)()
	f := &feed{s: s, v: v, device: d, seq: seq, w: w, out: http.NewResponseController(w)}
	w.WriteHeader(http.StatusOK)
	f.send([]byte("retry: 2000\n\n"))
	f.run(ctx)
	return nil
}

// feed is what one device is told.
type feed struct {
	s      *Service
	v      *view
	device *checkinapi.Device
	seq    int64   // of the last scan that it was told of
	list   version // of the list that it was told of
	rev    int64   // of the rules, the same
	w      http.ResponseWriter
	out    *http.ResponseController
	broken bool
}

// run tells a device what happens until it leaves, is revoked or the node drains.
func (f *feed) run(ctx context.Context) {
	_, f.rev = f.v.at()
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for !f.broken {
		changed := f.v.next()
		if !f.news(ctx) {
			return
		}
		select {
		case <-changed:
		case <-alive.C:
			f.send([]byte(":\n\n"))
		case <-ctx.Done():
			return
		case <-f.s.over:
			return
		}
	}
}

// news sends what the device does not know yet; false: it is not to be told any more.
func (f *feed) news(ctx context.Context) bool {
	rules := f.v.known()
	d := rules.devices[f.device.ID]
	if d == nil || d.RevokedAt != 0 {
		f.event("revoked", struct{}{})
		return false
	}
	if f.s.may(d, false) != nil {
		return false // its time is over, as it is told when it connects again
	}
	if f.rev != rules.rev {
		f.rev = rules.rev
		f.event("state", struct{}{})
	}
	f.v.mu.Lock()
	told := f.v.told
	f.v.mu.Unlock()
	if f.list != told {
		f.list = told
		f.event("list", listVersion{told.seq, told.rev})
	}
	for !f.broken {
		page, err := f.s.heard(ctx, f.v, f.device.ID, f.seq)
		if err != nil {
			return false // the device connects again
		}
		upto, more := page.upto, page.More
		f.seq = upto
		if len(page.Items) > 0 {
			f.event("scans", page)
		}
		if !more {
			break
		}
	}
	return !f.broken
}

// event sends a message of the stream (HTML standard, "Server-sent events").
func (f *feed) event(name string, body any) {
	data, err := codec.Marshal(body)
	if err != nil {
		panic(err) // structs of numbers and ASCII
	}
	f.send(fmt.Appendf(nil, "event: %s\nid: %d\ndata: %s\n\n", name, f.seq, data))
}

func (f *feed) send(text []byte) {
	_ = f.out.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer supports deadlines
	_, err := f.w.Write(text)
	if err == nil {
		err = f.out.Flush()
	}
	f.broken = f.broken || err != nil
}

// heardScan is a scan as other devices hear of it.
type heardScan struct {
	Device   string             `json:"device" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Counter  int64              `json:"counter" doc:"Number of the scan, of the device." example:"12"`
	At       int64              `json:"at" doc:"Time of the device's hybrid logical clock, ms since 1970." example:"1796068800000"`
	N        int64              `json:"n" doc:"Tells apart what happened within the same ms." example:"0"`
	Kind     checkinapi.Kind    `json:"kind" enum:"in,out,undo" doc:"in: somebody comes in. out: somebody leaves. undo: takes away the scan that of names." example:"in"`
	Of       *scanRef           `json:"of,omitempty" doc:"The scan that an undo takes away."`
	Ordinal  *int32             `json:"ordinal,omitempty" doc:"Ordinal of the seat in the plan. Absent: the code could not be read." example:"17"`
	Digest   string             `json:"digest,omitempty" doc:"Digest of the ticket's first issue, in hexadecimal: the same for all issues of a ticket, and another one once the seat was sold to somebody else." example:"9f86d081"`
	Entrance string             `json:"entrance" doc:"Id of the entrance." example:"main"`
	Outcome  checkinapi.Outcome `json:"outcome" enum:"admitted,refused" doc:"What became of it." example:"admitted"`
}

type scanRef struct {
	Device  string `json:"device" maxLength:"16" doc:"Id of the device." example:"06a1b2c3d4e5f6g7"`
	Counter int64  `json:"counter" minimum:"1" maximum:"9007199254740991" doc:"Number of the scan, of the device." example:"12"`
}

// heardPage is a page of scans, in the order in which they were stored.
type heardPage struct {
	Items  []heardScan `json:"items" doc:"The scans of other devices, in the order in which they were stored. One that was joined with a later copy comes again."`
	Cursor string      `json:"cursor" doc:"Where to go on: pass it as after." example:"42"`
	More   bool        `json:"more" doc:"Whether there are more now." example:"false"`
	upto   int64
}

type listVersion struct {
	Seq int64 `json:"seq" doc:"Version of the event's ledger." example:"42"`
	Rev int64 `json:"rev" doc:"How often tickets of the event were re-issued." example:"7"`
}

// heard returns a page of the scans of other devices that were stored after seq.
func (s *Service) heard(ctx context.Context, v *view, device string, seq int64) (*heardPage, error) {
	plan, err := s.planOf(ctx, v)
	if err != nil {
		return nil, err
	}
	list, upto := v.since(seq, heardMost)
	page := &heardPage{Items: []heardScan{}, Cursor: strconv.FormatInt(upto, 10), More: len(list) == heardMost, upto: upto}
	for _, e := range list {
		if e.Device == device {
			continue
		}
		one := heardScan{Device: e.Device, Counter: e.Counter, At: e.At, N: e.N, Kind: e.kind, Entrance: e.entrance, Outcome: e.decided().outcome}
		if e.kind == checkinapi.Undo {
			one.Of = &scanRef{e.of.Device, e.of.Counter}
		}
		if e.place != (place{}) {
			first, err := firstDigest(e.place, plan.Version)
			if err != nil {
				return nil, err
			}
			one.Ordinal, one.Digest = &e.place.seat, first
		}
		page.Items = append(page.Items, one)
	}
	return page, nil
}

// seqOf reads a cursor; "" is the beginning.
func seqOf(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	seq, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || seq < 0 {
		return 0, errs.Bad("after", "bad-cursor", "is not the cursor of a page")
	}
	return seq, nil
}

// scanning is asking for what only devices do that scan.
func (s *Service) scanning(ctx context.Context, sends bool) (*checkinapi.Device, error) {
	return s.ofKind(ctx, checkinapi.Scanner, sends)
}

func (s *Service) ofKind(ctx context.Context, kind checkinapi.DeviceKind, sends bool) (*checkinapi.Device, error) {
	d, err := s.asking(ctx, sends)
	if err == nil && d.Kind != kind {
		return nil, errs.New(errs.Forbidden, "other-kind", "This is not for this kind of device: gate nodes do not scan, and only they take the scans of others.")
	}
	return d, err
}

// asking returns the device that asks. One that was revoked a short while ago may still send.
func (s *Service) asking(ctx context.Context, sends bool) (*checkinapi.Device, error) {
	d, err := s.Authenticate(ctx, caller.TokenFrom(ctx))
	if err != nil {
		return nil, err
	}
	return d, s.may(d, sends)
}
