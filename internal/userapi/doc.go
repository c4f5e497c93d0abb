// Package userapi is the contract of the user service: its types, the interface Service,
// and, in package usertest, the suite that every implementation must pass.
//
//	account.go   accounts and changes of them
//	session.go   signing in, sessions, mailed links, two factors
//	service.go   the interface
//
// Times are in UTC.
package userapi
