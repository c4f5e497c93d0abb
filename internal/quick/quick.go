// Package quick is the short way of the few requests that come by the thousand a
// second. A Door takes them off their connections before net/http has seen them,
// if they are plain: HTTP/1.1, whole, printable ASCII throughout, headers that
// it knows, bodies of known members. Whatever else comes goes the long way, from
// its first byte on, through net/http, the router and huma. So nothing is
// refused for its form here, and no answer differs.
//
//	door.go    between the listener and net/http; wait.go knows when a connection waits
//	drain.go   shuts the server down
//	peers.go   how many connections there are, and which one makes room; holders.go counts
//	head.go    reads a plain head
//	read.go    reads a plain body
//	write.go   writes answers
package quick

import (
	"context"
	"strings"
)

// maxKey is the longest Idempotency-Key that goes the short way.
const maxKey = 255

// Answer is what an operation answers, as JSON.
type Answer struct {
	Status int

	// Headers; "" for none.
	ETag, Location, RetryAfter, CacheControl, Vary, ContentEncoding string

	Raw  []byte                   // the body, or
	Body func(json []byte) []byte // appends it
}

// Serve carries out a request that was read.
type Serve func(context.Context) (Answer, error)

// Operation is one that has a short way.
type Operation struct {
	Method, Pattern string // the pattern has at most one {id}
	Shared          bool   // caches may give its answers to others, if they say so

	before, after string // of the path, around the id
	read          func(*Request) (Serve, bool)
}

func operation(method, pattern string, read func(*Request) (Serve, bool)) Operation {
	before, after, _ := strings.Cut(pattern, "{id}")
	return Operation{Method: method, Pattern: pattern, before: before, after: after, read: read}
}

// Read takes in a request; false when it is not plain. Nothing has happened then.
func (o *Operation) Read(q *Request) (Serve, bool) { return o.read(q) }

// Post is an operation that reads a small JSON body and the Idempotency-Key.
func Post[I any](path string, read func(key string, r *Reader) I, serve func(context.Context, *I) (Answer, error)) Operation {
	return operation("POST", path, func(q *Request) (Serve, bool) {
		if q.ContentType != "application/json" || len(q.Key) > maxKey || q.Query != "" {
			return nil, false
		}
		r := Reader{b: q.Body}
		in := read(q.Key, &r)
		return func(ctx context.Context) (Answer, error) { return serve(ctx, &in) }, r.done()
	})
}

// Get is an operation on the thing with an id. Read takes in what else it wants
// to know; false makes the request go the long way.
func Get[I any](pattern string, read func(q *Request) (I, bool), serve func(context.Context, *I) (Answer, error)) Operation {
	return operation("GET", pattern, func(q *Request) (Serve, bool) {
		in, ok := read(q)
		return func(ctx context.Context) (Answer, error) { return serve(ctx, &in) }, ok && len(q.Body) == 0
	})
}

// MayShare is the operation as one whose answers caches may give to others.
func (o Operation) MayShare() Operation {
	o.Shared = true
	return o
}

// match finds the id in a path.
func (o *Operation) match(q *Request) bool {
	if q.Method != o.Method || len(q.Path) < len(o.before)+len(o.after) {
		return false
	}
	if o.before == o.Pattern {
		return q.Path == o.Pattern
	}
	if !strings.HasPrefix(q.Path, o.before) || !strings.HasSuffix(q.Path, o.after) {
		return false
	}
	q.PathID = q.Path[len(o.before) : len(q.Path)-len(o.after)]
	for i := range len(q.PathID) {
		if c := q.PathID[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return q.PathID != ""
}
