// Package invoiceapi is the contract of the invoice service: sellers, invoices, credit
// notes, and the errors of its methods.
//
// Amounts are integer minor units; rates are in hundredths of a percent.
package invoiceapi
