// Package userapi holds what others may use of the user service: the types, the
// interface Service, and the suite in package usertest that every implementation of
// it must pass.
//
//	account.go   accounts and changes of them
//	session.go   signing in, sessions, mailed links, two factors
//	service.go   the interface
//
// Times are in UTC.
package userapi
