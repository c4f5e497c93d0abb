package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/realclientip/realclientip-go"

	"boxoffice/internal/peers"
)

// forwardedFor is the header in which proxies name the client.
const forwardedFor = "X-Forwarded-For"

// maxHops limits how many proxies in a row are followed, since clients can send any
// number.
const maxHops = 16

// hopsOf finds the client in X-Forwarded-For.
type hopsOf struct{ proxies, loopback realclientip.Strategy }

func newHops(trusted []netip.Prefix) hopsOf {
	networks := make([]net.IPNet, len(trusted))
	for i, p := range trusted {
		networks[i] = net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
	}
	return hopsOf{
		proxies:  realclientip.Must(realclientip.NewRightmostTrustedRangeStrategy(forwardedFor, networks)),
		loopback: realclientip.Must(realclientip.NewRightmostTrustedCountStrategy(forwardedFor, 1)),
	}
}

// client returns the address that a request comes from: the peer's or, if that is a
// trusted proxy, the last address in X-Forwarded-For that is not trusted. If all of
// them are trusted, it is the first.
func (g *Gateway) client(peer netip.Addr, forwarded ...string) netip.Addr {
	trusted := g.trusted(peer)
	if trusted && len(forwarded) == 1 { // the usual case, without garbage
		if addr, err := netip.ParseAddr(forwarded[0]); err == nil && addr.Zone() == "" && !addr.Is4In6() && !addr.IsUnspecified() && !g.trusted(addr) {
			return addr
		}
	}
	hops := lastHops(forwarded)
	if len(hops) == 0 {
		return peer
	}
	header := http.Header{forwardedFor: hops}
	switch {
	case trusted:
		if addr, ok := parseHop(g.hops.proxies.ClientIP(header, "")); ok {
			return addr
		}
		for _, hop := range hops {
			if addr, ok := parseHop(hop); !ok || !g.trusted(addr) {
				return peer // what precedes it could be forged
			}
		}
		first, _ := parseHop(hops[0])
		return first
	case g.cfg.LoopbackProxy && peer.IsLoopback():
		if addr, ok := parseHop(g.hops.loopback.ClientIP(header, "")); ok {
			return addr
		}
		return peer
	}
	g.stranger.Do(func() {
		g.Warn("X-Forwarded-For came from " + peer.String() + ", which is not a trusted proxy, so it is ignored: all clients behind it are limited as one. Name your proxies in --trusted-proxies.")
	})
	return peer
}

// lastHops returns the last members of X-Forwarded-For. All lines of the header form
// one list, and empty members are ignored (RFC 9110, sections 5.3 and 5.6.1).
func lastHops(lines []string) []string {
	var hops []string
	for _, line := range slices.Backward(lines) {
		for line != "" && len(hops) < maxHops {
			i := strings.LastIndexByte(line, ',')
			if text := strings.TrimSpace(line[i+1:]); text != "" {
				hops = append(hops, text)
			}
			line = line[:max(i, 0)]
		}
	}
	slices.Reverse(hops)
	return hops
}

// parseHop reads one member of X-Forwarded-For. Some proxies append the port.
func parseHop(text string) (netip.Addr, bool) {
	at, err := realclientip.ParseIPAddr(text)
	addr, ok := netip.AddrFromSlice(at.IP)
	return addr.Unmap(), err == nil && ok && !addr.Unmap().IsUnspecified()
}

// peerOf returns the address in an http.Request's RemoteAddr, or the zero value if
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

// networkKey is the key under which an address is counted: see peers.Network.
func networkKey(addr netip.Addr) string { return peers.Network(addr).String() }

// warnings are problems that the operator of this node should fix.
type warnings struct {
	mu   sync.Mutex
	list []string
}

// Warn reports a problem that the operator of this node should fix: once in the log,
// and from then on at /readyz.
func (g *Gateway) Warn(text string) {
	g.warnings.mu.Lock()
	defer g.warnings.mu.Unlock()
	if !slices.Contains(g.warnings.list, text) {
		g.warnings.list = append(g.warnings.list, text)
		g.cfg.Log.Warn(text)
	}
}

// Warnings lists the warnings given so far.
func (g *Gateway) Warnings() []string {
	g.warnings.mu.Lock()
	defer g.warnings.mu.Unlock()
	return slices.Clone(g.warnings.list)
}
