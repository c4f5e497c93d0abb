// Package session answers whose session a token is, many tokens at a time, and keeps
// the table of sessions.
//
//	lookup.go   tokens are looked up, many in one statement
//	trust.go    how long a node trusts what it knows of a session
//	table.go    sessions begin, are listed and end
//
// A token is an opaque random value of 128 bits. The table holds its SHA-256 only, so
// that nobody who reads the database can sign in.
//
// A change that ends sessions, or what they may do, has two parts: in its transaction
// it calls EndAll or Changed, which other nodes hear of within a second; after it,
// ForgetAll ends the trust of its own node at once.
package session
