package gateway

import (
	"net/http"
	"strings"
)

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

// keep lets caches keep what a handler answers, as caching says.
func keep(caching string, fn http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", caching)
		fn(w, r)
	}
}
