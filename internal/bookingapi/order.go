package bookingapi

import (
	"time"

	"boxoffice/internal/caller"
)

// Order is a booking as its owner sees it, with its seats by name.
type Order struct {
	Booking
	Reference  string // short, for people
	Kind       string // Sold, Block, or Complimentary
	Places     []Place
	Held       []Place     // of a booking with OtherSeats: those that it had held
	RefundsEnd time.Time   // UTC; its owner may give seats back until then; zero: no deadline
	Refunds    []BackUntil // what its owner gets back for all seats, from now on until RefundsEnd; while held or booked
}

// Sold is the kind of an order with a price; see Block and Complimentary.
const Sold = "sale"

// Live reports whether the booking's seats are held or sold at the given time.
func (b *Booking) Live(now time.Time) bool {
	return b.Status == Booked || b.Status == Pending && b.ExpiresAt > now.UnixMicro()
}

// Gift reports whether the seats are complimentary.
func (o *Order) Gift() bool { return o.Kind == Complimentary }

// Recipient is the person who gets complimentary seats that belong to no account.
type Recipient struct {
	caller.Person
	MailedAt int64 // µs since 1970, when the link was mailed; 0: not yet, or there is no address
	Turn     int64 // grows whenever the link is to be mailed
}

// Gift is a booking of complimentary seats that belongs to no account. Its link is
// mailed to the recipient.
type Gift struct {
	Booking
	To   Recipient
	Link string // signed path of the order's page
}
