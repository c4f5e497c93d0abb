package payment

import (
	"errors"
	"fmt"
)

// Status is the state of a payment.
type Status string

// The states. A payment of which a part was refunded stays captured.
const (
	Pending    Status = "pending"    // the gateway has not said yes yet
	Authorized Status = "authorized" // the money is reserved, the seats are being confirmed
	Captured   Status = "captured"   // paid
	Refunded   Status = "refunded"   // all of it was given back
	Failed     Status = "failed"     // declined, or the capture was
	Voided     Status = "voided"     // given up before any money was taken
)

// Final reports whether no driver has anything to do for it.
func (s Status) Final() bool { return s != Pending && s != Authorized }

// state is what a decision about a payment depends on.
type state struct {
	status   Status
	amount   int64 // minor units
	refunded int64 // minor units
	try      int64 // which of its methods it is at, from 1
	void     bool  // its owner wants it voided
	lost     Status
	// lost is where the payment goes once the booking is taken back: the money
	// cannot be had any more. It is not stored: the gateway says so again.
}

type eventKind uint8

// What can happen to a payment. Those up to noted carry the try that they are
// about, since the method may have been changed meanwhile.
const (
	evBegin      eventKind = iota // the row was just inserted
	evResume                      // somebody takes it up again: after a crash or an unclear answer
	evUnknown                     // the gateway never heard of the charge
	evApproved                    // the gateway has reserved the money
	evDeclined                    // the gateway will not
	evWaiting                     // the gateway has not decided
	evGone                        // the gateway says that the charge was voided before
	evBooked                      // the booking is confirmed
	evRefused                     // the booking is refused for good
	evCaptured                    // the gateway has taken the money
	evUncaptured                  // the gateway will not, for good
	evTakenBack                   // the booking is not booked by this payment any more
	evVoided                      // the gateway has let go of the money
	evWished                      // the owner wants it voided
	evAmended                     // the owner changed the method
	evRefunded                    // a part, or all, was given back
)

var eventNames = [...]string{"begin", "resume", "unknown", "approved", "declined", "waiting", "gone", "booked",
	"refused", "captured", "uncaptured", "taken back", "voided", "wished", "amended", "refunded"}

func (k eventKind) String() string { return eventNames[k] }

// event is something that happened to a payment.
type event struct {
	kind      eventKind
	try       int64  // evUnknown … evGone: of the charge that was asked about
	amount    int64  // evRefunded: minor units
	reason    string // why it was declined, refused, given up
	reference string // evApproved: the gateway's own name of the charge
}

type action uint8

// What a driver is to do next. The last action's outcome is the next event.
const (
	toAuthorize action = iota // reserve the money
	toAsk                     // ask the gateway what it knows
	toExtend                  // let the hold last a little longer
	toWait                    // give the gateway time, then ask
	toConfirm                 // turn the hold into a booking
	toCapture                 // take the money
	toTakeBack                // cancel the booking, as nobody pays for it
	toVoid                    // let go of the money
)

var actionNames = [...]string{"authorize", "ask", "extend", "wait", "confirm", "capture", "take back", "void"}

func (a action) String() string { return actionNames[a] }

// errTooLate refuses a wish of the owner: the payment has gone on.
var errTooLate = errors.New("payment has gone on")

// next is the payment's state machine: what an event makes of a state, and what
// is to be done then. Events may be repeated and come late; what has happened
// already changes nothing. An error means that the event cannot be, or, if it
// is errTooLate, that the owner comes too late.
func next(s state, e event) (state, []action, error) {
	switch {
	case e.kind == evRefunded:
		return refund(s, e)
	case s.status == Pending:
		return nextPending(s, e)
	case s.status == Authorized:
		return nextAuthorized(s, e)
	default:
		return nextFinal(s, e)
	}
}

func nextPending(s state, e event) (state, []action, error) {
	if e.try != s.try && e.kind >= evUnknown && e.kind <= evGone {
		e.kind = evUnknown // what became of an earlier method does not matter
	}
	switch e.kind {
	case evBegin, evUnknown:
		if s.void {
			return s, []action{toVoid}, nil
		}
		return s, []action{toAuthorize}, nil
	case evResume:
		return s, []action{toAsk}, nil
	case evApproved:
		if s.void {
			return s, []action{toVoid}, nil
		}
		s.status = Authorized
		return s, []action{toConfirm}, nil
	case evDeclined:
		s.status = Failed
		return s, nil, nil
	case evWaiting:
		if s.void {
			return s, []action{toVoid}, nil
		}
		return s, []action{toExtend, toWait}, nil
	case evGone, evVoided:
		s.status = Voided
		return s, nil, nil
	case evWished:
		s.void = true
		return s, []action{toVoid}, nil
	case evAmended:
		if s.void {
			return s, nil, errTooLate
		}
		s.try++
		return s, []action{toAuthorize}, nil
	}
	return s, nil, impossible(s, e)
}

// nextAuthorized: until the booking service has answered, nobody knows whether
// the seats are sold; so the answer is waited for even if the payment is to be
// voided, and then the booking is taken back before the money is let go.
func nextAuthorized(s state, e event) (state, []action, error) {
	switch e.kind {
	case evBegin, evUnknown, evApproved:
		if s.lost != "" {
			return s, []action{toTakeBack}, nil
		}
		return s, []action{toConfirm}, nil
	case evResume:
		return s, []action{toAsk}, nil
	case evWaiting:
		return s, []action{toWait}, nil
	case evBooked:
		if s.void {
			return s, []action{toTakeBack}, nil
		}
		return s, []action{toCapture}, nil
	case evRefused:
		return s, []action{toVoid}, nil
	case evCaptured:
		s.status = Captured
		return s, nil, nil
	case evDeclined, evUncaptured:
		s.lost = Failed
		return s, []action{toTakeBack}, nil
	case evGone:
		s.lost = Voided
		return s, []action{toTakeBack}, nil
	case evTakenBack:
		if s.lost != "" {
			s.status, s.lost = s.lost, ""
			return s, nil, nil
		}
		return s, []action{toVoid}, nil
	case evVoided:
		s.status = Voided
		return s, nil, nil
	case evWished:
		s.void = true
		return s, []action{toConfirm}, nil
	case evAmended:
		return s, nil, errTooLate
	}
	return s, nil, impossible(s, e)
}

// nextFinal lets late news pass and compensates what came too late.
func nextFinal(s state, e event) (state, []action, error) {
	paid := s.status == Captured || s.status == Refunded
	switch e.kind {
	case evWished, evAmended:
		return s, nil, errTooLate
	case evApproved:
		if !paid {
			return s, []action{toVoid}, nil
		}
	case evCaptured:
		if !paid {
			return s, nil, impossible(s, e)
		}
	case evVoided, evGone, evUncaptured, evDeclined:
		if paid {
			return s, nil, impossible(s, e)
		}
	}
	return s, nil, nil
}

func refund(s state, e event) (state, []action, error) {
	if s.status != Captured || e.amount <= 0 || e.amount > s.amount-s.refunded {
		return s, nil, impossible(s, e)
	}
	s.refunded += e.amount
	if s.refunded == s.amount {
		s.status = Refunded
	}
	return s, nil, nil
}

func impossible(s state, e event) error {
	return fmt.Errorf("a payment that is %s (%d of %d refunded) cannot be %v", s.status, s.refunded, s.amount, e.kind)
}
