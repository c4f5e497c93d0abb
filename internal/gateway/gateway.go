package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/moment"
	"boxoffice/internal/peers"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
)

type Config struct {
	// Authenticate finds the account of a session token. Its error has kind
	// Unauthenticated when there is none.
	Authenticate func(ctx context.Context, token string) (caller.Caller, error)
	// Devices finds the device of a token at a door, in the same way; nil: there are none.
	Devices   func(ctx context.Context, token string) (caller.Caller, error)
	Log       *slog.Logger
	Metrics   *prometheus.Registry
	Ready     func(ctx context.Context) error // nil error: this node can serve
	Warnings  func() []string                 // what /readyz warns of now, besides what Warn was told; nil: nothing
	AccessLog bool                            // log each request at level Info rather than Debug

	Limits         Limits
	TrustedProxies []netip.Prefix                 // proxies whose X-Forwarded-For is trusted
	LoopbackProxy  bool                           // trust the last hop that a proxy on this machine forwards
	Outage         func(error) bool               // reports whether an error means that the database is unavailable; nil: never
	Pressure       func() (waiting, capacity int) // of the writers' queues; nil: not checked
	Origins        []string                       // other sites whose pages may call the API (CORS); "*": all
	PublicURL      string                         // the public address of this server
	Hosts          []string                       // host names allowed besides this machine's; nil: any

	// Cookie names the cookie that carries the session token of pages; "": none.
	Cookie string
	// WantsPage and ErrorPage show errors to browsers as pages; nil: as JSON.
	WantsPage func(*http.Request) bool
	ErrorPage func(w http.ResponseWriter, r *http.Request, e *errs.Error, status int, requestID string)
}

// Gateway serves HTTP for a node.
type Gateway struct {
	cfg      Config
	router   *chi.Mux
	api      huma.API
	metrics  *metrics
	policies *policies
	handler  http.Handler // the router, behind CORS if configured
	tls      bool         // clients use HTTPS
	foreign  *http.CrossOriginProtection
	hops     hopsOf
	server   *http.Server
	door     quick.Door              // the hot operations' fast path
	peers    peers.Set               // all connections
	hot      sync.Once               // adds the hot operations to door
	limit    *moment.Limit           // time limit of requests on the fast path
	constant []byte                  // headers of all answers on the fast path
	large    atOnce                  // large bodies
	traits   map[string]route.Traits // of routes outside the API, by method and pattern
	problems map[string]errs.ProblemType
	named    map[string][]string // problems by operation id
	warnings warnings
	ready    readiness
	viewers  viewers
	stranger sync.Once       // warns once of an X-Forwarded-For from an untrusted peer
	zips     map[string]bool // patterns whose GET answers are compressed
	draining atomic.Bool
	streams  context.Context // parent of all streams; it ends when the node drains
	drain    context.CancelFunc
}

// Probes of load balancers.
const (
	healthz = "/healthz"
	readyz  = "/readyz"
)

// New makes a gateway without operations; services register theirs on API.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, router: chi.NewRouter(), metrics: newMetrics(cfg.Metrics), policies: newPolicies(cfg.Limits),
		tls: strings.HasPrefix(cfg.PublicURL, "https://"), foreign: http.NewCrossOriginProtection(), hops: newHops(cfg.TrustedProxies), large: atOnce{byClient: largeByClient, of: map[string]int{}},
		traits: map[string]route.Traits{}, zips: map[string]bool{}}
	g.streams, g.drain = context.WithCancel(context.Background())
	g.handler = crossOrigin(cfg.Origins, g.router)
	if cfg.Hosts != nil {
		g.handler = OnlyHosts(g.handler, cfg.Hosts...)
	}
	g.serveHTTP()
	useProblems()
	g.router.Use(g.everyRequest)
	g.router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, errs.New(errs.NotFound, "no-such-page", "There is nothing at this address."))
	})
	g.router.MethodNotAllowed(g.notAllowed)
	config := huma.DefaultConfig("boxoffice", "1")
	config.Info.Description = "A ticket office for high-demand on-sales. Amounts are integers in minor units of their currency. Times in answers are RFC 3339: the times of an event (event_time, end_time, and these two in changes) have the offset of its time_zone, all others are UTC. Errors are problem documents (RFC 9457) with a stable type."
	config.DocsPath = ""     // our own, see docs.go
	config.CreateHooks = nil // no links to schemas in bodies
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.SchemasPath, config.OpenAPIPath = "", ""
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", Description: "The token in the answer of POST /users/login."},
		"device":  {Type: "http", Scheme: "bearer", Description: "The token in the answer of POST /door/pair."},
	}
	config.Security = []map[string][]string{{"session": {}}, {}}
	g.api = humachi.New(g.router.With(g.compress), config)
	g.api.UseMiddleware(g.checkChange, g.readBody)
	g.handle(http.MethodGet, healthz, route.Probe|route.Uncounted, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }))
	g.handle(http.MethodGet, readyz, route.Probe|route.Apart, http.HandlerFunc(g.readyz))
	g.documents()
	g.Problems()
	g.handle(http.MethodGet, "/problems", route.Shared, keep(documentCaching, g.listProblems))
	g.handle(http.MethodGet, "/problems/{slug}", route.Shared, keep(documentCaching, g.explain))
	return g
}

// notAllowed refuses a method that an address does not support, and lists those that
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
	if len(allowed) == 0 { // no route at all, or an invented method
		refuse(w, r, errs.New(errs.NotFound, "no-such-page", "There is nothing at this address."))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	e := errs.New(errs.Invalid, "method-not-allowed", "This address only supports %s.", strings.Join(allowed, ", "))
	requestFrom(r.Context()).refuseAs(w, e, http.StatusMethodNotAllowed)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// API is where services register operations.
func (g *Gateway) API() huma.API { return g.api }

// Router is where pages and streams are mounted.
func (g *Gateway) Router() chi.Router { return g.router }

// Routes lists every method and pattern that is answered, as "GET /events/{id}".
func (g *Gateway) Routes() []string {
	var list []string
	_ = chi.Walk(g.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		list = append(list, method+" "+route)
		return nil
	})
	return list
}

// Handler serves all requests.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Stream registers an operation whose answer continues until the client goes away.
// Its handler is plain; an error that it returns before it has written anything
// becomes the answer.
func (g *Gateway) Stream(op *huma.Operation, fn func(http.ResponseWriter, *http.Request) error) {
	traits := route.Of(op) | route.Stream
	g.api.OpenAPI().AddOperation(op)
	g.handle(op.Method, op.Path, traits, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.stream(w, r, fn); err != nil {
			refuse(w, r, err)
		}
	}))
}

// Page registers a page with a plain handler; an error that it returns before it has
// written anything becomes the answer. Forms are accepted from this server's own
// pages only.
func (g *Gateway) Page(method, pattern string, traits route.Traits, fn func(http.ResponseWriter, *http.Request) error) {
	g.handle(method, pattern, traits, gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := g.sameOrigin(r)
		switch {
		case err != nil:
		case traits.Has(route.Organizers) && !caller.From(r.Context()).Organizes():
			r.Body = http.NoBody // the page then refuses the form for lack of fields
		default:
			err = requestFrom(r.Context()).takeBody(r, traits)
		}
		if err == nil {
			err = fn(w, r)
		}
		if err != nil {
			refuse(w, r, err)
		}
	})))
}

// sameOrigin refuses changes requested by another site's pages, by Sec-Fetch-Site
// (Fetch standard) or else Origin.
func (g *Gateway) sameOrigin(r *http.Request) error {
	if err := g.foreign.Check(r); err != nil {
		return &errs.Error{Kind: errs.Forbidden, Type: "cross-origin", Detail: "This came from a page of another site.", Err: err}
	}
	return nil
}

// crossOrigin lets pages of other sites call the API (CORS, Fetch standard). They
// authenticate by a token, never by a cookie.
func crossOrigin(origins []string, h http.Handler) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "X-Request-Id", "X-Current-Password", "X-Code", "Traceparent", "Tracestate"},
		ExposedHeaders: []string{"ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"},
		MaxAge:         7200,
	}).Handler(h)
}

// serveHTTP builds the HTTP server with the gateway's limits.
func (g *Gateway) serveHTTP() {
	g.server = &http.Server{
		Handler:           g.handler,
		ReadHeaderTimeout: headTime,
		ReadTimeout:       bodyStart,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          jobs.ServerLog(g.cfg.Log),
	}
	g.shareOut(descriptors())
	g.door.Answer = g.answerHot
	g.door.Attach(g.server, &g.peers)
	g.limit = moment.NewLimit(context.Background(), requestTime)
	g.constant = g.constantHeaders()
}

// Shutdown accepts nothing new and waits until all requests are answered or ctx
// ends. Clients that send nothing, or do not read their answers, get a moment only;
// those that are still sending a request or reading slowly get until shortly before
// ctx ends.
func (g *Gateway) Shutdown(ctx context.Context) error { return g.door.Shutdown(ctx) }

// Drain makes /readyz fail, so that load balancers choose another node, and ends all
// streams; their viewers reconnect elsewhere.
func (g *Gateway) Drain() {
	g.draining.Store(true)
	g.door.Drain()
	g.drain()
}

// readiness caches briefly whether this node can serve: the database is asked at
// most once a second.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

const (
	readyFor    = time.Second
	readyWithin = 3 * time.Second
)

func (r *readiness) ask(ctx context.Context, ready func(context.Context) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) >= readyFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin) // others wait for the result, too
		defer cancel()
		r.err, r.at = ready(ctx), time.Now()
	}
	return r.err
}

func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	if g.draining.Load() {
		refuse(w, r, errs.New(errs.Unavailable, "shutting-down", "This node is shutting down."))
		return
	}
	if g.cfg.Ready != nil {
		if err := g.ready.ask(r.Context(), g.cfg.Ready); err != nil {
			refuse(w, r, &errs.Error{Kind: errs.Unavailable, Type: "not-ready", Detail: "This node cannot reach its database.", Err: err})
			return
		}
	}
	body := "ready\n"
	warnings := g.Warnings()
	if g.cfg.Warnings != nil {
		warnings = append(warnings, g.cfg.Warnings()...)
	}
	for _, text := range warnings {
		body += "warning: " + text + "\n"
	}
	_, _ = w.Write([]byte(body))
}
