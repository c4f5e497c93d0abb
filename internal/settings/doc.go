// Package settings is what operators set on the command line or by variables: the
// flags of a server and of its storage, the checks that refuse a wrong value before
// anything is opened, and the errors that name the flag at fault.
//
//	errors.go   errors with the flag and the exit status, and words for them
//	storage.go  which database: a folder, or PostgreSQL
//	server.go   the flags of "serve", and their checks
//	address.go  addresses to listen on
package settings
