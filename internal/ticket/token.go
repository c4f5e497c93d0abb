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
const (
	version1 = 1
	version2 = 2

	bodyLen1 = 1 + keyIDLen + id.PackedLen + 4
	bodyLen2 = bodyLen1 + 4 + 2
	rawLen1  = bodyLen1 + ed25519.SignatureSize
	rawLen2  = bodyLen2 + ed25519.SignatureSize

	tokenLen1 = rawLen1 * 8 / 5
	TokenLen  = (rawLen2*8 + 4) / 5 // characters of a new token
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Reasons for refusing a ticket. Their texts are for staff at a gate.
var (
	ErrMalformed    = errors.New("this is not a ticket of boxoffice")
	ErrUnknownKey   = errors.New("the ticket is signed with a key that is not in the list of keys")
	ErrSignature    = errors.New("the ticket is forged or damaged: its signature is wrong")
	ErrAnotherEvent = errors.New("the ticket is for another event")
)

// Sign makes the token of a ticket. The same ticket and key yield the same token.
func (s Signer) Sign(t Ticket) (string, error) {
	booking, ok := id.Pack(t.BookingID)
	if !ok || t.Seat < 0 || t.PlanVersion < 1 || t.PlanVersion > math.MaxUint32 {
		return "", fmt.Errorf("sign ticket: %q, seat %d of plan version %d: not a booking's seat", t.BookingID, t.Seat, t.PlanVersion)
	}
	now := s.now.Load()
	b := make([]byte, 0, rawLen2)
	b = append(b, version2)
	b = append(b, now.id[:]...)
	b = append(b, booking[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Seat))
	b = binary.BigEndian.AppendUint32(b, uint32(t.PlanVersion))
	b = binary.BigEndian.AppendUint16(b, t.Issue)
	return encoding.EncodeToString(append(b, ed25519.Sign(now.key, b)...)), nil
}

// Verify decodes a token and checks its signature. Given an event, it also refuses
// tickets for other events and returns their content. It works offline, so it cannot
// know whether the booking was cancelled, the seat swapped, or the ticket replaced or
// already used; see List for the first three.
func (k Keys) Verify(token, eventID string) (Ticket, error) {
	b, ok := decode(token)
	if !ok {
		return Ticket{}, ErrMalformed
	}
	body, signature := b[:len(b)-ed25519.SignatureSize], b[len(b)-ed25519.SignatureSize:]
	key, known := k.find(body[1 : 1+keyIDLen])
	if !known {
		return Ticket{}, ErrUnknownKey
	}
	if !ed25519.Verify(key, body, signature) {
		return Ticket{}, ErrSignature
	}
	seat := binary.BigEndian.Uint32(body[bodyLen1-4:])
	if seat > math.MaxInt32 {
		return Ticket{}, ErrMalformed // signed by another program
	}
	t := Ticket{BookingID: id.Unpack([id.PackedLen]byte(body[1+keyIDLen:])), Seat: int32(seat)}
	if body[0] == version2 {
		t.PlanVersion = int64(binary.BigEndian.Uint32(body[bodyLen1:]))
		t.Issue = binary.BigEndian.Uint16(body[bodyLen1+4:])
		if t.PlanVersion == 0 {
			return Ticket{}, ErrMalformed // the same
		}
	}
	if eventID != "" && t.EventID() != eventID {
		return t, ErrAnotherEvent
	}
	return t, nil
}

// decode returns the bytes of a token of a known version. A token has one spelling
// besides lower case: bits to spare are zero, and there are no line ends in it.
func decode(token string) ([]byte, bool) {
	if len(token) != tokenLen1 && len(token) != TokenLen {
		return nil, false
	}
	token = strings.ToUpper(token)
	b, err := encoding.DecodeString(token)
	if err != nil || encoding.EncodeToString(b) != token { // the decoder ignores line ends and bits to spare
		return nil, false
	}
	known := len(b) == rawLen1 && b[0] == version1 || len(b) == rawLen2 && b[0] == version2
	return b, known
}
