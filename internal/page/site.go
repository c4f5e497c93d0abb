package page

import (
	"context"
	"log/slog"
	"net/http"
	"sort"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/locale"
	"boxoffice/internal/route"
)

// Config configures a Site.
type Config struct {
	PublicURL string // where the world reaches this server, without a slash at its end
	Demo      bool   // with links for those who try it out
	Test      bool   // no real money moves, and every page says so
	FreeOnly  bool   // there is no payment gateway, so only what is free is sold
	// Holding returns the reader's unpaid hold, of several the one that ends first,
	// or nil. Every page links to it. The function is optional.
	Holding func(ctx context.Context, reader caller.Caller) (*Holding, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Site holds what all pages share: configuration, messages, assets and error pages.
type Site struct {
	cfg    Config
	words  *locale.Words
	keys   []string // of all messages
	assets *assets
	errors *Set
}

// New loads words, assets and the shared templates.
func New(cfg Config) (*Site, error) {
	s := &Site{cfg: cfg}
	var err error
	if s.words, err = loadWords(); err != nil {
		return nil, err
	}
	if s.keys, err = messageKeys(); err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	s.errors, err = s.Set(templateFiles, "templates", nil)
	return s, err
}

// Secure reports whether clients use HTTPS.
func (s *Site) Secure() bool { return strings.HasPrefix(s.cfg.PublicURL, "https://") }

// URL returns the public address of a path.
func (s *Site) URL(path string) string { return s.cfg.PublicURL + path }

// Page turns a page function into a handler.
func (s *Site) Page(fn func(*Visit) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := s.visit(w, r)
		if r.Method == http.MethodPost { // accounts keep the language for mails
			v.Request = r.WithContext(caller.Speaking(r.Context(), v.Lang))
		}
		err := fn(v)
		if errs.KindOf(err) == errs.Unauthenticated && !v.Caller.SignedIn() {
			return v.askToSignIn()
		}
		return err
	}
}

// policy allows pages to load from this server only, and forbids inline scripts.
var policy = Others{}.policy()

// policy allows pages to load from some other sites, too.
func (o Others) policy() string {
	from := func(kind, own string, others []string) string {
		return kind + strings.Join(append([]string{own}, others...), " ") + "; "
	}
	frames := ""
	if len(o.Frames) > 0 {
		frames = "frame-src " + strings.Join(o.Frames, " ") + "; "
	}
	return "default-src 'none'; " + from("script-src ", "'self'", o.Scripts) + "style-src 'self'; " + from("img-src ", "'self' data:", o.Images) +
		from("connect-src ", "'self'", o.Hosts) + frames + "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// payers says who may ask the browser for a payment: nobody, but for the frames of other
// sites that a page has.
func (o Others) payers() string {
	if len(o.Frames) == 0 {
		return "()"
	}
	list := "(self"
	for _, f := range o.Frames {
		if !strings.Contains(f, "*") { // which this header does not know
			list += ` "` + f + `"`
		}
	}
	return list + ")"
}

// Routes returns the pages and files that all pages share.
func (s *Site) Routes() []Route {
	root := func(path, name, caching string) Route {
		return File(path, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Security-Policy", policy) // a service worker has its own
			s.assets.byName[name].send(w, r, caching)
			return nil
		})
	}
	return []Route{
		File("/assets/{name}", s.asset),
		root("/sw.js", "sw.js", "no-cache"), // at the root, so that it may serve all pages
		root("/gate-sw.js", "gate-sw.js", "no-cache"),
		root("/manifest.webmanifest", "manifest.webmanifest", "public, max-age=3600"),
		root("/favicon.ico", "icon-192.png", "public, max-age=86400"),
		Get("/offline", func(v *Visit) error {
			v.Public()
			return v.Show(s.errors, "offline", Meta{Title: v.T("offline.title"), NoIndex: true}, nil)
		}, route.Shared),
	}
}

// asset serves a script, a style or an icon.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	one := s.assets.byPath[r.URL.Path]
	if one == nil {
		return errs.Missing("file")
	}
	caching := "public, max-age=31536000, immutable"
	if one.path != r.URL.Path { // named without its hash
		caching = "public, max-age=3600"
	}
	one.send(w, r, caching)
	return nil
}

// problem is the data of an error page.
type problem struct {
	Status       int
	Title, Text  string
	Fields       []errs.Field
	Again        bool // trying again may help
	Known        bool // the reader is signed in, possibly as a guest
	RequestID    string
	Path, Search string
}

// WantsPage reports whether a client prefers a page to JSON.
func WantsPage(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html")
}

// Error answers with an error page.
func (s *Site) Error(w http.ResponseWriter, r *http.Request, e *errs.Error, status int, requestID string) {
	v := s.visit(w, r)
	p := problem{Known: v.Caller.SignedIn(), Status: status, Fields: e.Fields, RequestID: requestID, Path: r.URL.Path}
	group := "error." + e.Type
	if v.T(group+".title") == group+".title" { // no message for this error: use that of its kind
		group = "error." + kindNames[e.Kind]
	}
	p.Title, p.Text = v.T(group+".title"), v.T(group+".text")
	p.Again = e.Kind == errs.Unavailable || e.Kind == errs.TooMany || e.Kind == errs.Internal
	v.status = status
	if err := v.Show(s.errors, "error", Meta{Title: p.Title, NoIndex: true}, p); err != nil {
		s.cfg.Log.ErrorContext(r.Context(), "error page", "error", err)
		http.Error(w, e.Detail, status)
	}
}

// kindNames maps kinds of errors to keys of messages.
var kindNames = map[errs.Kind]string{
	errs.Internal: "internal", errs.Malformed: "invalid", errs.Unauthenticated: "unauthenticated", errs.PaymentRequired: "conflict",
	errs.Forbidden: "forbidden", errs.NotFound: "not-found", errs.Conflict: "conflict", errs.Precondition: "precondition",
	errs.TooLarge: "invalid", errs.Unsupported: "invalid", errs.Invalid: "invalid", errs.TooMany: "too-many", errs.Unavailable: "unavailable",
}

// visit starts a visit for a request.
func (s *Site) visit(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{W: w, Request: r, site: s, Caller: caller.From(r.Context()), status: http.StatusOK}
	chosen := r.URL.Query().Get("lang")
	if speaks(chosen) {
		v.Remember(langCookie, chosen, 365*24*time.Hour)
	} else if c, err := r.Cookie(langCookie); err == nil {
		chosen = c.Value
	}
	v.Lang = locale.Match(chosen, r.Header.Get("Accept-Language"))
	return v
}

// Speak returns a visit without a request, for texts in the language that a client
// requests with Accept-Language.
func (s *Site) Speak(accept string) *Visit {
	return &Visit{site: s, Lang: locale.Match("", accept)}
}

// messageKeys returns the keys of all messages of the default language, sorted.
func messageKeys() ([]string, error) {
	all, err := catalogue(locale.Languages[0])
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys, nil
}
