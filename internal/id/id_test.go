package id

import (
	"strings"
	"testing"
	"time"
)

func TestIDs(t *testing.T) {
	a := New(time.UnixMilli(1_000_000))
	b := New(time.UnixMilli(1_000_001))
	if !Valid(a) || !Valid(b) || a >= b {
		t.Fatalf("%q and %q do not sort by time", a, b)
	}
	if src := FromSource("event", "x"); !Valid(src) || src != FromSource("event", "x") || src == FromSource("event", "y") {
		t.Fatalf("from source: %q", src)
	}
	k := Booking(a, "user", "key")
	if !ValidBooking(k) || Event(k) != a || k != Booking(a, "user", "key") {
		t.Fatalf("booking id: %q", k)
	}
	for _, other := range []string{Booking(a, "user", "key2"), Booking(a, "user2", "key"), Booking(b, "user", "key"), Booking(a, "user", ""), Booking(a, "userk", "ey")} {
		if other == k {
			t.Fatalf("two requests have the booking id %q", k)
		}
	}
	if one, two := Booking(a, "user", ""), Booking(a, "user", ""); one == two {
		t.Fatal("without a key, two requests have the same booking id")
	}
	if b, ok := PackEvent(a); !ok || UnpackEvent(b) != a {
		t.Fatalf("packed: %x", b)
	}
	if _, ok := PackEvent(a + a); ok {
		t.Fatal("two ids are packed as one")
	}
	for _, bad := range []string{"", "x", strings.Repeat("u", Len), strings.ToUpper(a), a + " "} {
		if Valid(bad) || Event(bad) != "" {
			t.Errorf("%q passes for an id", bad)
		}
	}
	if r := Reference(k); len(r) != 9 || r[4] != '-' || r != Reference(k) {
		t.Fatalf("reference: %q", r)
	}
}

func TestPack(t *testing.T) {
	event := New(time.UnixMilli(1_750_000_000_000))
	for _, b := range []string{Booking(event, "ann", "key"), Booking(event, "ann", ""), strings.Repeat("0", BookingLen)} {
		packed, ok := Pack(b)
		if !ok || Unpack(packed) != b {
			t.Errorf("%s comes back as %s, %v", b, Unpack(packed), ok)
		}
	}
	for _, b := range []string{"", event, strings.Repeat("u", BookingLen), strings.Repeat("0", BookingLen-1) + "1"} {
		if _, ok := Pack(b); ok {
			t.Errorf("%q is packed", b)
		}
	}
}
