package sqldb

import (
	"testing"
	"time"
)

func TestCorrected(t *testing.T) {
	before := time.Unix(1000, 0)
	for _, c := range []struct{ offset, said, took, want time.Duration }{
		{0, 0, 0, 0},
		{0, 3, 10, 0},             // as may be
		{0, 5, 5, 0},              // as may be
		{0, 12, 10, 2},            // it is ahead by 2 at least
		{0, -1, 10, -1},           // it is behind by 1 at least
		{7, 8, 10, 7},             // as may be
		{7, 6, 10, 6},             // it is ahead by 6 at most
		{7, 1000, 10, 990},        // it was set
		{-1000, -500, 10, -510},   // likewise
		{-1000, -2000, 10, -2000}, // likewise, back
	} {
		if got := corrected(c.offset, before, before.Add(c.said), before.Add(c.took)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
