// Package rush rehearses an on-sale. It starts a server as a separate process, sends
// thousands of simulated fans to it over HTTP, shows the progress, and then audits the
// database and the ledger.
//
//	run.go      from options to report: prepare, sell, audit
//	server.go   the server as a child process
//	client.go   HTTP, cheap enough to leave the CPU to the server
//	stage.go    the events on sale: the next opens before one is sold out
//	fan.go      what a fan does: look, choose, try, lose, try again, pay
//	viewers.go  fans who only watch, and what they saw when; viewer.go: one of them
//	audit.go    the six promises, checked against the database by independent code
//	hist.go     latencies; view.go: the live view; report.go: the report
package rush
