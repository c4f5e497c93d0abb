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
	for _, bad := range []string{"", "x", strings.Repeat("u", Len), strings.ToUpper(a), a + " "} {
		if Valid(bad) || Event(bad) != "" {
			t.Errorf("%q passes for an id", bad)
		}
	}
	if r := Reference(k); len(r) != 9 || r[4] != '-' || r != Reference(k) {
		t.Fatalf("reference: %q", r)
	}
}
