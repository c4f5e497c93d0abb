package bookingapi

import (
	"time"

	"boxoffice/internal/caller"
)

// Order is a booking as its owner sees it: its seats by name.
type Order struct {
	Booking
	Reference  string // short, for people
	Kind       string // Sold, Block, or Complimentary
	Places     []Place
	RefundsEnd time.Time // until then its owner may give seats back, UTC; zero: without an end
}

// Sold is the kind of an order that somebody pays for; see Block and Complimentary.
const Sold = "sale"

// Live reports whether an order has its seats at a time: held or sold.
func (o *Order) Live(now time.Time) bool {
	return o.Status == Booked || o.Status == Pending && o.ExpiresAt > now.UnixMicro()
}

// Gift reports whether its owner got the seats for nothing.
func (o *Order) Gift() bool { return o.Kind == Complimentary }

// Recipient is the person whom a gift without an account is for.
type Recipient struct {
	caller.Person
	MailedAt int64 // µs since 1970, when the link was mailed; 0: not yet, or there is no address
}

// Gift is a booking of complimentary seats without an account, whose link is to be
// mailed.
type Gift struct {
	Booking
	To   Recipient
	Link string // signed path of the order's page
}
