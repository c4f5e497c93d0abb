// Package notices receives the messages (webhooks) of payment gateways.
//
//	http.go    the operation that gateways call: signature, limits, answer
//	store.go   the table of messages
//	worker.go  asks the gateway about the payments that messages name
//
// A message is only a hint. It says which payments to ask about, and the payment service
// then asks the gateway and goes by what it answers. So it does not matter in which order
// messages come, how often, or whether they come at all: recovery and the reconciler find
// out the same, only later.
//
// A message whose signature is wrong, missing or too old is refused before anything is
// read or stored. A good one is a row before it is answered, and is answered before the
// gateway is asked; a node that dies in between leaves the row to the others.
package notices
