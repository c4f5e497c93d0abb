package seating

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
)

// A document's fingerprint is that of earlier versions, so that equal plans are found.
func TestPackedBytes(t *testing.T) {
	doc := &PlanDocument{Name: "<Hall> & ä", Categories: []Category{{Name: "A"}}, Sections: []SectionDocument{{ID: "1", Name: "\u2028", Rows: []RowDocument{{Label: "A", Seats: []SeatDocument{{Number: "1"}, {}}}}}}}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(raw)
	if _, got, err := doc.Pack(); err != nil || string(got) != string(want[:]) {
		t.Errorf("fingerprint %x, not %x: %v", got, want, err)
	}
}
