// Package ops serves metrics for Prometheus and Go's profiles to operators, at an
// address that ticket buyers cannot reach.
package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"boxoffice/internal/gateway"
	"boxoffice/internal/jobs"
	"boxoffice/internal/peers"
	"boxoffice/internal/settings"
)

// defaultAddr is the address of metrics and profiles without --ops-addr.
const defaultAddr = "127.0.0.1:8090"

// mostConnections limits the connections to that address.
const mostConnections = 16

// metricsTime is how long a client may take to read an answer to /metrics.
const metricsTime = 10 * time.Second

// Serve serves metrics and profiles as a job of run, at addr ("": a default
// address), and prints the address.
func Serve(run *jobs.Runner, addr string, metrics *prometheus.Registry, out io.Writer, log *slog.Logger) error {
	l, err := listen(addr)
	if err != nil {
		return settings.Taken("--ops-addr", addr, err)
	}
	handler := routes(metrics)
	if settings.Loopback(l.Addr().String()) {
		handler = gateway.OnlyHosts(handler)
	} else {
		log.Warn("metrics and profiles can be read by all who reach --ops-addr", "address", l.Addr().String())
	}
	srv := &http.Server{
		Handler:           bodiless(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // for bodies, which are not used
		IdleTimeout:       time.Minute,
		ErrorLog:          jobs.ServerLog(log),
	}
	// When there are too many, the connection that has been idle longest is closed.
	// So operators' connections never use up the descriptors that the node needs,
	// and nobody is locked out.
	conns := &peers.Set{Most: mostConnections, Each: mostConnections}
	conns.Attach(srv)
	run.Go("metrics", func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
		return srv.Serve(conns.Listener(l))
	})
	fmt.Fprintf(out, "metrics and profiles on http://%s\n", l.Addr())
	return nil
}

// bodiless closes the connections of requests with a body after the answer. The body
// is not read; waiting for it would keep other clients from /metrics, which answers
// only a few at once.
func bodiless(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// listen listens at addr; without one at the default address or, if that is taken,
// on a free port.
func listen(addr string) (net.Listener, error) {
	if addr != "" {
		return net.Listen("tcp", addr)
	}
	l, err := net.Listen("tcp", defaultAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, err
}

func routes(metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	numbers := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(metricsTime)) // otherwise four clients that read nothing would block all others
		numbers.ServeHTTP(w, r)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}
