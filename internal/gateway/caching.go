package gateway

import (
	"net/http"
	"strings"
)

// private is the Cache-Control of every answer that may not be shared.
var private = []string{"private, no-store"}

// guard keeps an answer out of caches, unless its route may be shared and the
// handler has set a cache lifetime. Errors, and answers that set a cookie, are
// always private.
func (w *recorder) guard(status int) {
	h := w.Header()
	given := h["Cache-Control"]
	switch {
	case w.shared && shareable(status) && len(given) == 1 && len(h["Set-Cookie"]) == 0:
		if strings.HasPrefix(given[0], "public") { // this client's remaining quota does not concern others
			delete(h, "Ratelimit")
			delete(h, "Ratelimit-Policy")
		}
	case len(given) == 1 && strings.HasPrefix(given[0], "no-store, "): // streams add more directives
	default:
		h["Cache-Control"] = private
	}
}

// shareable reports whether caches may keep answers with this status.
func shareable(status int) bool {
	return status == http.StatusOK || status == http.StatusMovedPermanently || status == http.StatusNotModified
}

// keep sets the Cache-Control header of a handler's answers.
func keep(caching string, fn http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", caching)
		fn(w, r)
	}
}
