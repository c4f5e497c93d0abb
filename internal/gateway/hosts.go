package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OnlyHosts answers requests that name this machine by a loopback address or
// localhost, or one of the hosts. A page on the web that has its own name point
// at a loopback address (DNS rebinding) is refused: its name is not known. Probes
// are answered under any name, or none: load balancers often send none.
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
