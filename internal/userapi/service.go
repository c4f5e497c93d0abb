package userapi

import (
	"context"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// Service is the user service as others may use it. In process it is *user.Service;
// in another process it is a client. Both pass the suite in package usertest. Consumers
// declare only the few methods that they need.
//
// Errors carry a kind and a slug; see Problems. A caller who may not see an account gets
// NotFound for it, and Unauthenticated (sign-in-required) without a session. A wrong
// password is Invalid for the field current_password, and a wrong code is Invalid for
// code. After too many wrong ones even the right one is refused: TooMany
// (too-many-attempts).
type Service interface {
	Sessions
	SignIn
	MailedLinks
	Guests
	Accounts
	TwoFactor
	Directory
}

// Sessions authenticates tokens, and lists and ends sessions.
type Sessions interface {
	// Authenticate returns whose session a token is. It is Unauthenticated
	// (bad-token) if the token is unknown, or its session or account has ended. An
	// end on another node takes effect within a second.
	Authenticate(ctx context.Context, token string) (caller.Caller, error)
	// Sessions lists an account's open sessions, newest first, at most 100. token is
	// the request's own.
	Sessions(ctx context.Context, c caller.Caller, userID, token string) ([]OpenSession, error)
	// EndSessions ends one of an account's sessions by its id or, with "", all
	// except that of the token keep.
	EndSessions(ctx context.Context, c caller.Caller, userID, sessionID, keep string) error
	// Logout ends the session of a token. An unknown token is no error.
	Logout(ctx context.Context, token string) error
}

// SignIn begins sessions of people with a password.
type SignIn interface {
	// Login checks a password, and a code if the account needs one. An unknown account
	// and a wrong password give the same error, Unauthenticated wrong-password, after the
	// same time. A missing code is code-required, a wrong one wrong-code; with
	// Credentials.Steps, proof then stands for name and password in the second step, for
	// five minutes (afterwards proof-over).
	Login(ctx context.Context, cr Credentials) (s Session, proof string, err error)
	// SignUp makes an account of role customer and mails the address how to confirm it.
	// The answer is the same if the address is another account's. Conflict
	// (account-exists): the username is taken.
	SignUp(ctx context.Context, a NewAccount) (Account, error)
	// SignUpAndIn is SignUp with a session, to which a visitor's holds go.
	SignUpAndIn(ctx context.Context, a NewAccount, visitor caller.Caller, agent string) (Session, error)
}

// MailedLinks are the steps that a mailed link leads to. A link that has expired,
// was used or never existed is Invalid (link-over).
type MailedLinks interface {
	// ForgotPassword mails a link for a new password if there is an account with this
	// address. It answers the same, in the same time, if there is none.
	ForgotPassword(ctx context.Context, email string) error
	// ResetPassword sets a new password and ends all sessions.
	ResetPassword(ctx context.Context, token, password string) error
	// Resend mails another link that confirms an account's address. Conflict:
	// already-verified, no-address.
	Resend(ctx context.Context, c caller.Caller, userID string) error
	// VerifyLink tells what can be done with a link that confirms an address, and changes
	// nothing.
	VerifyLink(ctx context.Context, c caller.Caller, token string) (VerifyLink, error)
	// Verify confirms the address of the caller's account. Unauthenticated
	// (sign-in-required): the link is for another account.
	Verify(ctx context.Context, c caller.Caller, token string) (Account, error)
	// VerifyAnew confirms an account's address, gives it a new password and ends its
	// sessions. Unauthenticated (sign-in-required): the account has a second factor, and
	// was moved to the address.
	VerifyAnew(ctx context.Context, token, password string) (Account, error)
}

// Guests buy without a password: a visitor gives a name and an address, and then the
// code that was mailed there.
type Guests interface {
	// EnterVisitor begins a session for somebody of whom nothing is known.
	EnterVisitor(ctx context.Context, agent string) (Session, error)
	// EnterGuest begins a session with a name and an address, and mails a code there.
	EnterGuest(ctx context.Context, name, email, agent string) (Session, error)
	// SetContact gives a visitor's account a name and an address, and mails a code there.
	// Conflict (already-verified): it is no visitor's account any more.
	SetContact(ctx context.Context, c caller.Caller, name, email string) (Account, error)
	// ResendCode mails the code again. Conflict: already-verified, no-address.
	ResendCode(ctx context.Context, c caller.Caller) error
	// VerifyCode takes the code that was mailed to the caller's address, and begins the
	// session to go on with. Holds that would break a limit are Conflict or TooMany.
	VerifyCode(ctx context.Context, c caller.Caller, code, agent string) (Session, error)
	// MailOrderCode mails a code to the owner of an order, and EnterByCode accepts
	// it. Unauthenticated (sign-in-required): the owner has a password.
	MailOrderCode(ctx context.Context, userID string) error
	EnterByCode(ctx context.Context, userID, code, agent string) (Session, error)
}

// Accounts reads, changes and deletes accounts: the caller's own, and for admins any.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (Account, error)
	// Update changes an account. A version other than 0 must be the account's, else it is
	// Precondition (changed-meanwhile). A new address must be verified again; a new
	// password ends all sessions.
	Update(ctx context.Context, c caller.Caller, userID string, version int64, change Change) (Account, error)
	// Delete anonymizes an account and ends its sessions. Owners give their password if
	// they have one. Conflict: has-live-bookings, has-open-events. What requests under way
	// buy or create meanwhile is undone.
	Delete(ctx context.Context, c caller.Caller, userID string, version int64, password string) error
	// Speaks notes the language of a request (see caller.LangFrom) as the caller's:
	// mails are written in it.
	Speaks(ctx context.Context, c caller.Caller) error
	// LiveBookings returns the bookings that keep an account from being deleted:
	// held, or sold for an event that is not over. Gifts do not count.
	LiveBookings(ctx context.Context, c caller.Caller, userID string) ([]bookingapi.Booking, error)
}

// TwoFactor switches the second factor of the caller's own account on and off.
type TwoFactor interface {
	// BeginTwoFactor makes a secret, which counts once a code has confirmed it. Conflict
	// (two-factor-active): it is on already. Forbidden (address-not-verified).
	BeginTwoFactor(ctx context.Context, c caller.Caller, userID, password string) (Secret, error)
	// ConfirmTwoFactor switches the second factor on, and returns ten recovery
	// codes, each for one sign-in without the app. Conflict (no-secret):
	// BeginTwoFactor was not called.
	ConfirmTwoFactor(ctx context.Context, c caller.Caller, userID, code string) ([]string, error)
	// EndTwoFactor switches it off.
	EndTwoFactor(ctx context.Context, c caller.Caller, userID, password, code string) error
}

// Directory is what services and the organizers' pages need to know about people. It
// checks no rights; its callers do.
type Directory interface {
	// People returns names, addresses, languages and mobile numbers by account id.
	// Unknown ids are left out.
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
	// ByEmail returns the ids of the accounts with an e-mail address, verified or
	// not, at most 200; the account that has verified it comes first.
	ByEmail(ctx context.Context, email string) ([]string, error)
	// Exists reports whether an account exists and is not disabled.
	Exists(ctx context.Context, userID string) (bool, error)
	// CorrectAddress gives a guest another address, which is not verified either. What
	// was mailed to the old one to verify it does not count any more; the old address is
	// not told, because it may be a stranger's. The sessions end, so that nothing else is
	// bought whose mails go to the new address. Conflict (already-verified): the account
	// is no guest's, so its owner changes the address alone.
	CorrectAddress(ctx context.Context, userID, email string) error
}
