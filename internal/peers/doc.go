// Package peers keeps a server's connections within bounds, so that no crowd takes
// all descriptors of the process and no client keeps others out.
//
// A Set counts connections by client from Accept to Close, whoever closes them, and
// knows of each since when it has waited for its client (Conn). When there is no
// room for a newcomer, the client with the most connections loses the one that has
// waited longest. A shutdown ends those that wait, so that silent clients do not
// hold it.
//
//	set.go     who makes room; holders.go counts
//	conn.go    a connection, and since when it waits
//	server.go  joins a set to an http.Server; body.go knows when a body has come
//	drain.go   ends connections that wait during a shutdown
package peers
