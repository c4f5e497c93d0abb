// Package settings holds what operators set by flags and environment variables: the
// flags of a server and of its storage, checks that refuse wrong values before anything
// is opened, and errors that name the wrong flag.
//
//	errors.go   errors with a flag and an exit status
//	storage.go  the choice of database: a folder, or PostgreSQL
//	server.go   the flags of "serve", and their checks
//	address.go  addresses to listen on
package settings
