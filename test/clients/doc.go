// Package clients generates clients from the API's document by four generators and
// lets each of them make a whole purchase against a running node: log in, choose an
// event, hold seats, pay, read the booking and its tickets, log out. The generators
// are ogen and oapi-codegen for Go, and hey-api and orval for TypeScript.
//
// It is a module of its own, so that building the program needs none of them. What
// is generated stays in folders that git ignores.
package clients
