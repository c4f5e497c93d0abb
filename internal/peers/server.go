package peers

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Attach joins a server to the set: it serves the set's connections. It must be
// called before the server serves, and once its handler is set.
func (p *Set) Attach(s *http.Server) {
	s.Handler, s.ConnContext = bodies(s.Handler), connContext
	s.ConnState = func(nc net.Conn, state http.ConnState) {
		if c, ok := nc.(*Conn); ok {
			c.state(state)
		}
	}
}

// Serving is the connection of a request that net/http serves.
type Serving interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

type servingKey struct{}

// connContext is for http.Server, so that ServingOf finds the connection.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := nc.(*Conn); ok {
		return WithServing(ctx, c)
	}
	return ctx
}

// WithServing is a context whose requests come by a connection.
func WithServing(ctx context.Context, c Serving) context.Context {
	return context.WithValue(ctx, servingKey{}, c)
}

// ServingOf is the connection of the request that a context belongs to; nil when
// it is none of a Set.
func ServingOf(ctx context.Context) Serving {
	c, _ := ctx.Value(servingKey{}).(Serving)
	return c
}
