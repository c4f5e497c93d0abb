// Package natsbus carries the bus's messages and signals over NATS. It is the only
// package that imports nats.go.
//
//	conn.go      the connection: it comes back by itself, whatever happens to the servers
//	stream.go    a stream of JetStream: how it is made, and received from
//	messages.go  bus.Transport, over a stream
//	runs.go      bus.Runs: what nodes commit to ledgers, over a stream and core NATS
//	signals.go   bus.Signals, over core NATS
//
// NATS may be stopped, cut off or wiped at any time: nothing that is only in NATS is
// needed. The streams and their subjects have the name of the database, so several ticket
// offices may share a cluster, and everything carries a MAC by a secret of the database:
// what others publish is ignored. No consumer of a stream outlives its connection.
package natsbus
