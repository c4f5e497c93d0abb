// Package walletapi holds what the wallet service and the pages tell each other: what a
// pass says, and how it is made.
package walletapi

import (
	"context"
	"slices"
	"time"
)

// Order is the content of the passes of a booking, as it is now. Nothing in it depends on
// a reader's language, except Words.
type Order struct {
	BookingID string // begins with the event's id
	Reference string // of the booking, for people
	Holder    string // the holder's name; "": unknown
	Test      bool   // not paid with real money

	Event        string // title
	EventVersion int64
	Organizer    string    // name of the organizer
	Starts       time.Time // in the event's zone; zero: only Date is known, or nothing
	Date         string    // YYYY-MM-DD in the event's zone; "": to be announced
	Venue        string
	Address      string // in one line

	Seats []Seat           // those that admit somebody; none if the booking has no tickets any more
	Words map[string]Words // by language
	Page  string           // address of the page with the tickets; "": unknown
}

// Seat is the ticket for one seat.
type Seat struct {
	Ordinal int32     // in the event's seating plan
	Issue   uint16    // how often the ticket was replaced
	Token   string    // what the code holds; "": only a code that rotates is good
	Rotates *Rotating // the code that rotates; nil: none does
	Section string
	Row     string // "" in a general-admission area
	Number  string // "" in a general-admission area
	Tier    string
}

// Rotating is what a wallet needs to make codes that change with time.
type Rotating struct {
	Token  string        // with which each code begins; the time follows, and a one-time password for it (RFC 6238, SHA-1)
	Secret []byte        // of the passwords
	Period time.Duration // for which a password is good
	Digits int           // of a password
}

// Words are the texts on a pass in one language. Formats have %@ where Apple's Wallet puts
// the new value.
type Words struct {
	Ticket, When, Venue, Address, Section, Row, Seat, Holder, Tier, Reference, Status, Page string // labels

	Unknown             string // instead of a date
	Valid, Void         string // values of Status
	Test                string // the mark of a test
	Terms               string
	NewDate, NewVenue   string // formats
	NewSeat, NewSection string // formats
}

// Seat returns the ticket for a seat; nil: there is none.
func (o *Order) Seat(ordinal int32) *Seat {
	at := slices.IndexFunc(o.Seats, func(s Seat) bool { return s.Ordinal == ordinal })
	if at < 0 {
		return nil
	}
	return &o.Seats[at]
}

// Service makes passes. A wallet that is not set up is not offered.
type Service interface {
	// Offers says for which wallets there are passes.
	Offers() Offers
	// ApplePass makes the .pkpass of an order's seat.
	ApplePass(ctx context.Context, o *Order, seat int32) ([]byte, error)
	// GoogleLink makes the address that adds an order's seat to Google Wallet.
	GoogleLink(o *Order, seat int32) (string, error)
}

// Offers says which wallets are set up.
type Offers struct{ Apple, Google bool }

// PassType is the media type of a .pkpass.
const PassType = "application/vnd.apple.pkpass"
