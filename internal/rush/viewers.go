package rush

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// How viewers watch.
const (
	joining    = 128              // viewers who connect at the same time
	breakOne   = 20               // one viewer of so many breaks off, and comes back
	settleTime = 10 * time.Second // for all viewers to see the end
)

// audience is everybody who only watches the seat map of one event. All receive the
// same messages, so each is parsed once: a frame is identified by its hash, and
// viewers who received the same frames share one moment.
type audience struct {
	eventID string
	nodes   []string // host:port
	viewers []*viewer
	start   time.Time
	seed    maphash.Seed
	busy    sync.WaitGroup
	end     context.CancelFunc

	delay   hist // from the answer to a hold to the frame that reports it, per frame and viewer
	resumes atomic.Int64
	errors  atomic.Int64

	mu      sync.Mutex
	frames  map[uint64]*frame // by hash of the text
	maps    map[int64]uint64  // hash of the seats at each version that a viewer saw
	answers []int64           // when a hold was answered, ns after start, by version from base on; 0: none
	base    int64
	faults  map[string]int
	fault   string // the first wrong message; "": none

	patience time.Duration // how long all viewers may take to see the end
}

// moment is the state of the seat map that one or many viewers see.
type moment struct {
	seq    int64
	status []byte

	mu   sync.Mutex
	next map[*frame]*step
}

// step is the transition that a frame makes from a moment.
type step struct {
	to     *moment
	oldest atomic.Int64 // first answer to a hold that the frame tells of, ns after start; 0: none so far
}

func newAudience(eventID string, targets []string, n int) (*audience, error) {
	a := &audience{eventID: eventID, start: time.Now(), seed: maphash.MakeSeed(), patience: settleTime,
		frames: map[uint64]*frame{}, maps: map[int64]uint64{}, faults: map[string]int{}}
	for _, t := range targets {
		u, err := url.Parse(t)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		a.nodes = append(a.nodes, u.Host)
	}
	for i := range n {
		v := &viewer{audience: a, node: i}
		if i%breakOne == breakOne/2 || n == 1 {
			v.stays, v.away = 2+i/breakOne%8, time.Duration(1+i/breakOne%20)*100*time.Millisecond
		}
		a.viewers = append(a.viewers, v)
	}
	return a, nil
}

// open connects all viewers and waits until each has the seat map; they watch until
// close.
func (a *audience) open(ctx context.Context) error {
	ctx, a.end = context.WithCancel(ctx)
	var g errgroup.Group
	g.SetLimit(joining)
	for _, v := range a.viewers {
		g.Go(func() error { return v.join(ctx) })
	}
	if err := g.Wait(); err != nil {
		a.end()
		return fmt.Errorf("viewers: %w", err)
	}
	a.base = a.viewers[0].at.Load().seq
	for _, v := range a.viewers {
		a.busy.Go(func() { v.stay(ctx) })
	}
	return nil
}

func (a *audience) close() {
	a.end()
	a.busy.Wait()
}

// answered records that a fan's hold was answered just now.
func (a *audience) answered(bookingID string, seq int64) {
	if a == nil || !strings.HasPrefix(bookingID, a.eventID) {
		return
	}
	now := int64(time.Since(a.start))
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := int(seq - a.base); i >= 0 {
		a.answers = append(a.answers, make([]int64, max(0, i+1-len(a.answers)))...)
		a.answers[i] = now
	}
}

// wrong records a wrong message, which fails the audit.
func (a *audience) wrong(format string, args ...any) {
	text := a.failed(format, args...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == "" {
		a.fault = text
	}
}

// failed counts an error by its text.
func (a *audience) failed(format string, args ...any) string {
	a.errors.Add(1)
	text := fmt.Sprintf(format, args...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.faults) < 20 || a.faults[text] > 0 {
		a.faults[text]++
	}
	return text
}

// know finds or parses a frame.
func (a *audience) know(text []byte) (*frame, error) {
	sum := maphash.Bytes(a.seed, text)
	a.mu.Lock()
	f := a.frames[sum]
	a.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := readFrame(text)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.frames[sum]; known != nil {
		return known, nil
	}
	if len(a.frames) >= 1024 {
		clear(a.frames) // viewers who are behind parse theirs again
	}
	a.frames[sum] = f
	return f, nil
}

// see checks that all viewers at the same version see the same seats.
func (a *audience) see(m *moment) *moment {
	sum := maphash.Bytes(a.seed, m.status)
	a.mu.Lock()
	known, ok := a.maps[m.seq]
	a.maps[m.seq] = sum
	a.mu.Unlock()
	if ok && known != sum {
		a.wrong("viewers at version %d do not see the same seats", m.seq)
	}
	return m
}

// begin returns the moment that a snapshot shows.
func (a *audience) begin(f *frame) *moment {
	a.mu.Lock()
	m := f.moment
	if m == nil {
		m = &moment{seq: f.Seq, status: []byte(f.Status)}
		f.moment = m
	}
	a.mu.Unlock()
	return a.see(m)
}

// after returns the moment that follows a frame; it is computed once.
func (a *audience) after(m *moment, f *frame) *step {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.next[f]; s != nil {
		return s
	}
	to := &moment{seq: f.Seq, status: bytes.Clone(m.status)}
	for mark, list := range map[byte][]int32{'.': f.Free, 'h': f.Held, 's': f.Sold} {
		for _, n := range list {
			if n < 0 || int(n) >= len(to.status) {
				a.wrong("a frame names seat %d of %d", n, len(to.status))
				continue
			}
			to.status[n] = mark
		}
	}
	if m.next == nil {
		m.next = map[*frame]*step{}
	}
	s := &step{to: a.see(to)}
	m.next[f] = s
	return s
}

// came records the time from the first answer to one of a frame's holds until the
// frame reached a viewer who was connected before. Answers not known by then come
// later, so the first known one is the first.
func (a *audience) came(s *step, from, there int64) {
	now := int64(time.Since(a.start))
	oldest := s.oldest.Load()
	if oldest == 0 {
		a.mu.Lock()
		n := int64(len(a.answers))
		for _, at := range a.answers[min(n, max(0, from+1-a.base)):min(n, max(0, s.to.seq+1-a.base))] {
			if at != 0 && (oldest == 0 || at < oldest) {
				oldest = at
			}
		}
		a.mu.Unlock()
		s.oldest.Store(oldest)
	}
	if oldest == 0 || oldest < there {
		return
	}
	a.delay.add(time.Duration(max(0, now-oldest)))
}

// settle waits until all viewers see the server's current seats.
func (a *audience) settle(ctx context.Context, c *call) error {
	for deadline := time.Now().Add(a.patience); ; time.Sleep(20 * time.Millisecond) {
		var now struct {
			Seq    int64  `json:"seq"`
			Status string `json:"status"`
		}
		if err := c.get("/events/"+a.eventID+"/seats?form=compact", "", &now); err != nil {
			return fmt.Errorf("viewers: %w", err)
		}
		others := a.compare(now.Seq, now.Status)
		if others == 0 || a.broken() || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			a.wrong("%d viewers do not see the seats as they are at version %d", others, now.Seq)
			return nil
		}
	}
}

// broken reports whether any message was wrong.
func (a *audience) broken() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fault != ""
}

// compare counts the viewers who do not see these seats.
func (a *audience) compare(seq int64, status string) (others int) {
	same := map[*moment]bool{}
	for _, v := range a.viewers {
		m := v.at.Load()
		is, known := same[m]
		if !known {
			is = m.seq == seq && string(m.status) == status
			same[m] = is
			if m.seq == seq && !is {
				a.wrong("viewers do not see the seats as they are at version %d", seq)
			}
		}
		if !is {
			others++
		}
	}
	return others
}

// watched runs the on-sale in front of the viewers, if there are any: they connect
// before it begins, and stay until all have seen how it ends.
func (r *rehearsal) watched(ctx context.Context, sale func(context.Context) error) error {
	if r.opts.Viewers == 0 {
		return sale(ctx)
	}
	fmt.Fprintf(r.live, "letting %d viewers in …\n", r.opts.Viewers)
	c := r.crowd
	a, err := newAudience(c.stage.now.Load().id, r.opts.Target, r.opts.Viewers)
	if err != nil {
		return err
	}
	before, err := r.memory(ctx)
	if err != nil {
		return err
	}
	if err := a.open(ctx); err != nil {
		return err
	}
	defer a.close()
	with, err := r.memory(ctx)
	if err != nil {
		return err
	}
	c.audience = a
	if err := sale(ctx); err != nil {
		return err
	}
	call := c.client.call()
	defer call.done()
	if err := a.settle(ctx, call); err != nil {
		return err
	}
	rep := &r.report
	rep.Viewers, rep.ViewerKiB = r.opts.Viewers, round1(float64(with-before)/1024/float64(r.opts.Viewers))
	rep.DeltaP50, rep.DeltaP99, rep.DeltaMax = ms(a.delay.quantile(.5)), ms(a.delay.quantile(.99)), ms(a.delay.max())
	rep.ViewerResumes, rep.ViewerErrors = a.resumes.Load(), a.errors.Load()
	rep.watched = a
	for text, n := range a.faults {
		rep.faults[text] += n
	}
	return nil
}

// judgeFeed adds wrong messages to viewers to the audit's verdict.
func (r *Report) judgeFeed() {
	if r.watched != nil && r.watched.fault != "" && r.Audit == "ok" {
		r.Audit = "viewers: " + r.watched.fault
	}
}
