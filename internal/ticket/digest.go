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

// Digest returns the first bytes of the SHA-256 of booking id, seat, plan version and issue.
// The phone that shows a ticket is not in it: the issue grows with each binding, so it says
// all, and a door with an older list can still tell a newer ticket.
func (t Ticket) Digest() (Digest, error) {
	booking, ok := id.Pack(t.BookingID)
	if !ok || t.Seat < 0 || t.PlanVersion < 1 || t.PlanVersion > 1<<32-1 {
		return Digest{}, fmt.Errorf("digest of ticket: %q, seat %d of plan version %d", t.BookingID, t.Seat, t.PlanVersion)
	}
	return digest(booking, t), nil
}

func digest(booking [id.PackedLen]byte, t Ticket) Digest {
	var b [id.PackedLen + 4 + 4 + 2]byte
	n := copy(b[:], booking[:])
	binary.BigEndian.PutUint32(b[n:], uint32(t.Seat))
	binary.BigEndian.PutUint32(b[n+4:], uint32(t.PlanVersion))
	binary.BigEndian.PutUint16(b[n+8:], t.Issue)
	sum := sha256.Sum256(b[:])
	d := Digest(sum[:4])
	if d == Nobody {
		d[3] = 1
	}
	return d
}
