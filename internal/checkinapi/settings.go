package checkinapi

import "cmp"

// Limits of what organizers and devices send.
const (
	MaxEntrances = 100
	MaxName      = 80  // characters of the name of an entrance or a device
	MaxReason    = 300 // characters of the reason of a correction or a re-issue
	MaxScans     = 500 // of one request
)

// MainEntrance is the id of the entrance that an event has without settings.
const MainEntrance = "main"

// Settings are the rules of an event's door.
type Settings struct {
	EventID   string     `json:"-"`
	Version   int64      `json:"-"` // 0: the organizer has set nothing, and the defaults apply
	Entrances []Entrance `json:"entrances"`
	Reentry   Reentry    `json:"reentry"`             // this, and the times: where an entrance has none of its own
	OpensAt   int64      `json:"opens_at,omitempty"`  // µs since 1970; 0: nobody is too early
	ClosesAt  int64      `json:"closes_at,omitempty"` // 0: nobody is too late
	Alone     Alone      `json:"alone"`
	Names     bool       `json:"names"` // devices may be paired that see the names of guests
	Codes     Codes      `json:"codes"`
	Paper     bool       `json:"paper"` // with rotating codes: whether tickets are good that no phone shows; always with fixed ones
}

// Codes says how tickets are shown.
type Codes string

// The ways in which tickets are shown.
const (
	CodesFixed    Codes = "fixed"    // a code stays the same until it is replaced
	CodesRotating Codes = "rotating" // tickets can be bound to phones, which make a new code every few seconds
)

// Rotates reports whether tickets can be bound to phones.
func (s *Settings) Rotates() bool { return s.Codes == CodesRotating }

// Entrance is a way into the venue. Where it has no rule of its own, that of the event holds;
// see Settings.At.
type Entrance struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Sections []string `json:"sections,omitempty"`  // ids of the sections whose guests enter here; none: all
	Reentry  Reentry  `json:"reentry,omitempty"`   // "": the event's
	OpensAt  int64    `json:"opens_at,omitempty"`  // µs since 1970; 0: the event's
	ClosesAt int64    `json:"closes_at,omitempty"` // 0: the event's
}

// Reentry says whether somebody who has left may come back.
type Reentry string

// The rules of re-entry.
const (
	ReentryNever     Reentry = "never"      // one visit for each seat
	ReentryAfterExit Reentry = "after-exit" // once the exit was scanned
	ReentryAlways    Reentry = "always"     // exits are not scanned; no second scan is refused
)

// Alone says what a device does that cannot reach a node.
type Alone string

// What a device does alone.
const (
	AloneAdmit  Alone = "admit"  // it decides by its list and the scans that it knows, and marks them
	AloneRefuse Alone = "refuse" // it lets nobody in
)

// Defaults are the settings of an event whose organizer has set nothing.
func Defaults(eventID string) Settings {
	return Settings{EventID: eventID, Entrances: []Entrance{{ID: MainEntrance, Name: "Main entrance"}}, Reentry: ReentryAfterExit, Alone: AloneAdmit, Codes: CodesFixed, Paper: true}
}

// Entrance returns the entrance with an id.
func (s *Settings) Entrance(id string) (Entrance, bool) {
	for _, e := range s.Entrances {
		if e.ID == id {
			return e, true
		}
	}
	return Entrance{}, false
}

// At returns an entrance with the rules that hold there: its own, else the event's. Where
// there is no such entrance, as for corrections by hand, all rules are the event's.
func (s *Settings) At(id string) Entrance {
	e, _ := s.Entrance(id)
	e.ID = id
	e.Reentry, e.OpensAt, e.ClosesAt = cmp.Or(e.Reentry, s.Reentry), cmp.Or(e.OpensAt, s.OpensAt), cmp.Or(e.ClosesAt, s.ClosesAt)
	return e
}
