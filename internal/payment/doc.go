// Package payment is the Payment Service: money for bookings, from "pay" to
// "captured", and back when a booking is cancelled.
//
// A payment is a row that moves along a small state machine (decide.go, pure):
//
//	pending → authorized → captured → refunded
//	  │  └→ failed   └→ taking_back ┐
//	  └→ voiding ←──────────────────┘
//	        ├→ voided, failed
//	        └→ returning → refunded
//
// A payment that is given up says so in its row before anything is undone: see
// Status. POST /payments (http.go) checks the booking and inserts a pending row
// (service.go), or an authorized one if the gateway need not be asked (Sure). A
// driver, one goroutine a payment that outlives the request (drive.go), then
// alternates: perform an action (ask the gateway to authorize, the booking
// service to confirm, the gateway to capture), hand what happened to the state
// machine, persist the new state by compare-and-set, and so on until the state is
// final. Nothing is locked while a gateway or the booking service works. Every call
// out carries values and idempotency keys that depend on the row alone, so that it
// can be made again by anybody: after an unclear answer by the same driver, after a
// crash by recover.go.
//
// All writes, of all payments, go through one queue (store.go) that commits
// whatever waits as one transaction.
//
// Refunds (refund.go) follow the cancelled entries of the bookings' ledger. The
// id of a refund is event:seq of its entry; its row is what makes it happen
// exactly once.
package payment
