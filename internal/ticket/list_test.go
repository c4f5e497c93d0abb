package ticket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/internal/id"
)

var head = ListHead{EventID: event, PlanVersion: 3, LedgerSeq: 1 << 33, IssueRev: 7, MadeAt: 1_700_000_000_000_000}

func digestOf(t testing.TB, of Ticket) Digest {
	t.Helper()
	d, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func encodeList(t testing.TB, l *List) []byte {
	t.Helper()
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestListHeader(t *testing.T) {
	b := encodeList(t, &List{head, []Digest{{1, 2, 3, 4}, {}}})
	want := []byte("BXDL\x01")
	packed, _ := id.PackEvent(event)
	want = append(want, packed[:]...)
	want = append(want, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)
	want = binary.BigEndian.AppendUint64(want, 1_700_000_000_000_000)
	if len(want) != 47 {
		t.Fatalf("the header has %d bytes", len(want))
	}
	want = append(want, 1, 2, 3, 4, 0, 0, 0, 0)
	if !bytes.Equal(b, want) {
		t.Errorf("%x\nnot\n%x", b, want)
	}
}

// A list and changes come back as they were.
func TestListsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := List{head, nil}
		l.LedgerSeq, l.IssueRev = rapid.Int64Min(0).Draw(t, "seq"), rapid.Int64Min(0).Draw(t, "rev")
		c := Changes{ListHead: l.ListHead}
		l.Seats = make([]Digest, rapid.IntRange(0, 50).Draw(t, "seats"))
		for i := range l.Seats {
			binary.BigEndian.PutUint32(l.Seats[i][:], rapid.Uint32().Draw(t, "digest"))
			if rapid.Bool().Draw(t, "changed") {
				c.Seats = append(c.Seats, SeatChange{int32(i), l.Seats[i]})
			}
		}
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeList(b); err != nil || got.ListHead != l.ListHead || !slices.Equal(got.Seats, l.Seats) {
			t.Fatalf("%+v, not %+v: %v", got, l, err)
		}
		if b, err = c.Encode(); err != nil {
			t.Fatal(err)
		}
		got, err := DecodeChanges(b)
		if err != nil || got.ListHead != c.ListHead || len(got.Seats) != len(c.Seats) {
			t.Fatalf("%+v, not %+v: %v", got, c, err)
		}
		// An older list has other digests where there are changes, and only there.
		old := List{head, append([]Digest(nil), l.Seats...)}
		old.LedgerSeq, old.IssueRev = 0, 0
		for _, s := range got.Seats {
			old.Seats[s.Seat][0] ^= 0xff
		}
		if err := old.Apply(got); err != nil || old.ListHead != l.ListHead || !slices.Equal(old.Seats, l.Seats) {
			t.Fatalf("%+v, not %+v: %v", old, l, err)
		}
	})
}

func TestLargeList(t *testing.T) {
	l := List{head, make([]Digest, 80_000)}
	for i := range l.Seats {
		l.Seats[i] = digestOf(t, Ticket{sample.BookingID, int32(i), 3, 0})
	}
	b := encodeList(t, &l)
	if len(b) != 47+320_000 {
		t.Errorf("%d bytes", len(b))
	}
	if got, err := DecodeList(b); err != nil || !reflect.DeepEqual(*got, l) {
		t.Errorf("%v", err)
	}
}

func TestListsThatAreNone(t *testing.T) {
	good := encodeList(t, &List{head, []Digest{{1}, {2}}})
	c := Changes{head, []SeatChange{{3, Digest{1}}, {4, Digest{2}}}}
	changes, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte, at int, v ...byte) []byte {
		return append(append(append([]byte(nil), b[:at]...), v...), b[at+len(v):]...)
	}
	for name, c := range map[string]struct {
		list []byte
		says string
	}{
		"nothing":         {nil, "too few"},
		"half a header":   {good[:46], "too few"},
		"a picture":       {put(good, 0, 'P', 'N', 'G', 0), "begins with"},
		"changes":         {changes, "begins with"},
		"another format":  {put(good, 4, 2), "format 2 is unknown"},
		"no plan version": {put(good, 15, 0, 0, 0, 0), "out of range"},
		"a seat more":     {put(good, 22, 3), "8 bytes after the header are not 3 × 4"},
		"cut off":         {good[:len(good)-1], "are not 2 × 4"},
		"something after": {append(append([]byte(nil), good...), 0), "are not 2 × 4"},
		"too many seats":  {put(good, 19, 0xff, 0xff, 0xff, 0xff), "after the header"},
		"negative seq":    {put(good, 23, 0x80), "out of range"},
		"negative rev":    {put(good, 31, 0x80), "out of range"},
		"negative time":   {put(good, 39, 0x80), "out of range"},
	} {
		if l, err := DecodeList(c.list); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v %v", name, l, err)
		}
	}
	for name, c := range map[string]struct {
		list []byte
		says string
	}{
		"a list":        {good, "begins with"},
		"a seat twice":  {put(changes, 47+11, 3), "seat 3 after seat 3"},
		"out of order":  {put(changes, 47+11, 2), "seat 2 after seat 3"},
		"negative seat": {put(changes, 47+8, 0x80), "after seat 3"},
		"cut off":       {changes[:len(changes)-4], "are not 2 × 8"},
	} {
		if l, err := DecodeChanges(c.list); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("changes, %s: %+v %v", name, l, err)
		}
	}
	for name, h := range map[string]ListHead{"no event": {PlanVersion: 1}, "no plan": {EventID: event}, "negative": {EventID: event, PlanVersion: 1, LedgerSeq: -1}} {
		if _, err := (&List{h, nil}).Encode(); err == nil {
			t.Errorf("%s: it is encoded", name)
		}
	}
	if _, err := (&Changes{head, []SeatChange{{4, Digest{}}, {4, Digest{}}}}).Encode(); err == nil {
		t.Error("a seat that changes twice is encoded")
	}
}

func TestApplyRefuses(t *testing.T) {
	seat := []SeatChange{{0, Digest{9}}, {2, Digest{9}}}
	change := func(f func(*Changes)) *Changes {
		c := Changes{head, seat[:1]}
		f(&c)
		return &c
	}
	for name, c := range map[string]*Changes{
		"event":    change(func(c *Changes) { c.EventID = otherEvent }),
		"plan":     change(func(c *Changes) { c.PlanVersion++ }),
		"older":    change(func(c *Changes) { c.LedgerSeq-- }),
		"revision": change(func(c *Changes) { c.IssueRev-- }),
		"seat":     change(func(c *Changes) { c.Seats = seat }),
	} {
		l := List{head, []Digest{{1}, {2}}}
		if err := l.Apply(c); err == nil || !reflect.DeepEqual(l, List{head, []Digest{{1}, {2}}}) {
			t.Errorf("%s: %+v %v", name, l, err)
		}
	}
}

func TestCheck(t *testing.T) {
	booking, other := sample.BookingID, id.Booking(event, "bob", "key")
	l := List{head, []Digest{digestOf(t, Ticket{booking, 0, 3, 0}), digestOf(t, Ticket{booking, 1, 3, 5}), Nobody, digestOf(t, Ticket{booking, 3, 3, 1})}}
	for _, c := range []struct {
		name   string
		ticket Ticket
		want   error
	}{
		{"good", Ticket{booking, 0, 3, 0}, nil},
		{"version 1", Ticket{booking, 0, 0, 0}, nil},
		{"replaced", Ticket{booking, 1, 3, 0}, ErrReplaced},
		{"replaced, of version 1", Ticket{booking, 1, 0, 0}, ErrReplaced},
		{"the newest", Ticket{booking, 1, 3, 5}, nil},
		{"newer than the list", Ticket{booking, 1, 3, 6}, nil},
		{"far newer than the list", Ticket{booking, 1, 3, 500}, ErrNotSold},
		{"the last issue", Ticket{booking, 1, 3, 65535}, ErrNotSold},
		{"sold to somebody else", Ticket{other, 0, 3, 0}, ErrNotSold},
		{"not sold", Ticket{booking, 2, 3, 0}, ErrNotSold},
		{"printed before it was bound", Ticket{booking, 3, 3, 0}, ErrReplaced},
		{"moved to another phone", Ticket{booking, 3, 3, 2}, nil},
		{"another plan", Ticket{booking, 0, 2, 0}, ErrOtherPlan},
		{"beyond the plan", Ticket{booking, 4, 3, 0}, ErrNoSeat},
		{"another event", Ticket{id.Booking(otherEvent, "ann", "key"), 0, 3, 0}, ErrAnotherEvent},
	} {
		if err := l.Check(c.ticket); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
	}
	for name, bad := range map[string]Ticket{"no booking": {"", 0, 3, 0}, "no plan": {booking, 0, 0, 0}, "seat": {booking, -1, 3, 0}} {
		if d, err := bad.Digest(); err == nil {
			t.Errorf("%s: %x", name, d)
		}
	}
}

// What is decoded is encoded to the same bytes again: a list has one encoding.
func FuzzDecodeList(f *testing.F) {
	f.Add(encodeList(f, &List{head, []Digest{{1, 2, 3, 4}, {}}}))
	c := Changes{head, []SeatChange{{1, Digest{1}}, {5, Digest{}}}}
	changes, err := c.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(changes)
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := DecodeList(b); err == nil && !bytes.Equal(encodeList(t, l), b) {
			t.Fatalf("%x", b)
		}
		if c, err := DecodeChanges(b); err == nil {
			if again, err := c.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x %v", b, err)
			}
		}
	})
}

func BenchmarkDigests(b *testing.B) {
	for b.Loop() {
		for i := range int32(80_000) {
			if _, err := (Ticket{sample.BookingID, i, 3, 0}).Digest(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
