package userapi

import (
	"time"

	"boxoffice/internal/caller"
)

// Account is an account as its owner sees it.
type Account struct {
	ID       string
	Email    string // where mail goes; "" for visitors, and for accounts made in bulk
	Username string // "" when there is none
	Name     string
	Phone    string // mobile number for text messages, in E.164; "" when there is none
	Role     caller.Role
	Verified bool // Email was verified as the account's

	HasPassword bool // false for guests and visitors
	TwoFactor   bool // signing in needs a code of an authenticator app
	Guest       bool // the account began as a visitor's or a guest's
	Disabled    bool // nobody can sign in

	CreatedAt time.Time
	Version   int64 // grows with each change
}

// NewAccount is what somebody gives to sign up.
type NewAccount struct {
	Email    string
	Username string // optional
	Name     string
	Password string
}

// Change lists changes of an account; nil fields stay as they are.
type Change struct {
	Email, Username, Name, Password *string
	Phone                           *string      // as people write it; "" removes it
	CurrentPassword                 string       // owners give it for a new e-mail address or password
	Code                            string       // owners with a second factor give it for a new e-mail address
	Role                            *caller.Role // changed by admins, of others
	Disabled                        *bool        // changed by admins, of others
}

// FanDomain ends the addresses of accounts that a rehearsal makes; nobody can have it (RFC
// 2606).
const FanDomain = "@rehearsal.invalid"

// Fan is an account with a live session.
type Fan struct {
	UserID string
	Token  string
}
