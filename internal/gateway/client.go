package gateway

import (
	"net/netip"
	"strings"
)

// client is the address that a request comes from: the peer's, or if that is a
// trusted proxy the last one in X-Forwarded-For that is not.
func (g *Gateway) client(peer netip.Addr, forwarded ...string) netip.Addr {
	if len(g.cfg.TrustedProxies) == 0 || !g.trusted(peer) {
		return peer
	}
	var hops []string
	for _, line := range forwarded {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return peer // what stands before it may be made up
		}
		if peer = addr.Unmap().WithZone(""); !g.trusted(peer) {
			return peer
		}
	}
	return peer
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

// house is the key under which an address is counted: of IPv6 the first 64 bits,
// since one customer of a provider has all of the rest.
func house(addr netip.Addr) string {
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr.String()
}
