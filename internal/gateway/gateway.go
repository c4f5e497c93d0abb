package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Config is what a front door needs.
type Config struct {
	// Authenticate finds the account of a session token; an error of kind
	// Unauthenticated when there is none.
	Authenticate func(ctx context.Context, token string) (message.Caller, error)
	Log          *slog.Logger
	Metrics      *prometheus.Registry
	Ready        func(ctx context.Context) error // nil error: this node can serve
}

// Gateway is the front door of a node.
type Gateway struct {
	cfg      Config
	router   *chi.Mux
	api      huma.API
	metrics  *metrics
	draining atomic.Bool
}

// New makes a front door without any operations; services register theirs on API.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, router: chi.NewRouter(), metrics: newMetrics(cfg.Metrics)}
	huma.NewErrorWithContext = g.problemFor
	huma.NewError = func(status int, msg string, errors ...error) huma.StatusError {
		return newProblem(fromHuma(status, msg, errors), "")
	}
	g.router.Use(g.serve)
	g.router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		g.refuse(w, r, errs.New(errs.NotFound, "no-such-page", "There is nothing at this address."))
	})
	g.router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		e := errs.New(errs.NotFound, "method-not-allowed", "This address does not answer %s.", r.Method)
		g.refuseAs(w, r, e, http.StatusMethodNotAllowed)
	})
	config := huma.DefaultConfig("boxoffice", "1")
	config.Info.Description = "A ticket office for high-demand on-sales. Amounts are integers in minor units of their currency; times are RFC 3339 in UTC. Errors are problem documents (RFC 9457) with a stable type."
	config.DocsPath = "" // our own, see docs.go
	config.CreateHooks = nil
	config.SchemasPath = ""
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", Description: "The token that POST /users/login answers."},
	}
	config.Security = []map[string][]string{{"session": {}}, {}}
	g.api = humachi.New(g.router, config)
	g.router.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	g.router.Get("/readyz", g.readyz)
	g.router.Get("/docs", g.docs)
	g.router.Get("/problems/{slug}", g.explain)
	if cfg.Metrics != nil {
		g.router.Handle("/metrics", promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{}))
	}
	return g
}

// API is where services register their operations.
func (g *Gateway) API() huma.API { return g.api }

// Router is where pages and streams are mounted.
func (g *Gateway) Router() chi.Router { return g.router }

// Handler serves everything.
func (g *Gateway) Handler() http.Handler { return g.router }

// Server is an HTTP server with the front door's limits.
func (g *Gateway) Server(addr string) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           g.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(g.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// Drain makes /readyz say no, so that load balancers look elsewhere.
func (g *Gateway) Drain() { g.draining.Store(true) }

func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	if g.draining.Load() {
		g.refuse(w, r, errs.New(errs.Unavailable, "shutting-down", "This node is shutting down."))
		return
	}
	if g.cfg.Ready != nil {
		if err := g.cfg.Ready(r.Context()); err != nil {
			g.refuse(w, r, &errs.Error{Kind: errs.Unavailable, Type: "not-ready", Detail: "This node cannot reach its database.", Err: err})
			return
		}
	}
	_, _ = w.Write([]byte("ready\n"))
}
