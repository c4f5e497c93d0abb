// Package importer reads events and seating plans from files: pages of the Ticketmaster
// Discovery API (discovery.go), pretix's seating plans (pretix.go) and boxoffice's own
// format (own.go). It checks what it reads and needs no database; the event service
// stores the result (import.go there).
//
// node.go walks a JSON document and remembers the first fault with its path; notes.go
// notes what a lenient import leaves out.
package importer
