// Package reconcile compares what a payment gateway says it did on a day with the
// payments and with the journal. It explains every line of the gateway's list, and
// reports what it cannot explain. It reads no table and asks no gateway: the caller
// brings both as streams (Sources).
//
//	run.go      the comparison as a stream: sort, group by booking, judge
//	judge.go    judges one booking; pure
//	refunds.go  what it says of money that went back
//	match.go    pairs the movements of two sides; pure
//	findings.go what can be wrong, and the report
//	sort.go     sorts more than fits into memory
//
// The gateway's lines and the journal's postings of the day come in any order. They are
// sorted by booking, on disk if there are many, and then merged with the payments' rows,
// which are read by their keys, some hundred bookings at a time. So memory does not grow
// with the day.
//
// Two clocks and a crash lie between the moment at which a gateway captures and the one
// at which the payment's row says so. Both sides are therefore read for some time around
// the day; only what happened on the day is reported. A booking that does not add up is
// judged again with a week around the day before anything is reported of it.
package reconcile
