package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
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
	AccessLog    bool                            // log each request at level Info rather than Debug
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
	useProblems()
	g.router.Use(g.serve)
	g.router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, errs.New(errs.NotFound, "no-such-page", "There is nothing at this address."))
	})
	g.router.MethodNotAllowed(g.notAllowed)
	config := huma.DefaultConfig("boxoffice", "1")
	config.Info.Description = "A ticket office for high-demand on-sales. Amounts are integers in minor units of their currency; times are RFC 3339 in UTC. Errors are problem documents (RFC 9457) with a stable type."
	config.DocsPath = ""     // our own, see docs.go
	config.CreateHooks = nil // no links to schemas in bodies
	config.SchemasPath = ""
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
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

// notAllowed refuses a method that an address does not answer, and says which
// it does.
func (g *Gateway) notAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		if g.router.Match(chi.NewRouteContext(), m, routePath(r)) {
			allowed = append(allowed, m)
			if m == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	if len(allowed) == 0 { // a method that nobody knows, at an address that is nowhere
		refuse(w, r, errs.New(errs.NotFound, "no-such-page", "There is nothing at this address."))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	e := errs.New(errs.Invalid, "method-not-allowed", "This address answers %s only.", strings.Join(allowed, ", "))
	requestFrom(r.Context()).refuseAs(w, e, http.StatusMethodNotAllowed)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

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
		refuse(w, r, errs.New(errs.Unavailable, "shutting-down", "This node is shutting down."))
		return
	}
	if g.cfg.Ready != nil {
		if err := g.cfg.Ready(r.Context()); err != nil {
			refuse(w, r, &errs.Error{Kind: errs.Unavailable, Type: "not-ready", Detail: "This node cannot reach its database.", Err: err})
			return
		}
	}
	_, _ = w.Write([]byte("ready\n"))
}
