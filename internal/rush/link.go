package rush

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// weather is what a gate's network does.
type weather int

const (
	fair weather = iota
	cut          // nothing gets through, and the device notices at once
	deaf         // requests arrive at the node, answers do not come back
	slow         // answers come later than a gate waits for one
)

// link is the network between a gate and the nodes.
type link struct {
	client *client
	token  string

	mu      sync.Mutex
	is      weather
	changed chan struct{} // closed when the weather changes
	since   time.Time     // of the weather
	node    int           // to which it goes, of client.nodes
}

func newLink(cl *client, token string, node int) *link {
	return &link{client: cl, token: token, changed: make(chan struct{}), since: time.Now(), node: node % len(cl.nodes)}
}

func (l *link) set(to weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.is == to {
		return
	}
	l.is, l.since = to, time.Now()
	close(l.changed)
	l.changed = make(chan struct{})
}

// now returns the weather, since when it is so, and a channel that is closed when it changes.
func (l *link) now() (is weather, since time.Time, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.is, l.since, l.changed
}

// elsewhere has the next request go to another node.
func (l *link) elsewhere() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.node = (l.node + 1) % len(l.client.nodes)
}

var errCut = errors.New("the network is cut")

// late is how much later than usual answers come in slow weather.
const late = 500 * time.Millisecond

type answered struct {
	status int
	body   []byte
	err    error
}

// ask sends a request, and returns its answer as far as the weather and ctx let it through.
func (l *link) ask(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	is, _, changed := l.now()
	if is == cut {
		return 0, nil, errCut
	}
	came := make(chan answered, 1)
	l.mu.Lock()
	call := &call{client: l.client, node: l.node}
	l.mu.Unlock()
	go func(sent weather, to chan<- answered) {
		var a answered
		if a.err = call.once(method, path, l.token, "", body); a.err != nil { // perhaps only the connection is gone
			l.client.nodes[call.node].forget()
			a.err = call.once(method, path, l.token, "", body)
		}
		a.status, a.body = call.res.status, call.res.body
		call.done()
		l.client.requests.Add(1)
		if sent == slow {
			time.Sleep(late)
		}
		to <- a
	}(is, came)
	for {
		select {
		case a := <-came:
			if is == deaf {
				came = nil // lost
				continue
			}
			if a.err != nil {
				l.elsewhere()
			}
			return a.status, a.body, a.err
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		case <-changed:
			if is, _, changed = l.now(); is == cut || came == nil {
				return 0, nil, errCut
			}
		}
	}
}

// listen opens a stream of events. It ends with ctx, or when the network is cut.
func (l *link) listen(ctx context.Context, path string, told func(event string, data []byte)) error {
	is, _, changed := l.now()
	if is == cut || is == deaf {
		return errCut
	}
	l.mu.Lock()
	addr := l.client.nodes[l.node].addr
	l.mu.Unlock()
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		l.elsewhere()
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		for ; is != cut && is != deaf && ctx.Err() == nil; is, _, changed = l.now() {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		_ = conn.Close()
	}()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n", path, addr, l.token); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", path, res.StatusCode)
	}
	return readEvents(res, told)
}

// readEvents reads a stream of Server-Sent Events until it ends.
func readEvents(res *http.Response, told func(event string, data []byte)) error {
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	event := ""
	for lines.Scan() {
		if name, ok := bytes.CutPrefix(lines.Bytes(), []byte("event: ")); ok {
			event = string(name)
		}
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			told(event, data)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
