package userapi

import (
	"time"

	"boxoffice/internal/caller"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Name     string // e-mail address or username
	Password string
	Code     string // of the authenticator app, or a recovery code; "" when there is none
	Agent    string // the client program, for the list of sessions

	Visitor caller.Caller // the caller until now; a visitor's holds go to the account

	Steps bool   // ask for a missing code in a second step
	Proof string // from the first step, in place of Name and Password
}

// Session is a session that has just begun.
type Session struct {
	Token     string
	Ends      time.Time
	Account   Account
	Role      caller.Role // what the session may do; customer while TwoFactor is Required
	TwoFactor string      // "", TwoFactorActive or TwoFactorRequired
}

// The states of an account's second factor in a session.
const (
	TwoFactorActive   = "active"
	TwoFactorRequired = "required" // the account's role needs a second factor that is not on yet
)

// OpenSession is a session as the account's owner sees it.
type OpenSession struct {
	ID              string // names the session; it tells nothing of the token
	Agent           string // the client program, as it named itself
	CreatedAt, Ends time.Time
	Current         bool // it is the session of the request
}

// VerifyLink describes a mailed link that verifies an address.
type VerifyLink struct {
	Valid bool
	Mine  bool // it is for the caller's account
	Done  bool // the caller's address is verified already
}

// Secret is what an authenticator app needs to know.
type Secret struct {
	Secret string // base 32
	URI    string // otpauth://, for a QR code
}
