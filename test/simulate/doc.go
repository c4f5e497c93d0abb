// Package simulate is the simulated house: the whole program, wired as app wires
// it, in one process and under virtual time. Random histories of everything that
// users, organizers, admins and the outside world can do go through its HTTP API,
// while nodes are killed, frozen and started again, clients go away, and the
// payment gateway answers late, or never. After each history an independent model,
// which noted what everybody was told, is compared with the house. docs/simulation.md says how to
// run it and how to read what it prints.
//
//	script_test.go      a history as a list of steps, one a line
//	generate_test.go    makes histories of seeds
//	ops_*_test.go       the vocabulary: what each step does
//	model_*_test.go     who was told what; rules that each answer is held against
//	match_test.go       steps that name the version that they have seen
//	end_test.go         what must be true in the end
//	house_test.go       nodes, their life and death
//	driver_test.go      between a node and SQLite: its life hangs on a commit
//	postgres_test.go    the same on PostgreSQL, without a bubble; clock_test.go: its time;
//	                    pulse_test.go: whether the machine is too slow for it
//	address_test.go     one address in several spellings
//	bank_test.go        the payment gateway; post_test.go: the mail server
//	worker_test.go      histories run in processes of their own, which may crash
//	shrink_test.go      makes a failing history shorter
package simulate
