// Package link signs links that open one order without an account, and revokes them.
//
// A link's token is derived from a key and the order's link version, so the orders of a
// whole sale need no rows. A new link raises the version: earlier links are refused at
// once, on every node, since each link is checked against the database.
package link
