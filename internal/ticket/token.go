package ticket

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"boxoffice/internal/id"
)

// Ticket is the content of a token.
type Ticket struct {
	BookingID   string // begins with the event's id
	Seat        int32  // ordinal in the event's seating plan
	PlanVersion int64  // of the plan that the ordinal belongs to; 0: unknown, in tokens of version 1
	Issue       uint16 // 0 for the first ticket of a seat, grows when it is replaced
}

// EventID returns the event that the ticket is for.
func (t Ticket) EventID() string { return id.Event(t.BookingID) }

// A token is, in bytes: version 2, key id 4, booking id 22 (the first 10 are the
// event's id), seat 4, plan version 4, issue 2 (all big endian), signature 64 over all
// before it. 101 bytes are 162 characters of base 32, whose last two bits are zero.
// Upper-case base 32 is what a QR code packs at 5.5 bits a character: with error
// correction M it needs version 7 (45 × 45 modules), base64url would need version 8.
//
// Version 1 had neither plan version nor issue: 95 bytes, 152 characters, QR version 6.
// Such tokens are still accepted, as issue 0.
//
// Versions 3 and 4 are no codes by themselves, but the office's part of one that changes
// with time: see Code.
const (
	version1      = 1
	version2      = 2
	versionPhone  = 3 // followed by the phone's key
	versionWallet = 4 // as version 2

	bodyLen1 = 1 + keyIDLen + id.PackedLen + 4
	bodyLen2 = bodyLen1 + 4 + 2
	rawLen1  = bodyLen1 + ed25519.SignatureSize
	rawLen2  = bodyLen2 + ed25519.SignatureSize

	tokenLen1 = rawLen1 * 8 / 5
	TokenLen  = (rawLen2*8 + 4) / 5 // characters of a token that is a code
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Reasons for refusing a ticket. Their texts are for staff at a gate.
var (
	ErrMalformed    = errors.New("this is not a ticket of boxoffice")
	ErrUnknownKey   = errors.New("the ticket is signed with a key that is not in the list of keys")
	ErrSignature    = errors.New("the ticket is forged or damaged: its signature is wrong")
	ErrAnotherEvent = errors.New("the ticket is for another event")
	ErrStale        = errors.New("the code is not one of now: it is a copy, or the clock of the phone is wrong")
)

// Sign makes the code of a ticket that is printed, or shown as it is: it stays the same. The
// same ticket and key yield the same code.
func (s Signer) Sign(t Ticket) (string, error) { return s.now.Load().sign(version2, t, nil) }

// sign makes the token of a version; more is what its body ends with.
func (k *signingKey) sign(version byte, t Ticket, more []byte) (string, error) {
	booking, ok := id.Pack(t.BookingID)
	if !ok || t.Seat < 0 || t.PlanVersion < 1 || t.PlanVersion > math.MaxUint32 {
		return "", fmt.Errorf("sign ticket: %q, seat %d of plan version %d: not a booking's seat", t.BookingID, t.Seat, t.PlanVersion)
	}
	b := make([]byte, 0, rawLen2+len(more))
	b = append(b, version)
	b = append(b, k.id[:]...)
	b = append(b, booking[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Seat))
	b = binary.BigEndian.AppendUint32(b, uint32(t.PlanVersion))
	b = binary.BigEndian.AppendUint16(b, t.Issue)
	b = append(b, more...)
	return encoding.EncodeToString(append(b, ed25519.Sign(k.key, b)...)), nil
}

// Verify reads a code and checks the signatures in it. Given an event, it also refuses
// tickets for other events and returns their content. It works offline, so it cannot
// know whether the booking was cancelled, the seat swapped, or the ticket replaced or
// already used (see List for the first three), nor whether a code that changes with time
// is one of now: see Code.Fresh, and Signer.Proves for codes in a wallet.
func (k Keys) Verify(code, eventID string) (Code, error) {
	s, ok := split(code)
	if !ok {
		return Code{}, ErrMalformed
	}
	key, known := k.find(s.body[1 : 1+keyIDLen])
	if !known {
		return Code{}, ErrUnknownKey
	}
	if !ed25519.Verify(key, s.body, s.signature) {
		return Code{}, ErrSignature
	}
	c, ok := s.content()
	if !ok {
		return Code{}, ErrMalformed // signed by another program
	}
	if c.Kind == OnPhone && !ed25519.Verify(c.Phone[:], s.message(), s.phones) {
		return Code{}, ErrSignature
	}
	if eventID != "" && c.EventID() != eventID {
		return c, ErrAnotherEvent
	}
	return c, nil
}

// unpack returns the bytes of a text in base 32. It has one spelling besides lower case:
// bits to spare are zero, and there are no line ends in it.
func unpack(text string) ([]byte, bool) {
	text = strings.ToUpper(text)
	b, err := encoding.DecodeString(text)
	return b, err == nil && encoding.EncodeToString(b) == text // the decoder ignores line ends and bits to spare
}
