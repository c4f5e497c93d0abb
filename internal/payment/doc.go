// Package payment is the payment service: money for bookings, from "pay" to
// "captured", and back when a booking is cancelled. It implements paymentapi.Service.
//
// A payment is a row that moves through a small state machine (decide.go, pure):
//
//	pending → authorized → captured → refunded
//	  │  └→ failed   └→ taking_back ┐
//	  └→ voiding ←──────────────────┘
//	        ├→ voided, failed
//	        └→ returning → refunded
//
// Giving a payment up is written in its row before anything is undone: see
// paymentapi.Status. POST /payments (http.go) checks the booking and inserts a pending
// row (service.go), or an authorized one if the gateway need not be asked
// (provider.Sure). A driver, one goroutine for each payment, which outlives the request
// (drive.go), then alternates: it performs an action (asks the gateway to authorize,
// the booking service to confirm, the gateway to capture), passes the outcome to the
// state machine, writes the new state by compare-and-set, and so on until the state is
// final. No lock is held while a gateway or the booking service works. Every call out
// carries values and idempotency keys that depend on the row alone, so anybody can
// repeat it: the same driver after an unclear answer, recover.go after a crash.
//
// All writes, of all payments, go through one queue (store.go) that commits whatever
// waits as one transaction.
//
// Refunds (refund.go) follow the cancelled entries of the bookings' ledger. The id of a
// refund is event:seq of its entry; its row makes it happen exactly once.
//
// Gateways implement the contract in provider; sandbox is the one for rehearsals.
package payment
