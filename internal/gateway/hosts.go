package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OnlyHosts passes on requests whose Host names this machine by localhost or a
// loopback address, or is one of hosts, and refuses others. This stops web pages
// that point a domain of theirs at a loopback address (DNS rebinding). Probes are
// answered under any name, since load balancers often send none.
func OnlyHosts(h http.Handler, hosts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !knownHost(r.Host, hosts) && r.URL.Path != healthz && r.URL.Path != readyz {
			w.Header()["Cache-Control"] = private
			http.Error(w, "This server is not known by that name.", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// knownHost reports whether a Host header names this machine or one of the hosts.
func knownHost(host string, hosts []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || host != "" && slices.Contains(hosts, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
