package eventapi

import (
	"time"

	"boxoffice/internal/codec"
)

// Topic is the topic of the messages about events; their key is the event's id. They are
// ordered.
const Topic = "events"

// Types of messages about events.
const (
	TypeChanged = "changed" // a ChangedMessage
	TypeSettled = "settled" // a SettledMessage
)

// ChangedMessage offers a new state of an event's sale to the booking side, which accepts
// or refuses it. States are complete: a later one makes up for earlier ones.
type ChangedMessage struct {
	Version int64     `json:"version"` // of the event
	Sale    codec.Raw `json:"sale"`    // a bookingapi.Sale
}

// SettledMessage says how an event differs from what was told last, once the booking side
// has accepted the change. Changes that it refused are never told.
type SettledMessage struct {
	Version int64  `json:"version"` // of the event
	Before  *Facts `json:"before,omitempty"`
	After   Facts  `json:"after"`
}

// Settled is a change of an event, and when the booking side accepted it.
type Settled struct {
	EventID string
	At      time.Time
	SettledMessage
}

// Facts are what people who have seats must know of an event.
type Facts struct {
	Title     string `json:"title"`
	Status    Status `json:"status"`
	Announced bool   `json:"announced"`           // it has been public
	StartsAt  int64  `json:"starts_at,omitempty"` // µs since 1970; 0: not known
	Date      string `json:"date,omitempty"`      // YYYY-MM-DD in its time zone; "": not known
	EndsAt    int64  `json:"ends_at,omitempty"`   // µs since 1970, with EndDate alone the end of that day; 0: not known
	EndDate   string `json:"end_date,omitempty"`  // YYYY-MM-DD in its time zone; "": not known
	TimeZone  string `json:"time_zone"`           // IANA name
	Venue     string `json:"venue"`               // its name
	Address   string `json:"address,omitempty"`
	City      string `json:"city,omitempty"`
	Country   string `json:"country,omitempty"` // ISO 3166-1 alpha-2
}
