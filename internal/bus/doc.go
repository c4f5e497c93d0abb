// Package bus carries messages from one service to the others: what has changed, told
// once the change is committed. SQL is the record of every message. A message is a row
// of its service's outbox, written in the transaction of the change, and stays there
// until every consumer has recorded in a table of its own that it has taken it.
//
//	message.go   Message: what is told, and its form on the wire
//	outbox.go    Outbox, what the bus reads; Table, an outbox that is a table of its own
//	consumer.go  Consumer, the taken messages, and how a run of messages is consumed
//	bus.go       Bus: its consumers, and the loops that empty the outboxes
//	worker.go    hands messages to one consumer; now.go: while a request waits
//	dead.go      dead letters: messages that a consumer could not consume
//	transport.go Transport: carries messages between nodes; Signals and Runs: what may be lost
//
// Without a transport, consumers read the outboxes: at once when this process has
// committed a message (Bell), and twice a second for those of other nodes. With one
// (bus/natsbus), a relay also publishes what is in the outboxes. A transport may lose,
// repeat and reorder messages and may be wiped: whatever it does not bring in time is
// read from the outbox.
package bus
