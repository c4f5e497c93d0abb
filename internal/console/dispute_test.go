package console

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
)

// However often money was given back, few documents are made for one file, and it says how
// many are left out.
func TestEvidenceIsBounded(t *testing.T) {
	for _, c := range []struct{ documents, packed int }{{0, 0}, {3, 3}, {papersPacked, papersPacked}, {5000, papersPacked}} {
		x := evidence{event: &eventapi.Event{}, order: &Booking{}}
		for n := range c.documents {
			x.documents = append(x.documents, invoiceapi.Document{Content: invoiceapi.Content{Number: fmt.Sprint("N-", n)}})
		}
		made := 0
		var file bytes.Buffer
		if err := x.pack(&file, func(*invoiceapi.Document) ([]byte, error) { made++; return []byte("%PDF"), nil }); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil || len(z.File) != 4+c.packed || made != c.packed {
			t.Fatalf("%d documents: %d made, %v", c.documents, made, err)
		}
		summary, err := z.Open("summary.txt")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(summary)
		says, want := strings.Contains(string(text), "left out"), fmt.Sprintf("%d more credit notes are left out", c.documents-papersPacked)
		if err != nil || says != (c.documents > papersPacked) || says && !strings.Contains(string(text), want) {
			t.Errorf("%d documents: %v\n%s", c.documents, err, text)
		}
	}
}

// The summary names each dispute, and what it is about.
func TestEvidenceNamesDisputes(t *testing.T) {
	x := evidence{event: &eventapi.Event{}, order: &Booking{}, payment: &paymentapi.Payment{Currency: "EUR", History: []paymentapi.Step{
		{Status: paymentapi.Captured}, {Status: paymentapi.Disputed, Amount: 4000, Dispute: "dp_1"}, {Status: paymentapi.DisputeWon, Amount: 4000, Dispute: "dp_1"},
		{Status: paymentapi.Disputed, Amount: 3000, Dispute: "dp_2"},
	}}}
	var text bytes.Buffer
	x.summary(&text)
	for _, want := range []string{"disputed: 0001-01-01T00:00:00Z, dp_1, 40.00 EUR dispute_won: 0001-01-01T00:00:00Z, dp_1, 40.00 EUR", "disputed: 0001-01-01T00:00:00Z, dp_2, 30.00 EUR"} {
		if !strings.Contains(strings.Join(strings.Fields(text.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// The organizer is asked for evidence while any dispute is not decided.
func TestDisputing(t *testing.T) {
	step := func(status paymentapi.Status, dispute string) paymentapi.Step {
		return paymentapi.Step{Status: status, Dispute: dispute}
	}
	for name, tt := range map[string]struct {
		history []paymentapi.Step
		open    bool
	}{
		"none":                          {[]paymentapi.Step{step(paymentapi.Captured, "")}, false},
		"open":                          {[]paymentapi.Step{step(paymentapi.Disputed, "a")}, true},
		"lost":                          {[]paymentapi.Step{step(paymentapi.Disputed, "a"), step(paymentapi.DisputeLost, "a")}, false},
		"won, and another":              {[]paymentapi.Step{step(paymentapi.Disputed, "a"), step(paymentapi.DisputeWon, "a"), step(paymentapi.Disputed, "b")}, true},
		"two, and one is decided":       {[]paymentapi.Step{step(paymentapi.Disputed, "a"), step(paymentapi.Disputed, "b"), step(paymentapi.DisputeLost, "b")}, true},
		"begun by an earlier version":   {[]paymentapi.Step{step(paymentapi.Disputed, ""), step(paymentapi.DisputeLost, "a")}, false},
		"written by an earlier version": {[]paymentapi.Step{step(paymentapi.Disputed, ""), step(paymentapi.DisputeWon, "")}, false},
	} {
		if open := disputing(&paymentapi.Payment{History: tt.history}); open != tt.open {
			t.Errorf("%s: %t", name, open)
		}
	}
}
