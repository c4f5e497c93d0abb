package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
)

// AppendExport appends an entry as one line of NDJSON: its RFC 8785 form and, in the
// sorted place, one more member "hash" in hex.
func AppendExport(b []byte, e *Entry) []byte {
	line := e.AppendCanonical(nil)
	at := bytes.Index(line, []byte(`,"kind":`)) // event_id < hash < kind
	b = append(b, line[:at]...)
	b = append(b, `,"hash":"`...)
	b = hex.AppendEncode(b, e.Hash[:])
	b = append(b, '"')
	b = append(b, line[at:]...)
	return append(b, '\n')
}

// Export writes an event's whole ledger as NDJSON, one entry a line. To check a line,
// remove "hash" from it, prepend the 32 bytes of the previous line's hash (zeros
// before the first line), and compute SHA-256.
func Export(ctx context.Context, source Source, eventID string, w io.Writer) error {
	const page = 2000
	var after int64
	for {
		entries, err := source.Entries(ctx, eventID, after, page)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if after == 0 && len(entries) == 0 {
			return fmt.Errorf("export: there is no event %q", eventID)
		}
		var out []byte
		for i := range entries {
			out = AppendExport(out, &entries[i])
		}
		if _, err := w.Write(out); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if len(entries) < page {
			return nil
		}
		after = entries[len(entries)-1].Seq
	}
}
