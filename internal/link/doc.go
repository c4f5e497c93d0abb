// Package link signs the links that open one order without an account, and
// revokes them.
//
// A link's token is derived from a key and from the order's link version, so
// that the orders of a whole sale need no rows. A new link raises the version:
// the links before it are refused at once, on every node, since each one is
// checked against the database.
package link
