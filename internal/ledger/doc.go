// Package ledger defines the entries of an event's ledger, their canonical form and
// their hash chain. It knows no database.
//
// Times are microseconds since 1970 UTC; amounts are integer minor units.
package ledger
