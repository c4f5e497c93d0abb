package gateway

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// MetaShared is the member of an operation's Metadata that says, where the
// operation is registered, that caches may give its answers to others. Pages say
// it by route.Shared, operations of the short way by their field Shared.
const MetaShared = "shared"

// private is the Cache-Control of every answer that may not be shared.
var private = []string{"private, no-store"}

// guard keeps an answer out of caches, unless its route may be shared and the
// handler says for how long. Errors, and answers that set a cookie, are one
// person's whatever their route.
func (w *recorder) guard(status int) {
	h := w.Header()
	given := h["Cache-Control"]
	switch {
	case w.shared && shareable(status) && len(given) == 1 && len(h["Set-Cookie"]) == 0:
		if strings.HasPrefix(given[0], "public") { // what this client may still ask for says nothing to others
			delete(h, "Ratelimit")
			delete(h, "Ratelimit-Policy")
		}
	case len(given) == 1 && strings.HasPrefix(given[0], "no-store, "): // a stream says more
	default:
		h["Cache-Control"] = private
	}
}

// shareable reports whether answers with a status may be kept by caches at all.
func shareable(status int) bool {
	return status == http.StatusOK || status == http.StatusMovedPermanently || status == http.StatusNotModified
}

// share marks the answers of operations that may be shared.
func share(ctx huma.Context, next func(huma.Context)) {
	if shared, _ := ctx.Operation().Metadata[MetaShared].(bool); shared {
		requestFrom(ctx.Context()).answer.shared = true
	}
	next(ctx)
}

// shared is share for handlers outside of huma.
func shared(caching string, fn http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		requestFrom(r.Context()).answer.shared = true
		w.Header().Set("Cache-Control", caching)
		fn(w, r)
	}
}
