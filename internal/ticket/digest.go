package ticket

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"boxoffice/internal/id"
)

// Digest stands for the one ticket that admits to a seat, in lists for the door. Who has
// the list can check a ticket, but can read neither bookings nor names out of it.
type Digest [4]byte

// Nobody is the digest of a seat that nobody may enter with.
var Nobody Digest

// Digest returns the first bytes of the SHA-256 of booking id, seat, plan version, issue
// and, if the ticket is bound to a phone, that phone's public key (32 bytes).
func (t Ticket) Digest(bound []byte) (Digest, error) {
	booking, ok := id.Pack(t.BookingID)
	if !ok || t.Seat < 0 || t.PlanVersion < 1 || t.PlanVersion > 1<<32-1 || len(bound) != 0 && len(bound) != boundLen {
		return Digest{}, fmt.Errorf("digest of ticket: %q, seat %d of plan version %d, key of %d bytes", t.BookingID, t.Seat, t.PlanVersion, len(bound))
	}
	return digest(booking, t, bound), nil
}

const boundLen = 32 // bytes of a phone's key

func digest(booking [id.PackedLen]byte, t Ticket, bound []byte) Digest {
	var b [id.PackedLen + 4 + 4 + 2 + boundLen]byte
	n := copy(b[:], booking[:])
	binary.BigEndian.PutUint32(b[n:], uint32(t.Seat))
	binary.BigEndian.PutUint32(b[n+4:], uint32(t.PlanVersion))
	binary.BigEndian.PutUint16(b[n+8:], t.Issue)
	n += 10 + copy(b[n+10:], bound)
	sum := sha256.Sum256(b[:n])
	d := Digest(sum[:4])
	if d == Nobody {
		d[3] = 1
	}
	return d
}
