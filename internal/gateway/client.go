package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"boxoffice/internal/quick"
)

// client is the address that a request comes from: the peer's, or if that is a
// trusted proxy the last one in X-Forwarded-For that is not. The lines of the
// header are one list, and its empty members mean nothing (RFC 9110, sections 5.3
// and 5.6.1).
func (g *Gateway) client(peer netip.Addr, forwarded ...string) netip.Addr {
	switch {
	case !anyHop(forwarded):
		return peer
	case g.trusted(peer):
		return beyond(peer, forwarded, g.trusted)
	case g.cfg.LoopbackProxy && peer.IsLoopback():
		return beyond(peer, forwarded, nil)
	}
	g.stranger.Do(func() {
		g.Warn("X-Forwarded-For came from " + peer.String() + ", which is not a trusted proxy, and is not believed: all who come through it are limited as one client. Name your proxies in --trusted-proxies.")
	})
	return peer
}

// beyond is the last hop that is not a trusted proxy; trusted nil: the last one.
func beyond(peer netip.Addr, forwarded []string, trusted func(netip.Addr) bool) netip.Addr {
	for _, line := range slices.Backward(forwarded) {
		for line != "" {
			i := strings.LastIndexByte(line, ',')
			if text := strings.Trim(line[i+1:], " \t"); text != "" {
				addr, ok := hop(text)
				if !ok {
					return peer // what stands before it may be made up
				}
				if peer = addr; trusted == nil || !trusted(peer) {
					return peer
				}
			}
			line = line[:max(i, 0)]
		}
	}
	return peer
}

// anyHop reports whether X-Forwarded-For names anything.
func anyHop(forwarded []string) bool {
	for _, line := range forwarded {
		if strings.Trim(line, ", \t") != "" {
			return true
		}
	}
	return false
}

// hop reads one entry of X-Forwarded-For. Some proxies add the port.
func hop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var at netip.AddrPort
		at, err = netip.ParseAddrPort(text)
		addr = at.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

// peerOf is the address in an http.Request's RemoteAddr; the zero value when
// there is none.
func peerOf(remote string) netip.Addr {
	peer, _ := netip.ParseAddrPort(remote)
	return peer.Addr().Unmap().WithZone("")
}

func (g *Gateway) trusted(addr netip.Addr) bool {
	for _, p := range g.cfg.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// house is the key under which an address is counted.
func house(addr netip.Addr) string { return quick.Network(addr).String() }

// warnings are what whoever runs this node should see to.
type warnings struct {
	mu   sync.Mutex
	list []string
}

// Warn says once, in the log and from then on at /readyz, what whoever runs this
// node should see to.
func (g *Gateway) Warn(text string) {
	g.warnings.mu.Lock()
	defer g.warnings.mu.Unlock()
	if !slices.Contains(g.warnings.list, text) {
		g.warnings.list = append(g.warnings.list, text)
		g.cfg.Log.Warn(text)
	}
}

// Warnings are what was warned of so far.
func (g *Gateway) Warnings() []string {
	g.warnings.mu.Lock()
	defer g.warnings.mu.Unlock()
	return slices.Clone(g.warnings.list)
}
