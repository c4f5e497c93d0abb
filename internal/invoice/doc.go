// Package invoice is the invoice service: it keeps the details of sellers, and issues
// invoices for payments and credit notes for refunds.
//
//	seller.go    details of sellers: checks, versions
//	buyer.go     whom invoices are to name, until they are issued
//	due.go       which documents payments call for, and what they say
//	issue.go     gives documents their numbers, in one transaction with their rows
//	taken.go     consumes the messages about payments and refunds
//	read.go      documents for their readers
//	settle.go    what an event has sold, by the journal of payments
//	store.go     the tables
//	http.go      the operations of the API
//	paper        the documents as PDFs
//
// Nothing of this is on the way of a purchase. Messages say that payments were captured or
// money went back; then, and when somebody asks for a booking's documents, those that its
// payment calls for and that are not there yet are issued. The payment's history is the
// truth, so messages may be late, repeated or missing. A seller without details gets no
// documents, and once the details are known, earlier bookings get theirs when somebody
// asks.
//
// The numbers of a seller and year have no gaps: a document is inserted in the transaction
// that moves the seller's counter, under the lock of the counter's row.
package invoice
