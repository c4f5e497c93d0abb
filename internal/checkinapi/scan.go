package checkinapi

// Kind says what a scan is.
type Kind string

// The kinds of scans.
const (
	In   Kind = "in"
	Out  Kind = "out"
	Undo Kind = "undo" // takes away an earlier scan of the same device
)

// How says how a ticket was read.
type How string

// How tickets are read.
const (
	Camera How = "camera"
	Wedge  How = "wedge"      // a scanner that types
	Search How = "search"     // the guest was found by name or reference
	ByHand How = "correction" // by the organizer
)

// Outcome is what became of a scan.
type Outcome string

// The outcomes.
const (
	Admitted Outcome = "admitted"
	Refused  Outcome = "refused"
	Recorded Outcome = "recorded" // the device has decided alone; see Answer.Scan
)

// Reason says why a scan was admitted or refused.
type Reason string

// The reasons. They are stable, and clients decide on them.
const (
	OK             Reason = "ok"
	AlreadyInside  Reason = "already-inside"
	NoReentry      Reason = "no-reentry" // was inside and has left, and nobody may come back
	NotSold        Reason = "not-sold"   // refunded, swapped or cancelled
	Replaced       Reason = "replaced"   // the code of an older issue
	OtherEvent     Reason = "other-event"
	UnknownKey     Reason = "unknown-key"
	Forged         Reason = "forged"
	MalformedCode  Reason = "malformed"
	WrongEntrance  Reason = "wrong-entrance"
	TooEarly       Reason = "too-early"
	TooLate        Reason = "too-late"
	DeviceRevoked  Reason = "device-revoked"
	NotAllowed     Reason = "not-allowed" // the device lacks the right
	NotInside      Reason = "not-inside"  // of an exit
	NothingToUndo  Reason = "nothing-to-undo"
	AloneIsRefused Reason = "alone"      // the device was alone, and the rules then let nobody in
	StaleCode      Reason = "stale-code" // changes with time, and is not one of now
	NotBound       Reason = "not-bound"  // never changes, where only codes on phones are good
)

// Reasons lists all of them.
var Reasons = []Reason{
	OK, AlreadyInside, NoReentry, NotSold, Replaced, OtherEvent, UnknownKey, Forged, MalformedCode, WrongEntrance,
	TooEarly, TooLate, DeviceRevoked, NotAllowed, NotInside, NothingToUndo, AloneIsRefused, StaleCode, NotBound,
}

// Ref names a scan of an event.
type Ref struct {
	Device  string
	Counter int64 // of the device, from 1
}

// Stamp is a time of a hybrid logical clock. Scans are ordered by (At, N, device, counter).
type Stamp struct {
	At int64 // ms since 1970
	N  int64 // tells apart what happened within the same ms
}

// Scan is one reading of a ticket by a device.
type Scan struct {
	Ref
	Stamp
	Kind      Kind
	Token     string // what was read; "" if BookingID and Seat name the seat, or Of the scan
	BookingID string
	Seat      int32
	Of        Ref // of an undo: what it takes away
	Entrance  string
	How       How

	// Decided is what the device has decided alone, with its reason; "": it asks.
	Decided     Outcome
	Reason      Reason
	OffsetKnown bool // the device knows its offset to the server's time
}

// Spot says where a seat is, for people.
type Spot struct {
	Label, SectionID, Section, Row, Number string
}

// Earlier is an earlier scan that a guest is said about: when and where they came in.
type Earlier struct {
	Ref
	At       int64 // ms since 1970
	Entrance string
	Alone    bool // the device had decided alone
}

// Answer is what became of a scan.
type Answer struct {
	Ref
	Stamp   // which counts from now on: the device's own, or a later one
	Outcome Outcome
	Reason  Reason
	Seat    *Spot // nil: it is not known

	BookingID string // "": the code could not be read
	Ordinal   int32

	First *Earlier // of a copy: the scan that let somebody in before
	Name  string   // of the guest, if the device may see it
	List  string   // of guests, the same; "": none
	Alone bool     // a gate node has decided it without the box office
}

// Correction is a scan that an organizer adds by hand.
type Correction struct {
	BookingID string
	Seat      string // label
	Kind      Kind   // Undo takes away the last scan of the seat that counts
	Reason    string
}

// Visit is what an event's scans say about one seat of a booking.
type Visit struct {
	BookingID string
	Reference string
	Seat      int32
	Spot      Spot
	Name      string // of the guest, if the reader may see it
	List      string // of guests, the same; "": none
	Inside    bool
	In, Out   int64    // ms since 1970: the first time in, the last time out; 0: never
	Entrance  string   // of the first time in
	Double    *Earlier // the scan that came in while somebody was inside; nil: none
}

// Count is a number of guests.
type Count struct {
	ID, Name string
	Inside   int64
	Entered  int64 // seats that were inside at least once
	Tickets  int64 // sold; of sections and lists only
}

// Interval says how many came and went within five minutes.
type Interval struct {
	At      int64 // µs since 1970, its beginning
	In, Out int64
}

// Attendance is who is inside, in numbers.
type Attendance struct {
	EventID   string
	At        int64 // µs since 1970
	Tickets   int64 // seats that are sold
	Inside    int64
	Entered   int64
	Refused   int64 // scans
	Alone     int64 // scans that let somebody in without asking a node
	Untimed   int64 // scans that let somebody in with a code whose time could not be checked
	Doubles   []Visit
	Entrances []Count
	Sections  []Count
	Lists     []Count    // of guests, by name, which is their ID, too
	Pace      []Interval // oldest first
}
