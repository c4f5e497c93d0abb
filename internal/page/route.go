package page

import (
	"net/http"

	"boxoffice/internal/route"
)

// Route is a page's address, its handler, and its traits for the gateway.
type Route struct {
	Method, Path string // the path as a pattern, such as /e/{id}
	Traits       route.Traits
	Page         func(*Visit) error
	File         Handler // instead of a page
}

// Get is a page.
func Get(path string, fn func(*Visit) error, traits ...route.Traits) Route {
	return Route{http.MethodGet, path, route.All(traits...), fn, nil}
}

// Post is a form.
func Post(path string, fn func(*Visit) error, traits ...route.Traits) Route {
	return Route{http.MethodPost, path, route.All(traits...), fn, nil}
}

// File is a file that is the same for everybody and in every language.
func File(path string, h Handler) Route {
	return Route{http.MethodGet, path, route.Shared, nil, h}
}

// Handler returns an error, which becomes the answer if nothing was written before.
type Handler = func(http.ResponseWriter, *http.Request) error

// Mount registers pages with the gateway, by calling mount for each.
func (s *Site) Mount(pages []Route, mount func(method, path string, traits route.Traits, h Handler)) {
	for _, p := range pages {
		h := p.File
		if h == nil {
			h = s.Page(p.Page)
		}
		mount(p.Method, p.Path, p.Traits, h)
	}
}
