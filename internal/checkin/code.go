package checkin

import (
	"encoding/hex"
	"errors"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ticket"
)

// code is what a scan says about a seat, before anybody is asked whether it is true.
type code struct {
	place    place
	issue    uint16
	found    bool              // the seat was named without a code
	wrong    checkinapi.Reason // ""; or what is wrong with it
	shown    ticket.Code       // what was read
	unproved bool              // the password of a wallet is wrong
	untimed  bool              // it changes with time, which this node cannot check
}

// readCode reads the code of a scan for an event. It takes some 60 µs for each signature. A
// signer without keys cannot prove codes of wallets.
func readCode(keys ticket.Keys, signer ticket.Signer, s *checkinapi.Scan, eventID string) code {
	switch {
	case s.Kind == checkinapi.Undo && s.BookingID == "":
		return code{}
	case s.Token == "":
		if id.Event(s.BookingID) != eventID {
			return code{wrong: checkinapi.OtherEvent, found: true}
		}
		if _, ok := id.Pack(s.BookingID); !ok { // it has the form of an id, and none was ever made so
			return code{wrong: checkinapi.MalformedCode, found: true}
		}
		return code{place: place{s.BookingID, s.Seat}, found: true}
	}
	t, err := keys.Verify(s.Token, eventID)
	if err != nil {
		return code{wrong: wrongCode(err)}
	}
	c := code{place: place{t.BookingID, t.Seat}, issue: t.Issue, shown: t, untimed: t.Kind != ticket.Fixed && !t.Timed}
	if t.Kind == ticket.InWallet && signer.IsZero() {
		c.untimed = true
	} else {
		c.unproved = !signer.IsZero() && !signer.Proves(&t)
	}
	return c
}

// wrongCode says what is wrong with a code, by the error of its verification.
func wrongCode(err error) checkinapi.Reason {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ticket.ErrAnotherEvent):
		return checkinapi.OtherEvent
	case errors.Is(err, ticket.ErrUnknownKey):
		return checkinapi.UnknownKey
	case errors.Is(err, ticket.ErrSignature):
		return checkinapi.Forged
	}
	return checkinapi.MalformedCode
}

// firstDigest is the digest of a ticket's first issue, in hexadecimal.
func firstDigest(p place, planVersion int64) (string, error) {
	d, err := ticket.Ticket{BookingID: p.booking, Seat: p.seat, PlanVersion: planVersion}.Digest()
	return hex.EncodeToString(d[:]), err
}
