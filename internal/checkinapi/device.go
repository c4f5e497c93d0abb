package checkinapi

// DeviceKind says what a device does.
type DeviceKind string

// The kinds of devices.
const (
	Scanner  DeviceKind = ""
	GateNode DeviceKind = "node" // serves the check-in app to other devices: see boxoffice gate-node
)

// PairingRequest asks for a code with which one device can be paired.
type PairingRequest struct {
	EventID    string
	Kind       DeviceKind
	Name       string // of the device, for people: "Door 2, left"
	Entrance   string // id; "": any, as the device says with each scan
	Names      bool   // the device may search guests and sees their names
	ValidFrom  int64  // µs since 1970; 0: at once
	ValidUntil int64  // 0: until a day after the event has begun
}

// Pairing is a code with which one device can be paired, once.
type Pairing struct {
	Code      string
	URL       string // opens the check-in app, and pairs the device that opens it
	ExpiresAt int64
}

// Device is a paired device.
type Device struct {
	ID         string
	EventID    string
	Kind       DeviceKind
	Name       string
	Entrance   string // id; "": any
	Names      bool
	ValidFrom  int64 // µs since 1970
	ValidUntil int64
	PairedAt   int64
	PairedBy   string // account that made the pairing code
	SeenAt     int64  // when it asked last, to the minute
	RevokedAt  int64  // 0: it is not revoked
	Scans      int64  // how many scans of it are recorded
	Invalid    int64  // how many of them were of codes that are no tickets: many are guesses
}
