// Package user is the User Service: accounts, passwords and sessions.
//
//	http.go      sign-up, log-in, log-out, read, change and delete an account
//	service.go   the rules: what an account may be called, who may change it
//	password.go  argon2id, few at a time, and passwords that are too common
//	throttle.go  failed log-ins slow an account down
//	session.go   tokens: stored hashed, trusted for a second, looked up in bulk
//
// A session token is an opaque random value of 128 bits. The table holds its
// SHA-256 only, so that who reads the database cannot sign in as anybody.
package user
