// Package user is the User Service: accounts, passwords and sessions.
//
//	http.go      the API: sign up, log in and out, read, change and delete an account
//	account.go   what an account is, and which names it may have
//	address.go   the normal form of an e-mail address, and its key
//	service.go   the rules: who may change what
//	signup.go    how addresses come to belong to accounts
//	login.go     logging in, and taking over what a visitor has held
//	password.go  argon2id, a few at a time, and common passwords
//	throttle.go  failed checks of a secret slow down further attempts
//	attempt.go   one such check, counted by name and by account
//	session.go   sessions of accounts; package session stores them
//	run.go       the background work
//	fans.go      creating accounts in bulk
//	lang.go      the language in which people are written to
//	phone.go     the mobile number to which text messages go
//	mail.go      mails that were promised, until the Notification Service has them
//	mailcount.go limits for requesting mail
//	mailbox.go   codes, and the counts of each address
//	proof.go     mailed links: verifying addresses, new passwords
//	guest.go     guests, and verifying their address by a code
//	adopt.go     moving bookings from one account to another
//	closing.go   deleting an account while purchases are under way
//	visitor.go   people who hold seats before they give a name
//	steps.go     log-in in two steps: the password, then a code
//	twofactor.go codes of an authenticator app
//
// A session token is an opaque random value of 128 bits. The table holds only its
// SHA-256, so nobody who reads the database can sign in.
package user
