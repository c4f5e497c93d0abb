// Package quick is the fast path of the few operations that are called by the
// thousand a second.
//
// A connection begins here, in a small loop that answers plain requests of the hot
// operations. At the first request that is anything else, the connection and what was
// read of it go to net/http for good: there are the router, huma, pages, streams and
// HTTP's odd corners. So nothing is refused for its form here, and no answer differs.
//
//	door.go    the loop, and the hand-over
//	head.go    reads a plain head
//	bind.go    registers an operation: one function, one description for both ways
//	fields.go  what struct tags say of a request's values
package quick
