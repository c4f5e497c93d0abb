package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/peers"
)

// Shares of the descriptors that the process may open. What clients cannot use is
// left for the database, files and mail, so that a crowd never stops a node from
// working.
const (
	reservePart = 4   // a part of so many is kept back,
	reserveMost = 512 // but no more than this
	eachPart    = 4   // connections of one address: a part of so many
	viewersPart = 8   // live feeds of one client: one part in so many; the same number is kept for buyers
	least       = 32  // lower bound of both
)

// shareOut limits connections and live feeds by the number of descriptors; 0 means
// unknown, and no limit.
func (g *Gateway) shareOut(descriptors int) {
	if descriptors == 0 {
		return
	}
	most := descriptors - min(descriptors/reservePart, reserveMost)
	factor := max(1, int(g.cfg.Limits.LoopbackFactor))
	g.peers.Most, g.peers.Each = most, max(least, most/eachPart)
	g.peers.Exempt = func(peer netip.Addr) bool {
		return g.trusted(peer) || peer.IsLoopback() && (g.cfg.LoopbackProxy || factor > 1)
	}
	g.viewers = viewers{most: most - most/viewersPart, each: max(least, most/viewersPart), factor: factor}
}

// viewers counts live feeds, in total and for each client. When the limit is
// reached, a newcomer takes the place of the oldest feed of the client with the
// most, if that client has at least two more. So nobody can keep others from
// watching.
type viewers struct {
	most, each, factor int // most 0: no bound

	mu    sync.Mutex
	feeds peers.Holders[string, net.Conn] // Value is nil until the connection is hijacked
}

// enter counts a live feed until leave is called. It returns nil when feeds are not
// counted.
func (v *viewers) enter(q *request) (*peers.Held[string, net.Conn], error) {
	if v.most == 0 {
		return nil, nil
	}
	client, each := q.clientKey(), v.each
	if q.client.IsLoopback() {
		each *= v.factor
	}
	one, victim, err := v.place(client, each)
	if victim != nil {
		_ = victim.Close()
	}
	return one, err
}

// place finds room for a live feed; the caller closes victim to make it.
func (v *viewers) place(client string, each int) (one *peers.Held[string, net.Conn], victim net.Conn, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	own, full := v.feeds.Count(client), v.feeds.All() >= v.most
	_, count, oldest := v.feeds.Most()
	switch {
	// The other client must still have as many afterwards; otherwise two would
	// displace each other forever.
	case full && (count <= own+1 || oldest.Value == nil):
		return nil, nil, errs.New(errs.Unavailable, "busy", "Too many people are watching; please try again in a moment.").After(5 * time.Second)
	case own >= each:
		return nil, nil, errs.New(errs.TooMany, "too-many-requests", "Too many live feeds at once; please close some.").After(5 * time.Second)
	case full:
		victim = oldest.Value
		v.feeds.Remove(oldest)
	}
	return v.feeds.Add(client, nil), victim, nil
}

// leave stops counting a live feed.
func (v *viewers) leave(one *peers.Held[string, net.Conn]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.feeds.Remove(one)
}

// stream runs the handler of a live feed. The feed counts until its connection is
// closed, if the handler hijacks it, and otherwise until the handler returns.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, fn func(http.ResponseWriter, *http.Request) error) error {
	q, v := requestFrom(r.Context()), &g.viewers
	one, err := v.enter(q)
	if err != nil {
		return err
	}
	if one == nil {
		return fn(w, r)
	}
	q.answer.takes = func(c net.Conn) {
		v.mu.Lock()
		defer v.mu.Unlock()
		one.Value = peers.Bare(c)
	}
	returned := false
	defer func() {
		taken := q.answer.taken
		if taken == nil || !peers.OnClose(taken, func() { v.leave(one) }) {
			v.leave(one)
		}
		// Closed last, so that a client that sees the connection end is no longer
		// counted.
		if !returned && taken != nil { // it has panicked: nobody else closes that
			_ = taken.Close()
		}
	}()
	err = fn(w, r)
	returned = true
	return err
}

// Hijack lets a handler take over the connection.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return c, buf, err
	}
	if w.taken = c; w.takes != nil {
		w.takes(c)
	}
	return c, buf, nil
}
