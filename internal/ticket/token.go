package ticket

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"boxoffice/internal/id"
)

// Ticket is the content of a token.
type Ticket struct {
	BookingID string // begins with the event's id
	Seat      int32  // ordinal in the event's seating plan
}

// EventID returns the event that the ticket is for.
func (t Ticket) EventID() string { return id.Event(t.BookingID) }

// A token is, in bytes: version 1, key id 4, booking id 22 (the first 10 are the
// event's id), seat 4 (big endian), signature 64 over all before it. 95 bytes are
// 152 characters of base 32 without a bit to spare. Upper-case base 32 is what a
// QR code packs at 5.5 bits a character: with error correction M it needs version
// 6 (41 × 41 modules), base64url would need version 8 (49 × 49).
const (
	version  = 1
	bodyLen  = 1 + keyIDLen + id.PackedLen + 4
	rawLen   = bodyLen + ed25519.SignatureSize
	TokenLen = rawLen * 8 / 5 // characters
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
	if !ok || t.Seat < 0 {
		return "", fmt.Errorf("sign ticket: %q, seat %d: not a booking's seat", t.BookingID, t.Seat)
	}
	now := s.now.Load()
	b := make([]byte, 0, rawLen)
	b = append(b, version)
	b = append(b, now.id[:]...)
	b = append(b, booking[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Seat))
	return encoding.EncodeToString(append(b, ed25519.Sign(now.key, b)...)), nil
}

// Verify decodes a token and checks its signature. Given an event, it also refuses
// tickets for other events and returns their content. It works offline, so it cannot
// know whether the booking was cancelled, the seat swapped, or the ticket already
// used.
func (k Keys) Verify(token, eventID string) (Ticket, error) {
	if len(token) != TokenLen {
		return Ticket{}, ErrMalformed
	}
	b, err := encoding.DecodeString(strings.ToUpper(token))
	if err != nil || len(b) != rawLen || b[0] != version { // the decoder ignores line ends
		return Ticket{}, ErrMalformed
	}
	body, signature := b[:bodyLen], b[bodyLen:]
	key, known := k.find(body[1 : 1+keyIDLen])
	if !known {
		return Ticket{}, ErrUnknownKey
	}
	if !ed25519.Verify(key, body, signature) {
		return Ticket{}, ErrSignature
	}
	seat := binary.BigEndian.Uint32(body[bodyLen-4:])
	if seat > 1<<31-1 {
		return Ticket{}, ErrMalformed // signed by another program
	}
	t := Ticket{BookingID: id.Unpack([id.PackedLen]byte(body[1+keyIDLen:])), Seat: int32(seat)}
	if eventID != "" && t.EventID() != eventID {
		return t, ErrAnotherEvent
	}
	return t, nil
}
