// Package paymentapi is the contract of the payment service: its types, the
// interface Service and the errors of its methods. Suite paymenttest tests what it
// promises.
//
// Amounts are integer minor units.
package paymentapi
