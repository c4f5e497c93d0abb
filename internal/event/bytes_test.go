package event

import (
	"encoding/json"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Stored and hashed JSON has the bytes of encoding/json, as in earlier versions: otherwise
// files would be imported again, and keys would not find their events.
func TestStoredBytes(t *testing.T) {
	at, text, price, limit := time.Date(2027, 3, 1, 20, 0, 0, 5000, time.FixedZone("", 3600)), "<2027-03-01T20:00>", int64(4500), int32(8)
	for name, v := range map[string]any{
		"a new event": eventapi.NewEvent{Title: "<Gala> & \u2028 ä", EventTime: &text, Price: &price, SaleOpensAt: &at, LimitPerCustomer: &limit,
			Tiers: []eventapi.NewTier{{Name: "A", Price: 1, Sections: []string{"1"}}, {}}, Attributes: eventapi.Attributes(`{ "b" : 1.0, "a" : "<\u00e4>" }`)},
		"an empty event": eventapi.NewEvent{},
		"prices":         &seating.Prices{EventID: "e", Version: 3, Currency: "EUR", Tiers: []seating.Tier{{ID: "t1", Name: "<A>", Price: 5, Sections: []string{}}, {ID: "t2"}}},
		"a refusal":      Refusal{3, at.UTC(), "seats-taken", "<gone> & sold"},
		"a state":        &stored{Attributes: `{"a":"<"}`, SourceHash: []byte{1, 2}, HoldFor: 480_000_000},
		"a sale":         &bookingapi.Sale{Currency: "EUR", OrganizerID: "o<"},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Marshal(v); err != nil || string(got) != string(want) {
			t.Errorf("%s: %s, not %s: %v", name, got, want, err)
		}
	}
}
