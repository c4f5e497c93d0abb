package caller

import "context"

// Role is what an account may do at most.
type Role string

// The roles.
const (
	Guest     Role = "guest" // without a password, the e-mail address not verified yet: may hold seats, not pay
	Customer  Role = "customer"
	Organizer Role = "organizer"
	Admin     Role = "admin"

	// Device is a paired device at the door of an event; no account can have it. It may
	// only use the operations of devices.
	Device Role = "device"

	system Role = "system" // of System alone; no account can have it
)

// EmailKey stands for an e-mail address without telling it: a keyed hash of its
// normalized form. The zero value stands for no address.
type EmailKey [16]byte

// Caller is who asks: an account, with what its session allows. The zero value
// is nobody, who may do nothing. Where a second factor is required and missing,
// the session carries a lower role than the account has.
type Caller struct {
	UserID   string
	Role     Role
	Verified bool     // the e-mail address was proved to be theirs
	Email    EmailKey // of their address, verified or not; zero when there is none
}

// System is the caller of our own jobs, and may do everything.
var System = Caller{UserID: "system", Role: system}

// SignedIn reports whether the caller has an account, or is System.
func (c Caller) SignedIn() bool { return c.UserID != "" }

// Visiting reports whether the caller has not shown yet who they are.
func (c Caller) Visiting() bool { return c.Role == Guest }

// IsSystem reports whether our own jobs ask.
func (c Caller) IsSystem() bool { return c.Role == system }

// Administers reports whether the caller may see and change what belongs to
// anybody: an admin's session, or System.
func (c Caller) Administers() bool {
	return c.UserID != "" && (c.Role == Admin || c.Role == system)
}

// Organizes reports whether the caller may have events of their own.
func (c Caller) Organizes() bool {
	return c.Administers() || c.UserID != "" && c.Role == Organizer
}

// MayRead reports whether the caller may see what belongs to owner as their
// customer: bookings, payments, the account. For events and what is sold for
// them see MayOrganize.
func (c Caller) MayRead(owner string) bool {
	return c.Administers() || c.UserID != "" && c.UserID == owner
}

// MayOrganize reports whether the caller may see and change an event of owner,
// and see what was sold for it. Role, second factor (by the session's role) and
// ownership are decided here and nowhere else: somebody who was an organizer
// once, or whose second factor is missing, does not pass.
func (c Caller) MayOrganize(owner string) bool {
	return c.Administers() || c.Organizes() && c.UserID == owner
}

type callerKey struct{}

// With puts the caller into a request's context.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From is the caller of a request.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// ClientKey is the key under which a request's context answers the address of
// the client, as a string: the peer's, or the one that a trusted proxy names.
type ClientKey struct{}

// ClientFrom is the address of the client of a request; "" when it is unknown.
func ClientFrom(ctx context.Context) string {
	addr, _ := ctx.Value(ClientKey{}).(string)
	return addr
}

// TokenKey is the key under which a request's context answers the session token
// that it carried, by header or by cookie, as a string.
type TokenKey struct{}

// TokenFrom is the session token of a request; "" when there is none.
func TokenFrom(ctx context.Context) string {
	token, _ := ctx.Value(TokenKey{}).(string)
	return token
}

// LangKey is the key under which a request's context answers what it says about the
// language of its reader, as a string: see LangFrom.
type LangKey struct{}

// LangFrom is the language of a page's reader, or the value of Accept-Language; "" when
// the request says nothing about it.
func LangFrom(ctx context.Context) string {
	lang, _ := ctx.Value(LangKey{}).(string)
	return lang
}

// Speaking puts the language of a page into its request's context.
func Speaking(ctx context.Context, lang string) context.Context {
	return context.WithValue(ctx, LangKey{}, lang)
}

// Person is whom an account belongs to.
type Person struct {
	Name, Email string
	Lang        string // in which they are written to, one of locale.Languages; "": not known
	Phone       string // mobile number for text messages, in E.164; "": none
}
