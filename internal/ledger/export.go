package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
)

// AppendExport appends an entry as one line of NDJSON: its RFC 8785 form with
// one more member, "hash", at its place in the order of keys, in hex.
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

// Export writes an event's ledger as NDJSON, one entry a line, from the first
// on. To check a line, take "hash" out of it, put the 32 bytes of the line
// before (zeros before the first) in front of the rest, and compute SHA-256.
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
