// Package patience says how long tests wait for what must come about: so long that a
// machine which is busy with other things is no reason to fail. Tests that pass do not get
// slower by it.
package patience

import (
	"context"
	"testing"
	"time"
)

// Long is how long a test waits for anything before it fails.
const Long = 5 * time.Minute

// Until waits until something is so, and ends the test if that does not come about.
func Until(t testing.TB, what string, is func() bool) {
	t.Helper()
	pause := time.Millisecond
	for end := time.Now().Add(Long); !is(); time.Sleep(pause) {
		if time.Now().After(end) {
			t.Fatalf("it does not come about in %v: %s", Long, what)
		}
		pause = min(pause+time.Millisecond, 20*time.Millisecond)
	}
}

// Context is a context that ends when a test has waited long enough.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Long)
	t.Cleanup(cancel)
	return ctx
}
