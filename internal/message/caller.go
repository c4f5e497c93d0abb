package message

import "context"

// Role is what an account may do at most.
type Role string

// The roles.
const (
	Guest     Role = "guest" // without a password, the e-mail address not verified yet: may hold seats, not pay
	Customer  Role = "customer"
	Organizer Role = "organizer"
	Admin     Role = "admin"
)

// Caller is who asks. The zero value is somebody who is not signed in.
type Caller struct {
	UserID string
	Role   Role
}

// SignedIn reports whether the caller has an account.
func (c Caller) SignedIn() bool { return c.UserID != "" }

// Visiting reports whether the caller has not shown yet who they are.
func (c Caller) Visiting() bool { return c.Role == Guest }

// MayRead reports whether the caller may see what belongs to owner.
func (c Caller) MayRead(owner string) bool {
	return c.Role == Admin || c.UserID != "" && c.UserID == owner
}

type callerKey struct{}

// WithCaller puts the caller into a request's context.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom is the caller of a request.
func CallerFrom(ctx context.Context) Caller {
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
