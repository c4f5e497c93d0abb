// Package gateway is the front door: every request comes through one handler
// that gives it an id and a time limit, bounds and checks its body, finds out
// who asks, counts it, and turns whatever goes wrong into a problem document
// (RFC 9457). Behind it chi routes, and huma reads and writes the bodies of the
// operations that services register.
//
//	middleware.go  what happens to every request, in order
//	hot.go         the same for requests that are answered on the fast path (package quick)
//	request.go     what is known of a request while it is served
//	limits.go      how often somebody may ask; client.go: from which address
//	body.go        bodies are read once it is known who asks; pace.go: how slowly
//	crowd.go       how connections and live feeds are shared out
//	caching.go     what caches may keep
//	scan.go        one look at a JSON body before anything reads its meaning
//	card.go        card numbers never come in
//	errors.go      the one place where errors become answers
//	words.go       which field is wrong, in plain words
//	metrics.go     what an operator sees
//	docs.go        /docs, made from the OpenAPI document
//
// A small POST costs about 7 µs of CPU in here on one core of a server, of which
// huma takes half and the front door's own checks a quarter; on the fast path,
// which leaves net/http out as well, about 2 (BenchmarkStack).
package gateway
