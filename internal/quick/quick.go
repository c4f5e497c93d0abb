// Package quick is the short way of the few requests that come by the thousand a
// second. The long way is huma's: it reads a body twice and by reflection, and
// says of each field what is wrong. The short way reads plain bodies only: the
// members that it knows, strings of printable ASCII without escapes, small whole
// numbers. Whatever else it meets goes the long way, from the beginning, so that
// nothing is refused here and no answer differs.
//
//	read.go   reads a plain body
//	write.go  writes answers
package quick

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// maxBody is the largest body that goes the short way, in bytes.
const maxBody = 1 << 10

// maxKey is the longest Idempotency-Key that does.
const maxKey = 255

// Answer is what an operation answers.
type Answer struct {
	Status         int
	ETag, Location string                   // headers; "" for none
	RetryAfter     string                   // header; "" for none
	Body           func(json []byte) []byte // appends the body
}

// Way is a huma middleware for one operation. Read takes in a request's
// Idempotency-Key and body; when it comes to plain input, serve carries it out.
// Errors are answered as huma does.
func Way[I any](api huma.API, read func(key string, r *Reader) I, serve func(context.Context, *I) (Answer, error)) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, long func(huma.Context)) {
		body, ok := plainBody(ctx)
		key := ctx.Header("Idempotency-Key")
		if !ok || len(key) > maxKey {
			long(ctx)
			return
		}
		r := Reader{b: body}
		in := read(key, &r)
		if !r.done() {
			long(ctx)
			return
		}
		a, err := serve(ctx.Context(), &in)
		if err != nil {
			_ = huma.WriteErr(api, ctx, http.StatusInternalServerError, "unexpected error occurred", err) // huma's words for a handler's error; who has gone away does not read it
			return
		}
		write(ctx, &a)
	}
}

// Whole is a request's body that is in memory and was found to be JSON in UTF-8.
type Whole interface {
	// Whole is all of it; it is not read by that.
	Whole() []byte
}

// plainBody is a body that is small and JSON by its header.
func plainBody(ctx huma.Context) ([]byte, bool) {
	in, ok := ctx.BodyReader().(Whole)
	if !ok || ctx.Header("Content-Type") != "application/json" {
		return nil, false
	}
	switch ctx.Header("Accept") {
	case "", "*/*", "application/json":
	default:
		return nil, false
	}
	b := in.Whole()
	return b, len(b) <= maxBody
}
