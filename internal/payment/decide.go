package payment

import (
	"errors"
	"fmt"

	"boxoffice/internal/paymentapi"
)

// state is what a decision about a payment depends on.
type state struct {
	status   paymentapi.Status
	amount   int64 // minor units
	refunded int64 // minor units
	try      int64 // which of its methods it is at, from 1
	void     bool  // a program of an earlier version has noted that its owner wants it voided
	// end is the status in which a payment ends that was given up, Failed or Voided; ""
	// for one that was not. A payment that was given up never becomes captured.
	end paymentapi.Status
}

type eventKind uint8

// What can happen to a payment. Those from evUnknown to evGone carry the try that
// they are about, since the method may have been changed meanwhile.
const (
	evBegin      eventKind = iota // the row was just inserted
	evResume                      // somebody takes it up again: after a crash or an unclear answer
	evUnknown                     // the gateway never heard of the charge
	evApproved                    // the gateway has reserved the money
	evDeclined                    // the gateway will not
	evWaiting                     // the gateway has not decided
	evGone                        // the gateway says that the charge was voided before
	evBooked                      // the booking is confirmed
	evRefused                     // the booking is refused; asked again later, it might not be
	evBarred                      // the booking is refused for ever, or is to be left alone
	evCaptured                    // the gateway has taken the money
	evUncaptured                  // the gateway will not, for good
	evTakenBack                   // the booking is not booked by this payment, and never will be
	evVoided                      // the gateway has let go of the money
	evReturned                    // the gateway has given all of it back
	evCosts                       // the booking costs something else; the gateway was asked for nothing yet
	evWished                      // the owner wants it voided, or it took too long
	evAmended                     // the owner changed the method
	evRefunded                    // a part, or all, was given back for a cancelled booking
)

var eventNames = [...]string{"begin", "resume", "unknown", "approved", "declined", "waiting", "gone", "booked",
	"refused", "barred", "captured", "uncaptured", "taken back", "voided", "returned", "costs", "wished", "amended", "refunded"}

func (k eventKind) String() string { return eventNames[k] }

// event is something that happened to a payment.
type event struct {
	kind      eventKind
	try       int64  // evUnknown … evGone: of the charge that was asked about
	amount    int64  // evCosts, evRefunded: minor units
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
	toTakeBack                // cancel the booking, and see to it that it stays so
	toVoid                    // let go of the money
	toReturn                  // give the money back
)

var actionNames = [...]string{"authorize", "ask", "extend", "wait", "confirm", "capture", "take back", "void", "return"}

func (a action) String() string { return actionNames[a] }

// errTooLate refuses a wish of the owner: the payment has gone on.
var errTooLate = errors.New("payment has gone on")

// next is the payment's state machine: what an event makes of a state, and what
// is to be done then. Events may be repeated and come late; what has happened
// already changes nothing. An error means that the event cannot be, or, if it
// is errTooLate, that the owner comes too late.
func next(s state, e event) (state, []action, error) {
	if e.try != s.try && e.kind >= evUnknown && e.kind <= evGone {
		e.kind = evUnknown // what became of an earlier method does not matter
	}
	switch {
	case e.kind == evRefunded:
		return refund(s, e)
	case e.kind == evAmended && s.status != paymentapi.Pending:
		return s, nil, errTooLate
	case s.status == paymentapi.Pending:
		return nextPending(s, e)
	case s.status == paymentapi.Authorized:
		return nextAuthorized(s, e)
	case s.status.Unwinding():
		return nextUnwinding(s, e)
	default:
		return nextFinal(s, e)
	}
}

// giveUp makes a payment undo what was done, beginning with the given step, and
// end as Failed or Voided.
func giveUp(s state, step, end paymentapi.Status) (state, []action, error) {
	s.status, s.end = step, end
	return s, undo(s), nil
}

// undo is what is to be done for a payment that was given up.
func undo(s state) []action {
	switch s.status {
	case paymentapi.TakingBack:
		return []action{toTakeBack}
	case paymentapi.Voiding:
		return []action{toVoid}
	}
	return []action{toReturn}
}

// nextPending: nobody has asked for a confirmation yet, so the hold is left as it
// is when the payment is given up.
func nextPending(s state, e event) (state, []action, error) {
	switch {
	case s.void && e.kind == evAmended:
		return s, nil, errTooLate
	case s.void && e.kind != evDeclined && e.kind != evGone && e.kind != evCaptured:
		e.kind = evWished
	}
	switch e.kind {
	case evBegin, evUnknown:
		return s, []action{toAuthorize}, nil
	case evResume:
		return s, []action{toAsk}, nil
	case evApproved:
		s.status = paymentapi.Authorized
		return s, []action{toConfirm}, nil
	case evDeclined:
		s.status = paymentapi.Failed
		return s, nil, nil
	case evWaiting:
		return s, []action{toExtend, toWait}, nil
	case evGone:
		s.status = paymentapi.Voided
		return s, nil, nil
	case evWished:
		return giveUp(s, paymentapi.Voiding, paymentapi.Voided)
	case evCaptured: // nobody has asked for it
		return giveUp(s, paymentapi.Returning, paymentapi.Voided)
	case evAmended:
		s.try++
		return s, []action{toAuthorize}, nil
	}
	return s, nil, impossible(s, e)
}

// nextAuthorized: as long as a confirmation may be on its way, giving up begins
// with the booking.
func nextAuthorized(s state, e event) (state, []action, error) {
	if s.void && e.kind != evCaptured {
		e.kind = evWished
	}
	switch e.kind {
	case evBegin, evUnknown, evApproved:
		return s, []action{toConfirm}, nil
	case evResume:
		return s, []action{toAsk}, nil
	case evWaiting:
		return s, []action{toWait}, nil
	case evCosts:
		if e.amount < 0 {
			return s, nil, impossible(s, e)
		}
		s.amount = e.amount
		return s, []action{toConfirm}, nil
	case evBooked:
		return s, []action{toCapture}, nil
	case evCaptured:
		s.status = paymentapi.Captured
		return s, nil, nil
	case evBarred:
		return giveUp(s, paymentapi.Voiding, paymentapi.Voided)
	case evDeclined, evUncaptured:
		return giveUp(s, paymentapi.TakingBack, paymentapi.Failed)
	case evRefused, evGone, evVoided, evWished:
		return giveUp(s, paymentapi.TakingBack, paymentapi.Voided)
	}
	return s, nil, impossible(s, e)
}

// nextUnwinding goes on undoing. What a driver hears that has not known of it is
// one thing more to be undone.
func nextUnwinding(s state, e event) (state, []action, error) {
	switch {
	case e.kind == evBooked && s.status != paymentapi.TakingBack:
		s.status = paymentapi.TakingBack
	case e.kind == evTakenBack && s.status == paymentapi.TakingBack:
		s.status = paymentapi.Voiding
	case e.kind == evCaptured && s.status == paymentapi.Voiding:
		s.status = paymentapi.Returning
	case e.kind == evVoided && s.status != paymentapi.TakingBack:
		s.status = s.end
		return s, nil, nil
	case e.kind == evReturned && s.status == paymentapi.Returning:
		s.status, s.refunded = paymentapi.Refunded, s.amount
		return s, nil, nil
	}
	return s, undo(s), nil
}

// nextFinal lets late news pass and undoes what came too late.
func nextFinal(s state, e event) (state, []action, error) {
	given := s.end != "" || s.status == paymentapi.Failed || s.status == paymentapi.Voided // up
	end := s.end
	if end == "" {
		end = s.status
	}
	switch e.kind {
	case evWished:
		return s, nil, errTooLate
	case evApproved:
		if given && s.status != paymentapi.Refunded {
			return giveUp(s, paymentapi.Voiding, end)
		}
	case evBooked:
		if given {
			return giveUp(s, paymentapi.TakingBack, end)
		}
	case evCaptured:
		if given && s.status != paymentapi.Refunded {
			return giveUp(s, paymentapi.Returning, end)
		}
	case evVoided, evGone, evUncaptured, evDeclined, evReturned:
		if !given {
			return s, nil, impossible(s, e)
		}
	}
	return s, nil, nil
}

func refund(s state, e event) (state, []action, error) {
	if s.status != paymentapi.Captured || e.amount <= 0 || e.amount > s.amount-s.refunded {
		return s, nil, impossible(s, e)
	}
	s.refunded += e.amount
	if s.refunded == s.amount {
		s.status = paymentapi.Refunded
	}
	return s, nil, nil
}

func impossible(s state, e event) error {
	return fmt.Errorf("a payment that is %s (%d of %d refunded) cannot be %v", s.status, s.refunded, s.amount, e.kind)
}
