// Package user is the User Service: accounts, passwords and sessions.
//
//	http.go      sign-up, log-in, log-out, read, change and delete an account
//	account.go   what an account is, and what it may be called
//	address.go   the one form of an e-mail address, and its key
//	service.go   the rules: who may change what
//	signup.go    how addresses and accounts come together
//	login.go     who comes in, with what they have held as a visitor
//	password.go  argon2id, few at a time, and passwords that are too common
//	throttle.go  failed checks of a secret slow an account down
//	attempt.go   one such check: by the name that was given, and for its account
//	session.go   sessions of accounts; package session keeps them
//	run.go       the background work
//	fans.go      accounts in bulk
//	mail.go      mails that were promised, until they are handed over
//	mailcount.go how often mail may be asked for
//	mailbox.go   codes, and what counts for an address
//	proof.go     what is proved by a mailed link: addresses, new passwords
//	guest.go     guests, and what a code proves
//	adopt.go     bookings that go from one account to another
//	closing.go   how an account is deleted beside purchases of the same moment
//	visitor.go   who holds seats before saying who they are
//	steps.go     log-in in two steps: the password, then a code
//	twofactor.go codes of an authenticator app
//
// A session token is an opaque random value of 128 bits. The table holds its
// SHA-256 only, so that who reads the database cannot sign in as anybody.
package user
