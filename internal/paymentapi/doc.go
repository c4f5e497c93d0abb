// Package paymentapi holds the types of the payment service that others may use.
// Amounts are integer minor units.
package paymentapi
