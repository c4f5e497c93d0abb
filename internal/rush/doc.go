// Package rush rehearses an on-sale, and an evening at the doors. It starts a server as a
// separate process, sends thousands of simulated fans to it over HTTP, shows the progress, and
// then audits the database and the ledger.
//
//	run.go      from options to report: prepare, sell, audit
//	server.go   the server as a child process
//	client.go   HTTP, cheap enough to leave the CPU to the server
//	stage.go    the events on sale: the next opens before one is sold out
//	fan.go      what a fan does: look, choose, try, lose, try again, pay
//	viewers.go  fans who only watch, and what they saw when; viewer.go: one of them
//	audit.go    the six promises, checked against the database by independent code
//	door.go     the same for the door: options, and the order of things; doorreport.go
//	hall.go     an event tonight, all sold; a flood of scans; coldsync.go: a new device
//	gate.go     a device at a door, as the check-in app behaves; link.go: its network
//	evening.go  guests, copies, refunds; partitions, restarts and wrong clocks
//	dooraudit.go  the promises of the door
//	hist.go     latencies; view.go: the live view; report.go: the report
package rush
