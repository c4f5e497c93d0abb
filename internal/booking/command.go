package booking

import (
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/ledger"
)

// action is what a command asks for.
type action uint8

const (
	doHold     action = iota // hold seats for a few minutes
	doSwap                   // hold these seats instead of those of a hold
	doExtend                 // prolong a hold, once
	doConfirm                // the payment is authorized: the seats are sold
	doCancel                 // release a hold, or give back sold seats
	doExpire                 // end an expired hold
	doSetSale                // the event's sale has changed
	doGrant                  // the organizer takes seats out of the sale, for good
	doAdopt                  // a booking moves to another account
	doGiveBack               // money goes back while the seats stay
	doReseat                 // a sold booking moves to other seats
)

var actionNames = [...]string{"hold", "swap", "extend", "confirm", "cancel", "expire", "set_sale", "grant", "adopt", "give_back", "reseat"}

func (a action) String() string { return actionNames[a] }

// command asks an event's writer for a change. All commands may be submitted
// again with the same values when their outcome is unclear.
type command struct {
	do        action
	eventID   string
	bookingID string
	caller    caller.Caller // caller.System for our own jobs

	// hold, swap: either named seats, or how many of which section and tier; reseat: named seats
	seats    []int32
	quantity int
	section  int // index in the plan, or -1
	tier     int // index in the prices, or -1

	// plan and prices in which seats, section and tier were looked up; if the event
	// has others, the command is refused with errLookAgain
	at priceKey

	version int64 // swap, cancel, give back, reseat: Seq of the booking that the caller has seen; 0: any

	fingerprint []byte // hold: of the request's body, if the request has a key

	payment  string // confirm; cancel: only if this payment booked it, or none has
	amount   int64  // confirm; give back: what goes back
	currency string // confirm
	started  int64  // confirm: when the payment began, µs since 1970; 0: unknown
	others   bool   // confirm: see bookingapi.Confirm.Alternatives
	unpaid   bool   // cancel: no money was taken, so nothing is refunded
	unsold   bool   // cancel: only if it is not booked
	refund   *int64 // cancel: refused unless this goes back, in minor units; nil: any amount. give back: what is left before

	organizing *organizing // cancel, give back, reseat: for the event's organizer; nil: for the owner

	sale *bookingapi.Sale // set sale; decide does not change it

	grant string          // grant: bookingapi.Block or bookingapi.Complimentary
	heir  string          // grant, adopt: the account that gets the seats; "" for none
	from  string          // adopt: the account that has them now
	email caller.EmailKey // adopt: of the heir's verified address
}

// effect is one change of an event's state. It becomes one ledger entry, except for
// noEntry: the ledger does not record who owns a booking.
type effect struct {
	kind     ledger.Kind
	booking  string
	seats    []int32
	until    int64
	amount   int64
	currency string

	unpaid     bool    // cancelled: no money was taken
	from       []int32 // swapped: the seats of a sold booking before it moved
	reason, by string  // cancelled, swapped: why the organizer did it, and whose account that is

	made    *record          // held, swapped, noEntry: the booking afterwards; a swapped one that is booked has moved
	payment string           // booked
	late    bookingapi.Late  // booked: after the hold had ended
	sale    *bookingapi.Sale // sale
}

// answer is the outcome of a command: the id of its booking, or a refusal.
type answer struct {
	booking string
	err     error
}

// noEntry is the kind of effects that only change who owns a booking.
const noEntry ledger.Kind = ""
