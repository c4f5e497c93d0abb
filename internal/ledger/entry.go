package ledger

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says what happened to an event's seats.
type Kind string

// The kinds of ledger entries.
const (
	Held      Kind = "held"      // a new booking holds seats until Until
	Extended  Kind = "extended"  // its hold now lasts until Until
	Booked    Kind = "booked"    // paid: the seats are sold
	Expired   Kind = "expired"   // the hold expired: its seats are free
	Released  Kind = "released"  // given up before payment: its seats are free
	Cancelled Kind = "cancelled" // sold seats were given back; Amount is to be refunded. Without seats: money goes back, the seats stay
	Swapped   Kind = "swapped"   // the hold is for these seats instead; without Until: so is a booking that is sold
	Sale      Kind = "sale"      // the sale's state changed
)

// Entry is one line of an event's ledger. The entries of an event have no gaps and
// are chained: Hash = SHA-256(previous entry's hash ‖ canonical form), where the
// first entry follows 32 zero bytes.
type Entry struct {
	EventID   string
	Seq       int64 // 1, 2, 3, … within the event
	At        int64 // µs since 1970; never decreases within an event
	Kind      Kind
	BookingID string  // "" for a sale entry
	Seats     []int32 // ordinals of the seats concerned; in a swap: all that the booking holds now
	Until     int64   // µs since 1970; end of the hold; 0: none
	Amount    int64   // minor units: price of Seats, or the sum to be refunded
	Currency  string
	Sale      string // RFC 8785 JSON of the new sale state; "" for other kinds
	Hash      [32]byte
}

// AppendCanonical appends the entry as RFC 8785 JSON (sorted keys, no spaces),
// without its hash. Empty and zero members are left out, except seq and at. All
// strings in an entry are ASCII ids and codes; sale is a string that contains JSON.
func (e *Entry) AppendCanonical(b []byte) []byte {
	b = append(b, '{')
	num := func(key string, v int64) {
		if len(b) > 0 && b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, key...)
		b = append(b, '"', ':')
		b = strconv.AppendInt(b, v, 10)
	}
	str := func(key, v string) {
		if v == "" {
			return
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, key...)
		b = append(b, '"', ':')
		b = AppendJSONString(b, v)
	}
	if e.Amount != 0 {
		num("amount", e.Amount)
	}
	num("at", e.At)
	str("booking_id", e.BookingID)
	str("currency", e.Currency)
	str("event_id", e.EventID)
	str("kind", string(e.Kind))
	str("sale", e.Sale)
	if len(e.Seats) > 0 {
		b = append(b, `,"seats":`...)
		b = AppendSeats(b, e.Seats)
	}
	num("seq", e.Seq)
	if e.Until != 0 {
		num("until", e.Until)
	}
	return append(b, '}')
}

// Chain computes the entry's hash from the hash of the previous entry.
func (e *Entry) Chain(previous [32]byte, scratch []byte) (hash [32]byte, grown []byte) {
	scratch = append(scratch[:0], previous[:]...)
	scratch = e.AppendCanonical(scratch)
	return sha256.Sum256(scratch), scratch
}

// AppendSeats appends ordinals as a JSON array, which is how the seats columns store them.
func AppendSeats(b []byte, seats []int32) []byte {
	b = append(b, '[')
	for i, s := range seats {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(s), 10)
	}
	return append(b, ']')
}

// ParseSeats reads what AppendSeats wrote; ok is false for anything else.
func ParseSeats(s string) (seats []int32, ok bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return nil, false
	}
	if s == "[]" {
		return nil, true
	}
	n := 1
	for i := range len(s) {
		if s[i] == ',' {
			n++
		}
	}
	seats = make([]int32, 0, n)
	v, digits := int64(0), 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' && digits < 10:
			v = v*10 + int64(c-'0')
			digits++
		case (c == ',' || i == len(s)-1) && digits > 0 && v <= 1<<31-1:
			seats = append(seats, int32(v))
			v, digits = 0, 0
		default:
			return nil, false
		}
	}
	return seats, true
}

// CountSeats counts the seats in what AppendSeats wrote.
func CountSeats(s string) int {
	if len(s) <= 2 {
		return 0
	}
	return strings.Count(s, ",") + 1
}

// AppendJSONString appends s as RFC 8785 writes a string. Bytes that are not
// UTF-8 become U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20 && c < utf8.RuneSelf:
			b = append(b, c)
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
