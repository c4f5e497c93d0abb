package gateway

import (
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"boxoffice/internal/route"
)

var routeContexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// traitsOf finds the traits of a request's route before the router runs. Addresses
// without a route have none.
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
		method = http.MethodGet // it answers HEAD, too
	}
}

// Declared returns the traits of a route, by its pattern.
func (g *Gateway) Declared(method, pattern string) route.Traits {
	if f, ok := g.traits[method+" "+pattern]; ok {
		return f
	}
	if op := g.operation(method, pattern); op != nil {
		return route.Of(op)
	}
	return 0
}

// operation returns the API's operation at an address, or nil.
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

// handle mounts a handler that is not an operation of the API.
func (g *Gateway) handle(method, pattern string, traits route.Traits, h http.Handler) {
	check(method+" "+pattern, traits)
	g.traits[method+" "+pattern] = traits
	g.router.Method(method, pattern, h)
}

// check panics if a route takes large bodies from everybody, or many items from others
// than devices.
func check(at string, f route.Traits) {
	if f.Has(route.LargeBody) && !f.Has(route.Organizers) {
		panic("gateway: " + at + " takes large bodies and is not for organizers only")
	}
	if f.Has(route.Bulk) && !f.Has(route.Device) {
		panic("gateway: " + at + " takes many items and is not for devices only")
	}
}
