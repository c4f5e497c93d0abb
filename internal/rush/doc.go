// Package rush is the rehearsal of an on-sale. It starts a server as a process
// of its own, sends thousands of simulated fans through it over HTTP, shows how
// it goes, and then audits what is in the database and the ledger.
//
//	run.go      from options to report: prepare, open the doors, audit
//	server.go   the server as a child process
//	client.go   HTTP, cheap enough to leave the machine to the server
//	stage.go    the events on sale: the next opens before one is sold out
//	fan.go      what a fan does: look, choose, try, lose, try again, pay
//	viewers.go  those who only watch, what they saw and when; viewer.go is one of them
//	audit.go    the six promises, from the database, with code of its own
//	hist.go     latencies; view.go the live view; report.go the report
package rush
