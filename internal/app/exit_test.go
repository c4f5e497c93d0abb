package app

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// An error of a flag names the flag, also one that comes from the server that has
// carried the command out, or from the rehearsal.
func TestFlagOf(t *testing.T) {
	rush := Rush{}
	rush.Fans, rush.Seats, rush.Nodes, rush.InFlight, rush.Rate = 1, 50, 1, 1, 5
	for _, c := range []struct {
		err  error
		flag string
	}{
		{nil, ""},
		{errors.New("--data: gone"), ""},
		{usage("--email or --user is missing"), ""},
		{fmt.Errorf("serve: %w", checkAddr("--addr", "nowhere")), "--addr"},
		{remote(told{Status: 2, Flag: "--event", Error: "--event: no such event"}), "--event"},
		{rush.Run(t.Context(), io.Discard, io.Discard), "--rate"},
	} {
		if got := FlagOf(c.err); got != c.flag {
			t.Errorf("%v is about %q, want %q", c.err, got, c.flag)
		}
	}
}
