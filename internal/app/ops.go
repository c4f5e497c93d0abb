package app

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
	"boxoffice/internal/quick"
)

// defaultOpsAddr is where metrics and profiles are when nothing else is said.
const defaultOpsAddr = "127.0.0.1:8090"

// mostOps is how many connections there are to that address at once.
const mostOps = 16

// metricsTime is how long an answer to /metrics may take to be read.
const metricsTime = 10 * time.Second

// operators serves metrics and profiles, on an address of their own, and says
// where. Nobody who buys tickets comes there.
func operators(in *jobs.Runner, addr string, metrics *prometheus.Registry, out io.Writer, log *slog.Logger) error {
	l, err := opsListener(addr)
	if err != nil {
		return taken("--ops-addr", addr, err)
	}
	handler := opsHandler(metrics)
	if loopback(l.Addr().String()) {
		handler = gateway.OnlyHosts(handler)
	} else {
		log.Warn("metrics and profiles can be read by all who reach --ops-addr", "address", l.Addr().String())
	}
	srv := &http.Server{
		Handler:           bodiless(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // for bodies, which nobody reads
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	// The one that has waited longest makes room, so that they never take the
	// descriptors of the node's own work, nor keep others out.
	door := &quick.Door{Peers: quick.Peers{Most: mostOps, Each: mostOps}}
	door.Attach(srv)
	in.Go("metrics", func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
		return srv.Serve(door.Listener(l))
	})
	fmt.Fprintf(out, "metrics and profiles on http://%s\n", l.Addr())
	return nil
}

// bodiless answers requests that bring a body at once, and ends their connections:
// nobody reads it, and while it is waited for they would keep others from /metrics,
// which answers a few at once.
func bodiless(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// opsListener listens where it was told to, or else at the default address, or on
// a free port when somebody else has that.
func opsListener(addr string) (net.Listener, error) {
	if addr != "" {
		return net.Listen("tcp", addr)
	}
	l, err := net.Listen("tcp", defaultOpsAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, err
}

func opsHandler(metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	numbers := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(metricsTime)) // or four that read nothing keep all others out
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
