package eventapi

import "time"

// SaleAction is a step that an organizer takes with the sale of an event.
type SaleAction string

// The actions.
const (
	Publish SaleAction = "publish"  // a draft becomes public
	Open    SaleAction = "open"     // on sale, from the set opening time on
	OpenNow SaleAction = "open-now" // on sale at once
	Pause   SaleAction = "pause"    // published, not for sale for the moment
	Close   SaleAction = "close"    // the sale ends now
)

// SaleActions are the actions that make sense at a time, the likeliest one first.
func (e *Event) SaleActions(now time.Time) []SaleAction {
	switch e.SaleState(now) {
	case "draft":
		return []SaleAction{Publish}
	case "announced", "paused":
		if e.Opens.After(now) {
			return []SaleAction{Open, OpenNow}
		}
		return []SaleAction{OpenNow}
	case "soon":
		return []SaleAction{OpenNow, Pause}
	case "onsale", "soldout":
		return []SaleAction{Pause, Close}
	case "closed":
		return []SaleAction{OpenNow, Pause}
	}
	return nil
}

// Known reports whether there is such an action.
func (a SaleAction) Known() bool {
	return a == Publish || a == Open || a == OpenNow || a == Pause || a == Close
}

// At is the action as it works at a time: opening as scheduled is opening at once if
// no opening time is set, or it has come meanwhile.
func (a SaleAction) At(now time.Time, e *Event) SaleAction {
	if a == Open && !e.Opens.After(now) {
		return OpenNow
	}
	return a
}
