// Package webhook is the webhook service: it tells programs of organizers over HTTP what
// happens to their events.
//
//	http.go     the operations of the API; openapi.go: the messages in its document
//	service.go  endpoints and their secrets; log.go: what was sent, tests, sending again
//	watch.go    whose events are followed, and which endpoints are sent to
//	intake.go   follows the ledgers of organizers who have endpoints, and stores messages
//	wanted.go   which endpoints get a message, read in the transaction that stores it
//	awaited.go  waits for payments and refunds to be over, and stores messages about them
//	message.go  what a message says; it is pure
//	queue.go    one queue for each endpoint, and who sends next
//	send.go     one attempt; sign.go: its signature; guard.go: where it may go
//	retry.go    what follows from an attempt; it is pure
//	keep.go     each minute: who may still get messages, what is over, what is too old
//	store.go    the tables; metrics.go: what is measured
//
// A message and its deliveries, one for each endpoint that wants it, are stored in the
// transaction that moves the cursor of the event's ledger. The rest is work on these rows:
// an attempt is recorded after it was made, so after a crash it may be made again, with the
// same webhook-id. Nothing happens on the path of a purchase, and without endpoints nothing
// at all.
package webhook
