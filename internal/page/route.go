package page

import (
	"net/http"

	"boxoffice/internal/route"
)

// Route is a page's address, what answers there, and what the gateway must know of it.
type Route struct {
	Method, Path string // the path as a pattern, such as /e/{id}
	Traits       route.Traits
	Page         func(*Visit) error
	File         Handler // instead of a page
}

// Get is a page to read.
func Get(path string, fn func(*Visit) error, traits ...route.Traits) Route {
	return Route{http.MethodGet, path, route.All(traits...), fn, nil}
}

// Post is a form.
func Post(path string, fn func(*Visit) error, traits ...route.Traits) Route {
	return Route{http.MethodPost, path, route.All(traits...), fn, nil}
}

// File is a file that all may have, the same in every language.
func File(path string, h Handler) Route {
	return Route{http.MethodGet, path, route.Shared, nil, h}
}

// Handler is a handler whose error, if it has written nothing, becomes the answer.
type Handler = func(http.ResponseWriter, *http.Request) error

// Mount registers pages with the gateway, which mount does for one of them.
func (k *Kit) Mount(pages []Route, mount func(method, path string, traits route.Traits, h Handler)) {
	for _, p := range pages {
		h := p.File
		if h == nil {
			h = k.Page(p.Page)
		}
		mount(p.Method, p.Path, p.Traits, h)
	}
}
