// Package gateway is the HTTP entrance of the server. Every request goes through one
// handler that assigns an id and a time limit, checks and bounds the body,
// authenticates the caller, counts the request, and turns every error into a problem
// document (RFC 9457). Behind it chi routes the request, and huma decodes and encodes
// the bodies of the operations that services register.
//
//	middleware.go  the steps that every request goes through, in order
//	hot.go         the same steps for requests on the fast path (package quick)
//	request.go     the state of a request while it is served
//	limits.go      rate limits; client.go: the client's address
//	body.go        reading bodies once the caller is known; pace.go: minimum speed
//	crowd.go       sharing out connections and live feeds
//	caching.go     what caches may keep
//	scan.go        one pass over a JSON body before it is decoded
//	card.go        finding card numbers, which are refused
//	errors.go      the one place where errors become answers
//	words.go       naming wrong fields in plain words
//	metrics.go     metrics for operators
//	traits.go      what routes declare about themselves (package route)
//	change.go      refusing what a change does not know; faults.go: faults of large bodies
//	openapi.go     the OpenAPI document, with schemas.go, vocabulary.go (what fields
//	               mean) and problems.go (types of errors); document.go serves it
//	docs.go        /docs, generated from it
//
// A small POST costs about 7 µs of CPU here on one core of a server; huma takes half
// of it and the gateway's own checks a quarter. On the fast path, which also bypasses
// net/http, it costs about 2 µs (BenchmarkStack).
package gateway
