// Package peers limits a server's connections, so that no crowd uses up the
// descriptors of the process and no client keeps others out.
//
// A Set counts connections by client from Accept to Close, whoever closes them, and
// tracks since when each has waited for its client (Conn). When a new connection finds
// no room, the client with the most connections loses the one that has waited longest.
// A shutdown closes those that wait, so that silent clients do not delay it.
//
//	set.go     limits, and which connection gives way; holders.go counts
//	conn.go    a connection, and since when it waits
//	server.go  joins a set to an http.Server; body.go tracks request bodies
//	drain.go   closes waiting connections during a shutdown
package peers
