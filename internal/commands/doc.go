// Package commands holds the commands of the command line that are neither "serve" nor
// "rush": their flags, what they check, do and print. Each has a method Run; package app
// gives it the Office.
//
//	office.go   what commands need of the ticket office
//	import.go   import
//	admin.go    admin create, admin reset-two-factor
//	ticket.go   ticket verify, ticket keys
//	ledger.go   verify, ledger export
//	openapi.go  openapi
//	bus.go      bus dead list, show, replay, drop
//	reconcile.go  reconcile
//	fans.go     the accounts of a rehearsal
//
// A command that writes is carried out where the database is (package admin): its Do
// then runs in the server.
package commands
