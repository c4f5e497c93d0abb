package codec

import "time"

// OrNil is a time as bodies have it that leave out one that is not known.
func OrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
