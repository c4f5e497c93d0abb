package gateway

import (
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"boxoffice/internal/route"
)

var routeContexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// traitsOf finds what the route of a request declares, before the router carries
// the request out. Addresses without a route declare nothing.
func (g *Gateway) traitsOf(r *http.Request) route.Traits {
	ctx := routeContexts.Get().(*chi.Context)
	defer routeContexts.Put(ctx)
	method := r.Method
	for {
		ctx.Reset()
		pattern := g.router.Find(ctx, method, routePath(r))
		switch {
		case pattern != "":
			return g.Declared(method, pattern)
		case method != http.MethodHead:
			return 0
		}
		method = http.MethodGet // answers HEAD, too
	}
}

// Declared are the traits of a route, by its pattern.
func (g *Gateway) Declared(method, pattern string) route.Traits {
	if f, ok := g.traits[method+" "+pattern]; ok {
		return f
	}
	if op := g.operation(method, pattern); op != nil {
		return route.Of(op)
	}
	return 0
}

// operation is the API's operation at an address; nil when there is none.
func (g *Gateway) operation(method, pattern string) *huma.Operation {
	item := g.api.OpenAPI().Paths[pattern]
	if item == nil {
		return nil
	}
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	}
	return nil
}

// handle mounts a handler that is no operation of the API.
func (g *Gateway) handle(method, pattern string, traits route.Traits, h http.Handler) {
	check(method+" "+pattern, traits)
	g.traits[method+" "+pattern] = traits
	g.router.Method(method, pattern, h)
}

// check panics when anybody may send a large body.
func check(at string, f route.Traits) {
	if f.Has(route.LargeBody) && !f.Has(route.Organizers) {
		panic("gateway: " + at + " takes large bodies and is not for organizers only")
	}
}
