// Package gateway is the front door: every request comes through one handler
// that gives it an id and a time limit, bounds and checks its body, finds out
// who asks, counts it, and turns whatever goes wrong into a problem document
// (RFC 9457). Behind it chi routes, and huma reads and writes the bodies of the
// operations that services register.
//
//	middleware.go  what happens to every request, in order
//	errors.go      the one place where errors become answers
//	metrics.go     what an operator sees
//	docs.go        /docs, made from the OpenAPI document
package gateway
