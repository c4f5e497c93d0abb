// Package sharding shows that every statement of a purchase stays with one event,
// so that the tables can be distributed by event_id. It runs purchases, swaps,
// cancellations, refunds and expiries on a node in this process, records each
// statement that reaches the database, and asks the database for its plan: every
// access to a hot table goes by a key that begins with the event.
//
// What may reach over events, because no purchase waits for it, is listed with the
// reason in aside_test.go. A statement in the sources that is neither run here nor
// listed there fails the test.
package sharding
