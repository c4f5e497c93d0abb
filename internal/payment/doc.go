// Package payment is the payment service: it takes money for bookings and returns it
// when a booking is cancelled. It implements paymentapi.Service.
//
// A payment is a row that moves through a small state machine (decide.go, pure):
//
//	pending → authorized → captured → refunded
//	  │  └→ failed   └→ taking_back ┐
//	  └→ voiding ←──────────────────┘
//	        ├→ voided, failed
//	        └→ returning → refunded
//
// That a payment is given up is written to its row before anything is undone: see
// paymentapi.Status. POST /payments (http.go, api.go) checks the booking (begin.go) and
// inserts a pending row (writes.go), or an authorized one if the gateway need not be
// asked (provider.Sure). Then a driver takes over (drive.go): one goroutine for each
// payment, which outlives the request. It alternates between two steps until the state
// is final: it performs an action (asks the gateway to authorize, the booking service to
// confirm, the gateway to capture) and passes the outcome to the state machine as an
// event (of the payment, not an event with seats), whose new state it writes by
// compare-and-set. No lock is held while the gateway or the booking service works. Every
// call carries values and idempotency keys that depend only on the row, so it can be
// repeated: by the same driver after an unclear answer, or by recover.go after a crash.
//
// All writes, of all payments, go through one queue (store.go) that commits whatever
// waits as one transaction. Each change of a payment is posted to a double-entry journal
// in that transaction (journal.go).
//
// Refunds (refund.go) follow the cancelled entries of the bookings' ledger. A refund's
// id is event:seq of its entry; its row ensures that it happens exactly once.
//
// Gateways implement the contract in package provider; package sandbox is the gateway
// for rehearsals.
package payment
