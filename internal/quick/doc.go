// Package quick is the fast path for the few operations that are called thousands of
// times a second.
//
// A connection begins here, in a small loop that answers plain requests of the hot
// operations. At the first request that is anything else, the connection and the bytes
// read so far go to net/http for good, where the router, huma, pages and streams are. So
// the fast path never refuses a malformed request, and its answers do not differ.
//
//	door.go    the loop, and the hand-over
//	head.go    parsing a plain request head
//	bind.go    registering an operation: one function and one description for both paths
//	fields.go  reading a request's values by struct tags
package quick
