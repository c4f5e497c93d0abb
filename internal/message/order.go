package message

import "time"

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
