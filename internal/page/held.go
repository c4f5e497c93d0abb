package page

import (
	"net/http"
	"strings"
	"time"
)

// Holding is seats that a reader holds and has not paid for.
type Holding struct {
	ID    string // of the booking
	Seats int
	Ends  time.Time
}

// heldLink is the link to held seats in the header of every page.
type heldLink struct {
	Holding
	Now     time.Time
	Minutes int // that are left, rounded up
}

// held returns the reader's hold; nil on the pages that are about it, and on pages
// about internal errors.
func (v *Visit) held() *heldLink {
	if v.site.cfg.Holding == nil || !v.Caller.SignedIn() || v.status >= http.StatusInternalServerError {
		return nil
	}
	h, err := v.site.cfg.Holding(v.Context(), v.Caller)
	if err != nil {
		v.site.cfg.Log.ErrorContext(v.Context(), "held seats for the header", "error", err) // the page works without it
		return nil
	}
	now := v.Now()
	if h == nil || !h.Ends.After(now) || strings.Contains(v.Request.URL.Path, h.ID) {
		return nil
	}
	return &heldLink{*h, now, int((h.Ends.Sub(now) + time.Minute - 1) / time.Minute)}
}
