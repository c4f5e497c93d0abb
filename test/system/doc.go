// Package system tests the program as its users meet it: the built binary, as a
// process of its own, over HTTP, on a database in a temporary folder.
package system
