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
	"boxoffice/internal/route"
)

// Config configures the kit.
type Config struct {
	PublicURL string // where the world reaches this server, without a slash at its end
	Demo      bool   // with links for those who try it out
	// Holding is what a reader holds unpaid, of several what ends first; nil:
	// nothing. Every page leads back to it. It may be left out.
	Holding func(ctx context.Context, reader caller.Caller) (*Holding, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Kit is what all pages have in common.
type Kit struct {
	cfg    Config
	words  *words
	keys   []string // of all messages
	assets *assets
	errors *Set
}

// New loads words, assets and the kit's own templates.
func New(cfg Config) (*Kit, error) {
	k := &Kit{cfg: cfg}
	var err error
	if k.words, err = loadWords(); err != nil {
		return nil, err
	}
	if k.keys, err = messageKeys(); err != nil {
		return nil, err
	}
	if k.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	k.errors, err = k.Set(templateFiles, "templates", nil)
	return k, err
}

// Secure reports whether the world comes by HTTPS.
func (k *Kit) Secure() bool { return strings.HasPrefix(k.cfg.PublicURL, "https://") }

// URL is where the world finds a path of this server.
func (k *Kit) URL(path string) string { return k.cfg.PublicURL + path }

// Page makes a handler of a page.
func (k *Kit) Page(fn func(*Visit) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := k.visit(w, r)
		err := fn(v)
		if errs.KindOf(err) == errs.Unauthenticated && !v.Caller.SignedIn() {
			return v.askToSignIn()
		}
		return err
	}
}

// policy is what a page may load and do: nothing from elsewhere, nothing inline.
var policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
	"worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Routes are the pages and files that all pages share.
func (k *Kit) Routes() []Route {
	root := func(path, name, caching string) Route {
		return File(path, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Security-Policy", policy) // a service worker has its own
			k.assets.byName[name].send(w, r, caching)
			return nil
		})
	}
	return []Route{
		File("/assets/{name}", k.asset),
		root("/sw.js", "sw.js", "no-cache"), // at the root, so that it may serve all pages
		root("/manifest.webmanifest", "manifest.webmanifest", "public, max-age=3600"),
		root("/favicon.ico", "icon-192.png", "public, max-age=86400"),
		Get("/offline", func(v *Visit) error {
			v.Public()
			return v.Show(k.errors, "offline", Meta{Title: v.T("offline.title"), NoIndex: true}, nil)
		}, route.Shared),
	}
}

// asset answers with a script, a style or an icon.
func (k *Kit) asset(w http.ResponseWriter, r *http.Request) error {
	one := k.assets.byPath[r.URL.Path]
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

// problem is what an error page says.
type problem struct {
	Status       int
	Title, Text  string
	Fields       []errs.Field
	Again        bool // trying again may help
	Known        bool // the reader is signed in, guests too
	RequestID    string
	Path, Search string
}

// WantsPage reports whether a client would rather have a page than JSON.
func WantsPage(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html")
}

// Error answers with a page that tells what went wrong.
func (k *Kit) Error(w http.ResponseWriter, r *http.Request, e *errs.Error, status int, requestID string) {
	v := k.visit(w, r)
	p := problem{Known: v.Caller.SignedIn(), Status: status, Fields: e.Fields, RequestID: requestID, Path: r.URL.Path}
	group := "error." + e.Type
	if v.T(group+".title") == group+".title" { // no words for this one: those of its kind
		group = "error." + kindNames[e.Kind]
	}
	p.Title, p.Text = v.T(group+".title"), v.T(group+".text")
	p.Again = e.Kind == errs.Unavailable || e.Kind == errs.TooMany || e.Kind == errs.Internal
	v.status = status
	if err := v.Show(k.errors, "error", Meta{Title: p.Title, NoIndex: true}, p); err != nil {
		k.cfg.Log.ErrorContext(r.Context(), "error page", "error", err)
		http.Error(w, e.Detail, status)
	}
}

// kindNames are the kinds of errors as keys of messages.
var kindNames = map[errs.Kind]string{
	errs.Internal: "internal", errs.Malformed: "invalid", errs.Unauthenticated: "unauthenticated", errs.PaymentRequired: "conflict",
	errs.Forbidden: "forbidden", errs.NotFound: "not-found", errs.Conflict: "conflict", errs.Precondition: "precondition",
	errs.TooLarge: "invalid", errs.Unsupported: "invalid", errs.Invalid: "invalid", errs.TooMany: "too-many", errs.Unavailable: "unavailable",
}

// visit is a request for a page, before anything was answered.
func (k *Kit) visit(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{W: w, Request: r, kit: k, Caller: caller.From(r.Context()), status: http.StatusOK}
	chosen := r.URL.Query().Get("lang")
	if v.kit.words.byLang[chosen] != nil {
		v.Remember(langCookie, chosen, 365*24*time.Hour)
	} else if c, err := r.Cookie(langCookie); err == nil {
		chosen = c.Value
	}
	v.Lang = k.words.match(chosen, r.Header.Get("Accept-Language"))
	return v
}

// Speak is a visit without a request, for texts in the language that a client asks
// for by Accept-Language.
func (k *Kit) Speak(accept string) *Visit {
	return &Visit{kit: k, Lang: k.words.match("", accept)}
}

// messageKeys are the keys of all messages of the default language, sorted.
func messageKeys() ([]string, error) {
	all, err := catalogue(Languages[0])
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
