// Package route holds what operations and pages declare about themselves where they
// are registered. The gateway acts on these traits and knows no paths of services.
package route

import "github.com/danielgtaylor/huma/v2"

// Traits are the facts about a route that the gateway acts on. Without any, a route
// takes a small body and gives a private answer.
type Traits uint16

// The traits. A route has any number of them.
const (
	// Entry routes sign in or up, check a secret or send a mail. They are cheap to
	// ask and expensive to answer, and attackers use them for guessing, so they have
	// a strict rate limit of their own.
	Entry Traits = 1 << iota
	// Visitors turn clients without a session into visitors; for those, Entry's
	// limit applies.
	Visitors
	// Holds take new seats: refused early while the writers are far behind.
	Holds
	// Organizers refuses everybody else before the body is read.
	Organizers
	// LargeBody allows a body with a seating plan. It goes with Organizers.
	LargeBody
	// LongNumbers keeps a JSON body from being searched for card numbers: it may
	// hold long numbers of its own.
	LongNumbers
	// Shared allows caches to give the answer to others, if its own Cache-Control
	// says so. All other answers are private, whatever their handlers say.
	Shared
	// Open routes need no session: signing up, logging in. It does not matter
	// whether the session that a client sends along has ended.
	Open
	// Optional routes need no session either, but may answer a signed-in client more.
	Optional
	// Stream answers for as long as the client stays.
	Stream
	// Probe routes are answered without looking at the session.
	Probe
	// Uncounted routes have no rate limit.
	Uncounted
	// Apart counts requests by address, apart from all others: clients that share an
	// address with a load balancer must not use up its quota.
	Apart
	// Device routes are for paired devices at a door. Their token is checked before the
	// body is read; sessions do not count.
	Device
	// Bulk allows a body with many items. It goes with Device.
	Bulk
)

// Has reports whether a route has all of the given traits.
func (t Traits) Has(some Traits) bool { return t&some == some }

// All combines traits.
func All(list ...Traits) (t Traits) {
	for _, one := range list {
		t |= one
	}
	return t
}

const key = "traits"

// Meta returns the Metadata of an operation with these traits.
func Meta(list ...Traits) map[string]any { return map[string]any{key: All(list...)} }

// Of returns the traits that an operation declares.
func Of(op *huma.Operation) Traits {
	t, _ := op.Metadata[key].(Traits)
	return t
}
