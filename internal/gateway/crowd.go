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
	g.peers.Most, g.peers.Each = most, max(least, most/eachPart)
	g.peers.Exempt = func(peer netip.Addr) bool {
		return g.trusted(peer) || peer.IsLoopback() && (g.cfg.LoopbackProxy || factor > 1)
	}
	g.viewers = viewers{most: most - most/viewersPart, each: max(least, most/viewersPart), factor: factor}
}

// viewers counts live feeds: in all, and of each client. When there are as many
// as there may be, the client with the most loses its oldest to one that has at
// least two fewer, so that nobody keeps others from watching.
type viewers struct {
	most, each, factor int // most 0: no bound

	mu    sync.Mutex
	feeds peers.Holders[string, net.Conn] // a connection is nil until it is taken over
}

// enter counts a live feed until it is removed; nil when feeds are not counted.
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

// place finds room for a live feed; victim is to be closed for it.
func (v *viewers) place(client string, each int) (one *peers.Held[string, net.Conn], victim net.Conn, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	own, full := v.feeds.Count(client), v.feeds.All() >= v.most
	_, count, oldest := v.feeds.Most()
	switch {
	// The other one must still have as many then, or two would take turns.
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

// leave counts a live feed no longer.
func (v *viewers) leave(one *peers.Held[string, net.Conn]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.feeds.Remove(one)
}

// stream runs the handler of a live feed, which counts until its connection is
// closed if the handler takes that over, or else until the handler returns.
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
		// Closed last: whoever sees the end of the connection finds it counted no more.
		if !returned && taken != nil { // it has panicked: nobody else closes that
			_ = taken.Close()
		}
	}()
	err = fn(w, r)
	returned = true
	return err
}

// Hijack lets a handler take the connection over.
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
