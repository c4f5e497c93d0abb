package rush

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/codec"
)

// viewer is one person who watches the seat map on a connection of their own.
type viewer struct {
	*audience
	node  int
	stays int           // frames until the connection breaks, once; 0: it holds
	away  time.Duration // how long the viewer then stays away
	at    atomic.Pointer[moment]

	there  int64 // since when connected, ns after the audience's start
	conn   net.Conn
	in     *bufio.Reader
	unhook func() bool
}

// join connects and waits for the seat map.
func (v *viewer) join(ctx context.Context) error {
	if err := v.connect(ctx); err != nil {
		return err
	}
	for v.at.Load() == nil {
		if err := v.next(); err != nil {
			return err
		}
	}
	return nil
}

// connect requests the feed from the next node, starting where the viewer is.
func (v *viewer) connect(ctx context.Context) error {
	node := v.nodes[v.node%len(v.nodes)]
	v.node++
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", node)
	if err != nil {
		return err
	}
	last := ""
	if m := v.at.Load(); m != nil {
		last = fmt.Sprintf("Last-Event-ID: %d\r\n", m.seq)
	}
	v.conn, v.in = conn, bufio.NewReaderSize(conn, 2048)
	v.unhook = context.AfterFunc(ctx, func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // for the answer to begin
	if _, err = fmt.Fprintf(conn, "GET /events/%s/live HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n%s\r\n", v.eventID, node, last); err != nil {
		v.leave()
		return err
	}
	res, err := http.ReadResponse(v.in, nil)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the feed is refused: %s", res.Status)
	}
	if err != nil {
		v.leave()
		return err
	}
	_ = conn.SetReadDeadline(time.Time{})
	v.in = bufio.NewReaderSize(res.Body, 4096)
	v.there = int64(time.Since(v.start))
	return nil
}

func (v *viewer) leave() {
	v.unhook()
	_ = v.conn.Close()
}

// stay watches until ctx ends, and reconnects when the connection breaks.
func (v *viewer) stay(ctx context.Context) {
	for {
		err := v.watch()
		v.leave()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errBroken) {
			pause(ctx, v.away)
		} else {
			v.failed("viewer: %v", err)
			pause(ctx, time.Second)
		}
		for ctx.Err() == nil {
			if err = v.connect(ctx); err == nil {
				v.resumes.Add(1)
				break
			}
			if ctx.Err() == nil {
				v.failed("viewer: %v", err)
			}
			pause(ctx, time.Second)
		}
		if ctx.Err() != nil {
			if err == nil {
				v.leave()
			}
			return
		}
	}
}

// errBroken says that a connection was broken on purpose.
var errBroken = errors.New("broken off")

// watch reads until the connection breaks.
func (v *viewer) watch() error {
	for {
		if err := v.next(); err != nil {
			return err
		}
		if v.stays > 0 {
			if v.stays--; v.stays == 0 {
				return errBroken
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// texts pools buffers for frames being read, so that waiting viewers need none.
var texts = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// next reads and processes one message.
func (v *viewer) next() error {
	if _, err := v.in.Peek(1); err != nil {
		return err
	}
	text := texts.Get().(*bytes.Buffer)
	defer texts.Put(text)
	text.Reset()
	for whole := true; ; {
		part, err := v.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		text.Write(part)
		if whole && len(part) == 1 { // an empty line ends a message
			break
		}
		whole = err == nil
	}
	if !bytes.HasPrefix(text.Bytes(), []byte("event: ")) {
		return nil // a keep-alive, or the time to wait before reconnecting
	}
	f, err := v.know(text.Bytes())
	if err != nil {
		v.wrong("%v", err)
		return err
	}
	return v.take(f)
}

// take applies a frame to the viewer's state.
func (v *viewer) take(f *frame) error {
	m := v.at.Load()
	switch {
	case m != nil && f.Seq <= m.seq:
		v.wrong("the feed goes back from version %d to %d", m.seq, f.Seq)
		return errors.New("the feed went back")
	case f.snapshot:
		v.at.Store(v.begin(f))
	case m == nil:
		v.wrong("the feed begins with version %d of no map", f.Seq)
		return errors.New("the feed has no beginning")
	default:
		s := v.after(m, f)
		v.came(s, m.seq, v.there)
		v.at.Store(s.to)
	}
	return nil
}

// frame is a message of the feed.
type frame struct {
	snapshot bool
	Seq      int64   `json:"seq"`
	Free     []int32 `json:"free"`
	Held     []int32 `json:"held"`
	Sold     []int32 `json:"sold"`
	Status   string  `json:"status"`
	moment   *moment // of a snapshot, once a viewer has received it; under audience.mu
}

// readFrame parses a message (HTML standard, "Server-sent events").
func readFrame(text []byte) (*frame, error) {
	var name, id string
	f := &frame{}
	for line := range bytes.Lines(text) {
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch string(field) {
		case "event":
			name = string(value)
		case "id":
			id = string(value)
		case "data":
			if err := codec.ReadKnown(value, f); err != nil {
				return nil, fmt.Errorf("a message of the feed is unreadable: %w", err)
			}
		}
	}
	f.snapshot = name == "snapshot"
	if !f.snapshot && name != "seats" || id != strconv.FormatInt(f.Seq, 10) || f.snapshot && f.Status == "" {
		return nil, fmt.Errorf("a message of the feed is not as it should be: %.80q", text)
	}
	return f, nil
}
