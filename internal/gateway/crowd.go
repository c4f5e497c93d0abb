package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/quick"
)

// How the descriptors that the process may open are shared out. What is not for
// clients is for the database, files and mail, so that a crowd never keeps a
// node from its work.
const (
	reservePart = 4   // a part of so many is kept back,
	reserveMost = 512 // but no more than this
	eachPart    = 4   // connections of one address: a part of so many
	viewersPart = 8   // live feeds of one client: a part of so many, and as many are left to those who buy
	least       = 32  // of either
)

// shareOut bounds connections and live feeds by the descriptors that there are; 0:
// not known, and not bounded.
func (g *Gateway) shareOut(descriptors int) {
	if descriptors == 0 {
		return
	}
	most := descriptors - min(descriptors/reservePart, reserveMost)
	factor := max(1, int(g.cfg.Limits.LoopbackFactor))
	g.door.Peers = quick.Peers{Most: most, Each: max(least, most/eachPart), Exempt: func(peer netip.Addr) bool {
		return g.trusted(peer) || peer.IsLoopback() && (g.cfg.LoopbackProxy || factor > 1)
	}}
	g.viewers = viewers{most: most - most/viewersPart, each: max(least, most/viewersPart), factor: factor, of: map[string]int{}}
}

// viewers counts live feeds: in all, and of each client.
type viewers struct {
	most, each, factor int // most 0: no bound

	mu  sync.Mutex
	all int
	of  map[string]int
}

// enter counts a live feed until leave is called.
func (v *viewers) enter(q *request) (leave func(), err error) {
	if v.most == 0 {
		return func() {}, nil
	}
	client, each := q.clientKey(), v.each
	if q.client.IsLoopback() {
		each *= v.factor
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.all >= v.most:
		return nil, errs.New(errs.Unavailable, "busy", "Too many people are watching just now; please try again in a moment.").After(5 * time.Second)
	case v.of[client] >= each:
		return nil, errs.New(errs.TooMany, "too-many-requests", "Too many live feeds at once; please close some.").After(5 * time.Second)
	}
	v.all++
	v.of[client]++
	return sync.OnceFunc(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.all--
		if v.of[client]--; v.of[client] == 0 {
			delete(v.of, client)
		}
	}), nil
}

// stream runs the handler of a live feed, which counts until its connection is
// closed if the handler takes that over, or else until the handler returns.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, fn func(http.ResponseWriter, *http.Request) error) error {
	q := requestFrom(r.Context())
	leave, err := g.viewers.enter(q)
	if err != nil {
		return err
	}
	err = fn(w, r)
	if q.answer.taken == nil || !quick.OnClose(q.answer.taken, leave) {
		leave()
	}
	return err
}

// Hijack lets a handler take the connection over.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.taken = c
	}
	return c, buf, err
}
