package eventapi

import "time"

// SaleState is the state of an event's sale, as pages show it.
type SaleState string

// The states of a sale.
const (
	SaleDraft               = SaleState(Draft)
	SaleAnnounced SaleState = "announced" // published, and never on sale
	SaleSoon      SaleState = "soon"      // opens later
	SaleOn        SaleState = "onsale"
	SaleSoldOut   SaleState = "soldout"
	SalePaused    SaleState = "paused" // published again after it was on sale
	SaleClosed    SaleState = "closed" // its end has passed
	SaleCancelled           = SaleState(Cancelled)
	SalePast                = SaleState(Past)
)

// SaleAction is what an organizer can do with the sale of an event.
type SaleAction string

// The actions.
const (
	Publish SaleAction = "publish"  // a draft becomes public
	Open    SaleAction = "open"     // on sale, from the set opening time on
	OpenNow SaleAction = "open-now" // on sale at once
	Pause   SaleAction = "pause"    // published, but not for sale for now
	Close   SaleAction = "close"    // the sale ends now
)

// SaleActions returns the actions that make sense now, the likeliest one first.
func (e *Event) SaleActions(now time.Time) []SaleAction {
	switch e.SaleState(now) {
	case SaleDraft:
		return []SaleAction{Publish}
	case SaleAnnounced, SalePaused:
		if e.Opens.After(now) {
			return []SaleAction{Open, OpenNow}
		}
		return []SaleAction{OpenNow}
	case SaleSoon:
		return []SaleAction{OpenNow, Pause}
	case SaleOn, SaleSoldOut:
		return []SaleAction{Pause, Close}
	case SaleClosed:
		return []SaleAction{OpenNow, Pause}
	}
	return nil
}

// Known reports whether the action exists.
func (a SaleAction) Known() bool {
	return a == Publish || a == Open || a == OpenNow || a == Pause || a == Close
}

// At returns the action that has the same effect now: Open becomes OpenNow if no opening
// time is set or it has passed.
func (a SaleAction) At(now time.Time, e *Event) SaleAction {
	if a == Open && !e.Opens.After(now) {
		return OpenNow
	}
	return a
}
