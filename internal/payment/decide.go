package payment

import (
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/paymentapi"
)

// state is everything that a decision about a payment depends on.
type state struct {
	status   paymentapi.Status
	amount   int64 // minor units
	refunded int64 // minor units
	try      int64 // number of its current method, from 1
	void     bool  // set by earlier versions when the owner wants it voided
	// end is the final status of a payment that was given up, Failed or Voided; ""
	// if it was not given up. A payment that was given up never becomes captured.
	end paymentapi.Status
	// disputed is what the gateway has withdrawn because the buyer disputes the payment,
	// in minor units; dispute is how far that is; disputes has each dispute: see disputeList.
	disputed int64
	dispute  string
	disputes string
	// elsewhere is the part of refunded that people gave back on the gateway's own pages.
	elsewhere int64
	// excess is what the gateway has taken beyond amount; below 0, what it has taken less.
	// excessBack is what of it is settled: given back or, below 0, not given back with a refund.
	excess, excessBack int64
	// declines is how many methods were declined on the gateway's own page, and earlier how
	// many of them before the current method was chosen.
	declines, earlier int64
}

// held is what of the money was not given back, whether or not it is withdrawn.
func (s *state) held() int64 { return s.amount - s.refunded + s.excess - s.excessBack }

type eventKind uint8

// Events of a payment. Those from evUnknown to evGone carry the try that they
// concern, because the method may have changed since.
const (
	evBegin          eventKind = iota // the row was just inserted
	evResume                          // somebody takes it up again: after a crash or an unclear answer
	evUnknown                         // the gateway never heard of the charge
	evApproved                        // the gateway has reserved the money
	evDeclined                        // the gateway has refused
	evWaiting                         // the gateway has not decided yet
	evExpiring                        // the gateway has reserved the money, but not for long enough to take it any more
	evGone                            // the gateway says that the charge was voided before
	evBooked                          // the booking is confirmed
	evRefused                         // the booking is refused; asked again later, it might not be
	evBarred                          // the booking is refused for good, or must be left alone
	evCaptured                        // the gateway has taken the money
	evUncaptured                      // the gateway has refused for good
	evTakenBack                       // the booking is not booked by this payment, and never will be
	evVoided                          // the gateway has released the money
	evReturned                        // the gateway has returned all of it
	evCosts                           // the booking costs something else; the gateway was asked for nothing yet
	evWished                          // the owner wants it voided, or it took too long
	evAmended                         // the owner changed the method
	evRefunded                        // a part, or all, went back: for cancelled seats, or because the organizer gave it back
	evRefundFailed                    // a refund that had been made has failed: the money is back with us
	evTakenOtherwise                  // the gateway has taken another amount; that is heard of after the capture
	evExcessBack                      // so much in all of the excess was given back
	evElsewhere                       // so much in all was given back on the gateway's own pages
	evDisputed                        // the buyer disputes a part, or all, of what was captured
	evDisputeWon                      // the gateway has decided for us
	evDisputeLost                     // the gateway has decided for the buyer
)

var eventNames = [...]string{"begin", "resume", "unknown", "approved", "declined", "waiting", "expiring", "gone", "booked",
	"refused", "barred", "captured", "uncaptured", "taken back", "voided", "returned", "costs", "wished", "amended", "refunded",
	"refund_failed", "taken_otherwise", "excess_returned", "refunded_elsewhere", "disputed", "dispute_won", "dispute_lost"}

func (k eventKind) String() string { return eventNames[k] }

// event is something that happened to a payment.
type event struct {
	kind      eventKind
	try       int64  // evUnknown … evGone: of the charge that was asked about
	amount    int64  // evCosts, evRefunded, evRefundFailed, evExcessBack, evElsewhere, disputes: minor units
	excess    int64  // evCaptured, evTakenOtherwise: see state
	short     int64  // evRefunded, evRefundFailed: the part of amount that was never taken, and did not go back
	reason    string // why it was declined, refused, given up
	reference string // evApproved, evWaiting: the gateway's reference of the charge
	approve   string // evWaiting: URL at which the buyer approves it; "": they need not
	key       string // evRefunded, evRefundFailed, evExcessBack: the refund's id; disputes, evElsewhere: the gateway's name of it
	fees, tax int64  // evCosts: the parts of amount, minor units
	declines  int64  // evUnknown … evGone: how many methods were declined on the gateway's own page, by the current one
	due       int64  // evDisputed: until when evidence counts, µs since 1970; 0: not known
}

// captureMargin is how long before the end of an authorization a payment is given up that
// could not be completed: confirming the booking and taking the money may take a while.
const captureMargin = 5 * time.Minute

// standingOf is what it means to a payment that the gateway has reserved its money until a
// time; zero: it does not say, and then the money lasts for longer than any payment waits.
func standingOf(captureBefore time.Time, now int64) eventKind {
	if !captureBefore.IsZero() && captureBefore.UnixMicro()-now < captureMargin.Microseconds() {
		return evExpiring
	}
	return evApproved
}

type action uint8

// Actions of a driver. The outcome of the last action is the next event.
const (
	toAuthorize action = iota // reserve the money
	toAsk                     // ask the gateway what it knows
	toExtend                  // let the hold last a little longer
	toWait                    // give the gateway time, then ask
	toConfirm                 // turn the hold into a booking
	toCapture                 // take the money
	toTakeBack                // cancel the booking, and make sure that it stays cancelled
	toVoid                    // release the money
	toReturn                  // return the money
)

var actionNames = [...]string{"authorize", "ask", "extend", "wait", "confirm", "capture", "take back", "void", "return"}

func (a action) String() string { return actionNames[a] }

// errTooLate refuses a change by the owner: the payment has moved on. errTooMany refuses
// one more method.
var (
	errTooLate = errors.New("payment has gone on")
	errTooMany = errors.New("payment has had too many methods")
)

// next is the payment's state machine: it returns the state after an event, and the
// actions to take then. Events may be repeated and arrive late; what has already
// happened changes nothing. An error means that the event is impossible or, if it is
// errTooLate or errTooMany, that the owner's change is refused.
func next(s state, e event) (state, []action, error) {
	if e.try != s.try && e.kind >= evUnknown && e.kind <= evGone {
		e.kind, e.declines = evUnknown, 0 // what became of an earlier method does not matter
	}
	switch {
	case e.kind == evRefunded:
		return refund(s, e)
	case e.kind == evRefundFailed:
		return nextRefundFailed(s, e)
	case e.kind == evTakenOtherwise, e.kind == evExcessBack:
		return nextExcess(s, e)
	case e.kind == evElsewhere:
		return nextElsewhere(s, e)
	case e.kind >= evDisputed:
		return nextDispute(s, e)
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

// giveUp makes a payment undo what was done, starting with the given step, and end
// as Failed or Voided.
func giveUp(s state, step, end paymentapi.Status) (state, []action, error) {
	s.status, s.end = step, end
	return s, undo(s), nil
}

// undo returns the actions for a payment that was given up.
func undo(s state) []action {
	switch s.status {
	case paymentapi.TakingBack:
		return []action{toTakeBack}
	case paymentapi.Voiding:
		return []action{toVoid}
	}
	return []action{toReturn}
}

// nextPending handles pending payments. No confirmation was requested yet, so giving
// up leaves the hold as it is.
func nextPending(s state, e event) (state, []action, error) {
	s.declines = max(s.declines, s.earlier+e.declines)
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
		if s.try-1+s.declines >= paymentapi.MaxMethods { // so many cards are no buyer's
			return giveUp(s, paymentapi.Voiding, paymentapi.Voided)
		}
		return s, []action{toExtend, toWait}, nil
	case evGone:
		s.status = paymentapi.Voided
		return s, nil, nil
	case evWished, evExpiring:
		return giveUp(s, paymentapi.Voiding, paymentapi.Voided)
	case evCaptured: // no capture was requested
		s.excess = e.excess
		return giveUp(s, paymentapi.Returning, paymentapi.Voided)
	case evAmended:
		if s.try+s.declines >= paymentapi.MaxMethods {
			return s, nil, errTooMany
		}
		s.try++
		s.earlier = s.declines
		return s, []action{toAuthorize}, nil
	}
	return s, nil, impossible(s, e)
}

// nextAuthorized handles authorized payments. A confirmation may be under way, so
// giving up begins with the booking.
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
		s.status, s.excess = paymentapi.Captured, e.excess
		return s, nil, nil
	case evBarred:
		return giveUp(s, paymentapi.Voiding, paymentapi.Voided)
	case evDeclined, evUncaptured:
		return giveUp(s, paymentapi.TakingBack, paymentapi.Failed)
	case evRefused, evExpiring, evGone, evVoided, evWished:
		return giveUp(s, paymentapi.TakingBack, paymentapi.Voided)
	}
	return s, nil, impossible(s, e)
}

// nextUnwinding continues undoing. An outcome from a driver that did not know of it
// is one more thing to undo.
func nextUnwinding(s state, e event) (state, []action, error) {
	switch {
	case e.kind == evBooked && s.status != paymentapi.TakingBack:
		s.status = paymentapi.TakingBack
	case e.kind == evTakenBack && s.status == paymentapi.TakingBack:
		s.status = paymentapi.Voiding
	case e.kind == evCaptured && s.status == paymentapi.Voiding:
		s.status, s.excess = paymentapi.Returning, e.excess
	case e.kind == evVoided && s.status != paymentapi.TakingBack:
		s.status = s.end
		return s, nil, nil
	case e.kind == evReturned && s.status == paymentapi.Returning:
		s.status, s.refunded = paymentapi.Refunded, s.amount
		return s, nil, nil
	}
	return s, undo(s), nil
}

// nextFinal ignores late events, and undoes what happened too late.
func nextFinal(s state, e event) (state, []action, error) {
	given := s.end != "" || s.status == paymentapi.Failed || s.status == paymentapi.Voided // it was given up
	end := s.end
	if end == "" {
		end = s.status
	}
	switch e.kind {
	case evWished:
		return s, nil, errTooLate
	case evApproved, evExpiring:
		if given && s.status != paymentapi.Refunded {
			return giveUp(s, paymentapi.Voiding, end)
		}
	case evBooked:
		if given {
			return giveUp(s, paymentapi.TakingBack, end)
		}
	case evCaptured:
		if given && s.status != paymentapi.Refunded {
			s.excess = e.excess
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
	if s.status != paymentapi.Captured || e.amount <= 0 || e.amount > s.amount-s.refunded || e.amount-e.short > s.held() ||
		e.short != 0 && (s.excess >= 0 || e.short < 0 || e.short > e.amount || s.excessBack-e.short < s.excess) {
		return s, nil, impossible(s, e)
	}
	s.refunded, s.excessBack = s.refunded+e.amount, s.excessBack-e.short
	if s.refunded == s.amount {
		s.status = paymentapi.Refunded
	}
	return s, nil, nil
}

// nextRefundFailed takes back that money went back. What was given up goes on returning it.
func nextRefundFailed(s state, e event) (state, []action, error) {
	switch {
	case s.status == paymentapi.Refunded && s.end != "":
		s.status, s.refunded = paymentapi.Returning, 0
		return s, undo(s), nil
	case s.status != paymentapi.Captured && s.status != paymentapi.Refunded || s.end != "" || e.amount <= 0 || e.amount > s.refunded-s.elsewhere,
		e.short != 0 && (s.excess >= 0 || e.short < 0 || e.short > e.amount || s.excessBack+e.short > 0):
		return s, nil, impossible(s, e)
	}
	s.status, s.refunded, s.excessBack = paymentapi.Captured, s.refunded-e.amount, s.excessBack+e.short
	return s, nil, nil
}

// nextExcess takes over that another amount was taken, once, and what of it is back.
func nextExcess(s state, e event) (state, []action, error) {
	switch {
	case s.status != paymentapi.Captured && s.status != paymentapi.Refunded || s.end != "":
		return s, nil, impossible(s, e)
	case e.kind == evTakenOtherwise && s.excess == 0:
		if s.held()+e.excess < 0 {
			return s, nil, impossible(s, e)
		}
		s.excess = e.excess
	case e.kind == evExcessBack && (e.amount < 0 || e.amount > max(s.excess, 0)):
		return s, nil, impossible(s, e)
	case e.kind == evExcessBack && s.excess > 0:
		s.excessBack = e.amount
	}
	return s, nil, nil
}

// nextElsewhere takes over what was given back on the gateway's own pages in all.
func nextElsewhere(s state, e event) (state, []action, error) {
	refunded := s.refunded - s.elsewhere + e.amount
	if s.status != paymentapi.Captured && s.status != paymentapi.Refunded || s.end != "" || e.amount < 0 || refunded > s.amount || s.held()+s.refunded < refunded {
		return s, nil, impossible(s, e)
	}
	if s.elsewhere == e.amount {
		return s, nil, nil
	}
	s.status, s.refunded, s.elsewhere = paymentapi.Captured, refunded, e.amount
	if refunded == s.amount {
		s.status = paymentapi.Refunded
	}
	return s, nil, nil
}

func impossible(s state, e event) error {
	return fmt.Errorf("a payment that is %s (%d of %d refunded) cannot be %v", s.status, s.refunded, s.amount, e.kind)
}
