// Package route holds what routes declare of themselves where they are registered:
// the gateway decides by these traits, and knows nobody's path.
package route

// Traits are the facts about a route that the gateway acts on.
type Traits uint16

// The traits. A route has any number of them.
const (
	Entry      Traits = 1 << iota // it checks a secret, makes an account or sends a mail: guessing must be slow, so it has a rate limit of its own
	Visitors                      // clients without a session become visitors here; for them it is an entry
	Holds                         // it takes seats: refused early while the writers are far behind
	Organizers                    // others than organizers are refused before their body is read
	LargeBody                     // the body may bring a seating plan; goes with Organizers
	Shared                        // caches may give its answers to others, if Cache-Control allows it
)

// Has reports whether a route has all of some traits.
func (t Traits) Has(some Traits) bool { return t&some == some }

// All are several traits as one.
func All(list ...Traits) (t Traits) {
	for _, one := range list {
		t |= one
	}
	return t
}
