package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"

	"boxoffice/internal/locale"
	"boxoffice/internal/safetext"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Set holds the templates of a package of pages. Each file is a page that defines
// "main" and may define "head"; files whose names begin with _ are parts shared by
// all of them.
type Set struct {
	byLang map[string]map[string]*template.Template // language → page
}

// Meta describes a page.
type Meta struct {
	Title       string // without the name of the site
	Description string
	Canonical   string   // path; "": none
	Image       string   // path of a picture for links to it; "": none
	NoIndex     bool     // not for search engines
	Scripts     []string // names of assets beside app.js
	JSONLD      any      // schema.org
	Wide        bool     // use the whole width
	Others      Others   // other sites that the page may load from
}

// Others are other sites that one page may load from, by what it loads; see policy.
type Others struct{ Scripts, Frames, Hosts, Images []string }

// frame is the data of the layout around a page.
type frame struct {
	Meta
	Lang, Path string
	Others     []string // languages that the page can also be read in
	Caller     caller.Caller
	Notice     string
	Held       *heldLink
	Demo, Test bool
	URL        string // of the site
	Data       any
}

// Organizes reports whether the reader may use the organizer's pages.
func (f frame) Organizes() bool {
	return f.Caller.Organizes()
}

// Known reports whether the reader has signed in; visitors have not.
func (f frame) Known() bool { return f.Caller.SignedIn() && !f.Caller.Visiting() }

// Set parses the templates of a folder, with additional functions.
func (s *Site) Set(files fs.FS, dir string, more template.FuncMap) (*Set, error) {
	set := &Set{byLang: map[string]map[string]*template.Template{}}
	names, err := fs.Glob(files, dir+"/*.html")
	if err != nil {
		return nil, err
	}
	for _, lang := range locale.Languages {
		base := template.New("").Funcs(s.funcs(lang)).Funcs(more)
		if base, err = base.ParseFS(templateFiles, "templates/_*.html"); err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		for _, name := range names {
			if strings.HasPrefix(path.Base(name), "_") {
				if base, err = base.ParseFS(files, name); err != nil {
					return nil, fmt.Errorf("templates: %w", err)
				}
			}
		}
		pages := map[string]*template.Template{}
		for _, name := range names {
			one, err := base.Clone()
			if err == nil && !strings.HasPrefix(path.Base(name), "_") {
				one, err = one.ParseFS(files, name)
				pages[strings.TrimSuffix(path.Base(name), ".html")] = one
			}
			if err != nil {
				return nil, fmt.Errorf("templates: %w", err)
			}
		}
		set.byLang[lang] = pages
	}
	return set, nil
}

// funcs returns the functions for templates in a language.
func (s *Site) funcs(lang string) template.FuncMap {
	return template.FuncMap{
		"t":        func(key string, pairs ...any) string { return s.words.Text(lang, key, pairs...) },
		"money":    func(minor int64, code string) string { return locale.Money(lang, minor, code) },
		"number":   func(n any) string { return locale.Number(lang, n) },
		"when":     func(t time.Time, form string) string { return locale.When(lang, t, form) },
		"seats":    func(places []bookingapi.Place) string { return s.seats(lang, places) },
		"seat":     func(p bookingapi.Place) string { return s.seats(lang, []bookingapi.Place{p}) },
		"category": func(name string) string { return s.category(lang, name) },
		"zone":     func(t time.Time) string { return locale.Zone(lang, t) },
		"asset":    func(name string) (string, error) { return s.assets.path(name) },
		"address":  Address,
		"unbroken": safetext.Unbroken,
		"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
		"lang":     func() string { return lang },
		"dict":     dict,
		"json": func(v any) (template.JS, error) { // for <script type="application/json">: not executed
			raw, err := codec.Marshal(v) // escapes < > & as the block needs it
			return template.JS(raw), err //nolint:gosec // see above
		},
	}
}

// dict makes the data for a template that is called with several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: a name has no value")
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

func (a *assets) path(name string) (string, error) {
	if one := a.byName[name]; one != nil {
		return one.path, nil
	}
	return "", fmt.Errorf("there is no asset %q", name)
}

// Demo reports whether the server is a demo, whose mail anybody may read.
func (v *Visit) Demo() bool { return v.site.cfg.Demo }

// Test reports whether no real money moves.
func (v *Visit) Test() bool { return v.site.cfg.Test }

// FreeOnly reports whether only what is free is sold.
func (v *Visit) FreeOnly() bool { return v.site.cfg.FreeOnly }

// Show answers with a page of a set.
func (v *Visit) Show(s *Set, name string, m Meta, data any) error {
	one := s.byLang[v.Lang][name]
	if one == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	f := frame{Meta: m, Lang: v.Lang, Path: v.Request.URL.Path, Caller: v.Caller, Notice: v.notice(), Demo: v.site.cfg.Demo, Test: v.site.cfg.Test, URL: v.site.cfg.PublicURL, Data: data, Held: v.held()}
	for _, lang := range locale.Languages {
		if lang != v.Lang {
			f.Others = append(f.Others, lang)
		}
	}
	var out bytes.Buffer
	if err := one.ExecuteTemplate(&out, "layout", f); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	h.Set("Content-Security-Policy", m.Others.policy())
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment="+m.Others.payers())
	h.Add("Vary", "Cookie, Accept-Language")
	if f.Notice != "" || h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-store")
	}
	v.W.WriteHeader(v.status)
	_, _ = v.W.Write(out.Bytes()) // fails when the client has gone
	return nil
}
