package booking

import (
	"encoding/json"
	"testing"
	"time"
)

// The short way writes a booking as the long way does.
func TestQuickBooking(t *testing.T) {
	at := time.UnixMicro(1_764_019_205_120_000).UTC()
	for _, b := range []bookingBody{
		{Seats: []seatBody{}},
		{ID: "id", Reference: "ref", UserID: "user", EventID: "event", SeatNumber: "A-1", Seats: []seatBody{{"A-1", "S", "A", "1", "Stalls", 500}, {"B", "S", "", "\"2\"", "Zürich", 0}},
			BookingTime: at, Status: "pending", ExpiresAt: &at, Amount: -5, Currency: "EUR", Fees: 7, Kind: "sale", PaymentID: "p", Refundable: &at, Link: "/x?token=<&>", Seq: 9},
	} {
		want, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var same any
		got := b.append(nil)
		if err := json.Unmarshal(got, &same); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if again, _ := json.Marshal(same); string(again) != string(sorted(t, want)) {
			t.Errorf("%s\nis not\n%s", again, want)
		}
	}
}

// sorted is a JSON document with its names in order.
func sorted(t *testing.T, raw []byte) []byte {
	t.Helper()
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
