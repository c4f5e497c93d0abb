// Package id makes identifiers. All are lower-case Crockford base 32, so that
// they sort as text in the order of their making and can be read out loud.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var enc = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// Lengths in characters.
const (
	Len        = 16 // events, users, venues, plans
	BookingLen = Len + 20
)

// New is an id of 80 bits: 48 of milliseconds since 1970, 32 of randomness.
func New(now time.Time) string {
	var b [10]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails, see crypto/rand
	return enc.EncodeToString(b[:])
}

// FromSource is the id of a thing that was imported: the same source id gives
// the same id again.
func FromSource(kind, source string) string {
	h := sha256.Sum256([]byte(kind + "\x00" + source))
	h[0] &= 0x01 // sort like early ids
	return enc.EncodeToString(h[:10])
}

// Booking is the id of a booking. It begins with its event's id, so that a
// booking id alone tells its event; the rest is a hash of who asked with which
// idempotency key, so that the primary key of the bookings table is the
// idempotency. Without a key the rest is random.
func Booking(eventID, userID, key string) string {
	var tail [12]byte
	if key == "" {
		_, _ = rand.Read(tail[:])
	} else {
		h := sha256.Sum256([]byte(eventID + "\x00" + userID + "\x00" + key))
		copy(tail[:], h[:])
	}
	return eventID + enc.EncodeToString(tail[:])
}

// Event is the event part of a booking id; "" when it is not one.
func Event(bookingID string) string {
	if !ValidBooking(bookingID) {
		return ""
	}
	return bookingID[:Len]
}

// Valid reports whether s has the form of an id made by New.
func Valid(s string) bool { return len(s) == Len && clean(s) }

// ValidBooking reports whether s has the form of a booking id.
func ValidBooking(s string) bool { return len(s) == BookingLen && clean(s) }

func clean(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// PackedLen is the length of a packed booking id in bytes: 10 of the event's id
// and 12 of the rest.
const PackedLen = 22

// Pack is a booking id in binary; false when it is not one that Booking made.
func Pack(bookingID string) ([PackedLen]byte, bool) {
	var b [PackedLen]byte
	if !ValidBooking(bookingID) {
		return b, false
	}
	event, err := enc.DecodeString(bookingID[:Len])
	tail, err2 := enc.DecodeString(bookingID[Len:])
	copy(b[:10], event)
	copy(b[10:], tail)
	// Of the last character only some bits count: Booking leaves the others zero.
	return b, err == nil && err2 == nil && Unpack(b) == bookingID
}

// Unpack is the booking id that was packed.
func Unpack(b [PackedLen]byte) string { return enc.EncodeToString(b[:10]) + enc.EncodeToString(b[10:]) }

// PackedEventLen is the length of a packed event id in bytes.
const PackedEventLen = 10

// PackEvent is an id that New or FromSource made in binary; false for other texts.
func PackEvent(eventID string) ([PackedEventLen]byte, bool) {
	var b [PackedEventLen]byte
	if !Valid(eventID) {
		return b, false
	}
	_, err := enc.Decode(b[:], []byte(eventID))
	return b, err == nil
}

// UnpackEvent is the id that was packed.
func UnpackEvent(b [PackedEventLen]byte) string { return enc.EncodeToString(b[:]) }

// Reference is the short name of a booking for people, eight characters that
// cannot be mistaken for one another, taken from the booking's id.
func Reference(bookingID string) string {
	h := sha256.Sum256([]byte(bookingID))
	s := strings.ToUpper(enc.EncodeToString(h[:5]))
	return s[:4] + "-" + s[4:]
}

// Token is an unguessable secret of 128 bits.
func Token() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return enc.EncodeToString(b[:])
}
