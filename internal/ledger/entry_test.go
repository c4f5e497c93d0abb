package ledger

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// AppendCanonical is written by hand because it is on the hot path; its output must
// equal that of a library that implements RFC 8785.
func TestCanonicalIsRFC8785(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			EventID: rapid.StringMatching(`[0-9a-z]{16}`).Draw(t, "event"), Seq: rapid.Int64Range(1, 1<<53-1).Draw(t, "seq"),
			At: rapid.Int64Range(0, 1<<53-1).Draw(t, "at"), Kind: Kind(rapid.SampledFrom([]string{"held", "sale"}).Draw(t, "kind")),
			BookingID: rapid.SampledFrom([]string{"", "b"}).Draw(t, "booking"), Seats: rapid.SliceOf(rapid.Int32Min(0)).Draw(t, "seats"),
			Until: rapid.Int64Range(0, 1<<53-1).Draw(t, "until"), Amount: rapid.Int64Range(0, 1<<53-1).Draw(t, "amount"),
			Currency: rapid.SampledFrom([]string{"", "EUR"}).Draw(t, "currency"), Sale: rapid.String().Draw(t, "sale"),
		}
		got := e.AppendCanonical(nil)
		want, err := jcs.Transform(got)
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if string(got) != string(want) {
			t.Fatalf("got %s, RFC 8785 is %s", got, want)
		}
		var back struct {
			Seats []int32
			Sale  string
		}
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if back.Sale != e.Sale && utf8.ValidString(e.Sale) || len(back.Seats) != len(e.Seats) {
			t.Fatalf("%s lost something of %+v", got, e)
		}
	})
}

func TestChain(t *testing.T) {
	e := Entry{EventID: "e", Seq: 1, At: 2, Kind: Held}
	first, _ := e.Chain([32]byte{}, nil)
	second, _ := e.Chain(first, nil)
	if first == second {
		t.Fatal("the hash before does not matter")
	}
}

func TestParseSeats(t *testing.T) {
	for text, want := range map[string]bool{
		"[]": true, "[0]": true, "[1,22,333]": true, "[2147483647]": true,
		"": false, "[": false, "[,]": false, "[1,]": false, "[1": false, "1]": false, "[-1]": false, "[2147483648]": false, "[1 ]": false, "[99999999999]": false,
	} {
		if _, ok := ParseSeats(text); ok != want {
			t.Errorf("ParseSeats(%q) is %v, want %v", text, ok, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		seats := rapid.SliceOf(rapid.Int32Min(0)).Draw(t, "seats")
		back, ok := ParseSeats(string(AppendSeats(nil, seats)))
		if !ok || len(back) != len(seats) {
			t.Fatalf("%v became %v", seats, back)
		}
		for i := range seats {
			if seats[i] != back[i] {
				t.Fatalf("%v became %v", seats, back)
			}
		}
	})
}

func FuzzParseSeats(f *testing.F) {
	f.Add("[1,2,3]")
	f.Fuzz(func(t *testing.T, s string) {
		seats, ok := ParseSeats(s)
		if !ok {
			return
		}
		if again, ok := ParseSeats(string(AppendSeats(nil, seats))); !ok || len(again) != len(seats) {
			t.Fatalf("%q → %v → %v", s, seats, again)
		}
	})
}
