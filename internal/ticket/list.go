package ticket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"boxoffice/internal/id"
)

// List says which ticket admits to each seat of an event. A door needs it to refuse
// tickets that were refunded, moved to other seats or replaced.
type List struct {
	ListHead
	Seats []Digest // by ordinal
}

// Changes bring an older list of the same event and plan up to date.
type Changes struct {
	ListHead
	Seats []SeatChange // by ascending seat
}

// SeatChange is a seat whose ticket has changed.
type SeatChange struct {
	Seat int32
	Is   Digest
}

// ListHead says what a list is of, and what it takes into account.
type ListHead struct {
	EventID     string
	PlanVersion int64
	LedgerSeq   int64 // of the event
	IssueRev    int64 // how many times tickets of the event were replaced
	MadeAt      int64 // µs since 1970
}

// The encoding: kind 4, format 1, event id 10, plan version 4, number of seats or
// changes 4, ledger seq 8, issue revision 8, made at 8. Then a digest for each seat, or
// seat 4 and digest 4 for each change. All big endian.
const (
	listKind, changesKind = "BXDL", "BXDD"
	listFormat            = 1
	listHeadLen           = 47
	maxListed             = 1_000_000 // more than any plan has
)

// Encode returns the list for devices. 80,000 seats are 320 kB.
func (l *List) Encode() ([]byte, error) {
	b, err := l.encode(listKind, len(l.Seats), 4)
	if err != nil {
		return nil, err
	}
	for _, d := range l.Seats {
		b = append(b, d[:]...)
	}
	return b, nil
}

// Encode returns the changes for devices that have an older list.
func (c *Changes) Encode() ([]byte, error) {
	b, err := c.encode(changesKind, len(c.Seats), 8)
	if err != nil {
		return nil, err
	}
	last := int32(-1)
	for _, s := range c.Seats {
		if s.Seat <= last {
			return nil, fmt.Errorf("changes for the door: seat %d after seat %d", s.Seat, last)
		}
		last = s.Seat
		b = binary.BigEndian.AppendUint32(b, uint32(s.Seat))
		b = append(b, s.Is[:]...)
	}
	return b, nil
}

func (h *ListHead) encode(kind string, n, each int) ([]byte, error) {
	event, ok := id.PackEvent(h.EventID)
	if !ok || h.PlanVersion < 1 || h.PlanVersion > math.MaxUint32 || n > maxListed || h.LedgerSeq < 0 || h.IssueRev < 0 || h.MadeAt < 0 {
		return nil, fmt.Errorf("list for the door: event %q, plan version %d, %d seats: cannot be encoded", h.EventID, h.PlanVersion, n)
	}
	b := make([]byte, 0, listHeadLen+n*each)
	b = append(b, kind...)
	b = append(b, listFormat)
	b = append(b, event[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.PlanVersion))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint64(b, uint64(h.LedgerSeq))
	b = binary.BigEndian.AppendUint64(b, uint64(h.IssueRev))
	return binary.BigEndian.AppendUint64(b, uint64(h.MadeAt)), nil
}

// DecodeList reads a list that Encode made, and nothing else.
func DecodeList(b []byte) (*List, error) {
	h, body, err := decodeHead(b, listKind, 4)
	if err != nil {
		return nil, fmt.Errorf("list for the door: %w", err)
	}
	l := &List{h, make([]Digest, len(body)/4)}
	for i := range l.Seats {
		l.Seats[i] = Digest(body[4*i:])
	}
	return l, nil
}

// DecodeChanges reads changes that Encode made, and nothing else.
func DecodeChanges(b []byte) (*Changes, error) {
	h, body, err := decodeHead(b, changesKind, 8)
	if err != nil {
		return nil, fmt.Errorf("changes for the door: %w", err)
	}
	c := &Changes{h, make([]SeatChange, len(body)/8)}
	last := int32(-1)
	for i := range c.Seats {
		seat := binary.BigEndian.Uint32(body[8*i:])
		if seat > math.MaxInt32 || int32(seat) <= last {
			return nil, fmt.Errorf("changes for the door: seat %d after seat %d", seat, last)
		}
		last = int32(seat)
		c.Seats[i] = SeatChange{last, Digest(body[8*i+4:])}
	}
	return c, nil
}

func decodeHead(b []byte, kind string, each int) (h ListHead, body []byte, err error) {
	if len(b) < listHeadLen {
		return h, nil, fmt.Errorf("%d bytes are too few", len(b))
	}
	if string(b[:4]) != kind {
		return h, nil, fmt.Errorf("it begins with %q, not with %q", b[:4], kind)
	}
	if b[4] != listFormat {
		return h, nil, fmt.Errorf("format %d is unknown", b[4])
	}
	n := binary.BigEndian.Uint32(b[19:])
	seq, rev, at := binary.BigEndian.Uint64(b[23:]), binary.BigEndian.Uint64(b[31:]), binary.BigEndian.Uint64(b[39:])
	h = ListHead{
		EventID: id.UnpackEvent([id.PackedEventLen]byte(b[5:15])), PlanVersion: int64(binary.BigEndian.Uint32(b[15:])),
		LedgerSeq: int64(seq), IssueRev: int64(rev), MadeAt: int64(at),
	}
	if h.PlanVersion == 0 || seq > math.MaxInt64 || rev > math.MaxInt64 || at > math.MaxInt64 {
		return h, nil, errors.New("a number in its header is out of range")
	}
	body = b[listHeadLen:]
	if n > maxListed || uint64(len(body)) != uint64(n)*uint64(each) {
		return h, nil, fmt.Errorf("%d bytes after the header are not %d × %d", len(body), n, each)
	}
	return h, body, nil
}

// Apply brings a list up to date. Changes of another event or plan, or older than the
// list, are refused, and the list stays as it is.
func (l *List) Apply(c *Changes) error {
	switch {
	case c.EventID != l.EventID:
		return fmt.Errorf("changes for the door: they are of event %s, the list is of %s", c.EventID, l.EventID)
	case c.PlanVersion != l.PlanVersion:
		return fmt.Errorf("changes for the door: they are of plan version %d, the list is of %d", c.PlanVersion, l.PlanVersion)
	case c.LedgerSeq < l.LedgerSeq || c.IssueRev < l.IssueRev:
		return errors.New("changes for the door: they are older than the list")
	}
	for _, s := range c.Seats {
		if s.Seat < 0 || int(s.Seat) >= len(l.Seats) {
			return fmt.Errorf("changes for the door: the list has no seat %d", s.Seat)
		}
	}
	for _, s := range c.Seats {
		l.Seats[s.Seat] = s.Is
	}
	l.ListHead = c.ListHead
	return nil
}

// Reasons for refusing a ticket whose signature is right. Their texts are for staff at a
// gate.
var (
	ErrNotSold   = errors.New("the ticket is no longer valid: it was refunded or cancelled, or its booking was moved to other seats")
	ErrReplaced  = errors.New("the ticket was replaced by a newer one")
	ErrOtherPlan = errors.New("the ticket is for another seating plan than the list")
	ErrNoSeat    = errors.New("the ticket is for a seat that is not in the list")
)

// nearIssues is how many earlier and later issues Check compares with.
const nearIssues = 100

// Check returns nil if the list admits a ticket whose signature was verified. A later issue
// than the list knows is admitted: only the office can have signed it, after the list was
// made.
func (l *List) Check(t Ticket) error {
	if t.EventID() != l.EventID {
		return ErrAnotherEvent
	}
	if t.PlanVersion == 0 {
		t.PlanVersion = l.PlanVersion
	}
	if t.PlanVersion != l.PlanVersion {
		return ErrOtherPlan
	}
	if t.Seat < 0 || int(t.Seat) >= len(l.Seats) {
		return ErrNoSeat
	}
	is := l.Seats[t.Seat]
	if is == Nobody {
		return ErrNotSold
	}
	d, err := t.Digest()
	if err != nil || d == is {
		return err
	}
	booking, _ := id.Pack(t.BookingID)
	for by := 1; by <= nearIssues; by++ {
		other := t
		if other.Issue = t.Issue - uint16(by); other.Issue < t.Issue && digest(booking, other) == is {
			return nil
		}
		if other.Issue = t.Issue + uint16(by); other.Issue > t.Issue && digest(booking, other) == is {
			return ErrReplaced
		}
	}
	return ErrNotSold
}
