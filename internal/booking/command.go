package booking

import (
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/ledger"
)

// action is what a command asks for.
type action uint8

const (
	doHold    action = iota // take seats for a while
	doSwap                  // take these seats instead of those of a hold
	doExtend                // let a hold last longer, once
	doConfirm               // money is authorized: the seats are sold
	doCancel                // give up a hold, or give back sold seats
	doExpire                // end a hold that has lapsed
	doSetSale               // the event's sale has changed
	doGrant                 // the organizer takes seats out of the sale, for good
	doAdopt                 // a hold goes to another account
)

var actionNames = [...]string{"hold", "swap", "extend", "confirm", "cancel", "expire", "set_sale", "grant", "adopt"}

func (a action) String() string { return actionNames[a] }

// command asks an event's writer for a change. All commands may be submitted
// again with the same values when their outcome is unclear.
type command struct {
	do        action
	eventID   string
	bookingID string
	caller    caller.Caller // caller.System for our own jobs

	// hold, swap: either chosen seats, or how many of which
	seats    []int32
	quantity int
	section  int // index in the plan, or -1
	tier     int // index in the prices, or -1

	// plan and prices in which seats, section and tier were looked up; the
	// decision refuses others with errLookAgain
	at priceKey

	version int64 // swap, cancel: the booking's Seq that the caller has seen; 0: any

	fingerprint []byte // hold: of the request's body, when it has a key

	payment  string // confirm; cancel: only if this payment booked it, or nothing has
	amount   int64  // confirm
	currency string // confirm
	started  int64  // confirm: when the payment began, µs since 1970; 0: unknown
	unpaid   bool   // cancel: no money was taken, so none goes back
	unsold   bool   // cancel: only if it is not booked

	sale *bookingapi.Sale // set sale; not changed by deciding

	grant string          // grant: bookingapi.Block or bookingapi.Complimentary
	heir  string          // grant, adopt: the account that gets the seats; "" for none
	from  string          // adopt: the account that has them
	email caller.EmailKey // adopt: of the heir's verified address
}

// effect is one change of an event's state. It becomes one ledger entry, except
// for noEntry: whose a booking is stands in no ledger.
type effect struct {
	kind     ledger.Kind
	booking  string
	seats    []int32
	until    int64
	amount   int64
	currency string

	made    *record          // held, swapped, noEntry: the booking as it is from now on
	payment string           // booked
	sale    *bookingapi.Sale // sale
}

// answer is what a command comes to: the booking it is about, or a refusal.
type answer struct {
	booking string
	err     error
}

// noEntry is the kind of effects that only change whose a booking is.
const noEntry ledger.Kind = ""
