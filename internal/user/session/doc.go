// Package session finds out whose session a token is, many tokens at a time, and stores
// the sessions.
//
//	lookup.go   looking up tokens, many in one statement
//	trust.go    how long a node trusts what it knows about a session
//	table.go    starting, listing and ending sessions
//
// A token is an opaque random value of 128 bits. The table holds only its SHA-256, so
// nobody who reads the database can sign in.
//
// A change that ends sessions, or changes what they may do, has two parts: in its
// transaction it calls EndAll or Changed, which other nodes notice within a second;
// afterwards ForgetAll ends the trust of its own node at once, and that of others as
// soon as its signal reaches them.
package session
