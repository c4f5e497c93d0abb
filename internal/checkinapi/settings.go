package checkinapi

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
	Reentry   Reentry    `json:"reentry"`
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

// Entrance is a way into the venue.
type Entrance struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Sections []string `json:"sections,omitempty"` // ids of the sections whose guests enter here; none: all
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
