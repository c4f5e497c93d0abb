package sqldb

import (
	"testing"
	"time"
)

func TestCorrected(t *testing.T) {
	before := time.Unix(1000, 0)
	for _, c := range []struct{ offset, said, took, want time.Duration }{
		{0, 0, 0, 0},
		{0, 3, 10, 0},             // consistent
		{0, 5, 5, 0},              // consistent
		{0, 12, 10, 2},            // ahead by at least 2
		{0, -1, 10, -1},           // behind by at least 1
		{7, 8, 10, 7},             // consistent
		{7, 6, 10, 6},             // ahead by at most 6
		{7, 1000, 10, 990},        // it was set
		{-1000, -500, 10, -510},   // likewise
		{-1000, -2000, 10, -2000}, // likewise, back
	} {
		if got := corrected(c.offset, before, before.Add(c.said), before.Add(c.took)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
