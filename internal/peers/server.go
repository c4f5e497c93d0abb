package peers

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Attach makes a server serve the set's connections. Call it after the server's
// handler is set and before it serves.
func (p *Set) Attach(s *http.Server) {
	s.Handler, s.ConnContext = bodies(s.Handler), connContext
	s.ConnState = func(nc net.Conn, state http.ConnState) {
		if c, ok := nc.(*Conn); ok {
			c.state(state)
		}
	}
}

// Serving is the connection of a request served by net/http.
type Serving interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

type servingKey struct{}

// connContext is the http.Server.ConnContext that lets ServingOf find the
// connection.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := nc.(*Conn); ok {
		return WithServing(ctx, c)
	}
	return ctx
}

// WithServing returns a context that carries a connection.
func WithServing(ctx context.Context, c Serving) context.Context {
	return context.WithValue(ctx, servingKey{}, c)
}

// ServingOf returns the connection of a request's context, or nil if it does not
// belong to a Set.
func ServingOf(ctx context.Context) Serving {
	c, _ := ctx.Value(servingKey{}).(Serving)
	return c
}
