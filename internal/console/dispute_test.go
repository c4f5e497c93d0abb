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
		if err != nil || len(z.File) != 3+c.packed || made != c.packed {
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
