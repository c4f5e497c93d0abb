package payment

import (
	"fmt"
	"testing"
)

// Bookings that were tried lately are remembered, through a change of
// generations too, and memory stays bounded.
func TestTried(t *testing.T) {
	var s tried
	if s.before("a") || !s.before("a") {
		t.Error("the first time is not before, the second is")
	}
	for i := range triedMost - 1 {
		if s.before(fmt.Sprint(i)) {
			t.Fatal(i)
		}
	}
	if s.before("b") || !s.before("a") || !s.before("b") {
		t.Error("forgotten with a new generation")
	}
	for i := range 5 * triedMost {
		s.before(fmt.Sprint(-i))
	}
	if len(s.recent)+len(s.older) > 2*triedMost || s.before("b") {
		t.Errorf("%d are remembered", len(s.recent)+len(s.older))
	}
}
