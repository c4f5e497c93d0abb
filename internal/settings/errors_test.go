package settings

import (
	"errors"
	"fmt"
	"testing"
)

// An error of a flag names the flag, however it is wrapped.
func TestFlagOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		flag string
	}{
		{nil, ""},
		{errors.New("--data: gone"), ""},
		{Usage("--email or --user is missing"), ""},
		{fmt.Errorf("serve: %w", checkAddr("--addr", "nowhere")), "--addr"},
	} {
		if got := FlagOf(c.err); got != c.flag {
			t.Errorf("%v is about %q, want %q", c.err, got, c.flag)
		}
	}
}
