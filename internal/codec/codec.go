// Package codec is how this server reads and writes bodies: JSON with one set of
// options, and which compression a client takes.
package codec

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	v1 "github.com/go-json-experiment/json/v1"
)

// writing are the options of what is written. The bytes are those that encoding/json
// writes with SetEscapeHTML(false).
var writing = json.JoinOptions(
	json.Deterministic(true),
	json.FormatNilSliceAsNull(true),
	json.FormatNilMapAsNull(true),
	v1.OmitEmptyWithLegacySemantics(true),
	v1.FormatDurationAsNano(true),
	jsontext.EscapeForJS(true),
	jsontext.AllowInvalidUTF8(true),
	jsontext.PreserveRawStrings(true), // within what was stored as JSON
	jsontext.AllowDuplicateNames(true),
)

// reading are the options of what is read: names are as they are written, each comes
// once, and none is unknown.
var reading = json.RejectUnknownMembers(true)

// Line is a value that is encoded already, with a line feed.
type Line interface{ Line() []byte }

// Write writes a value and a line feed.
func Write(w io.Writer, v any) error {
	if line, ok := v.(Line); ok {
		_, err := w.Write(line.Line())
		return err
	}
	if buf, ok := w.(*bytes.Buffer); ok {
		err := json.MarshalWrite(buf, v, writing)
		buf.WriteByte('\n')
		return err
	}
	raw, err := json.Marshal(v, writing)
	if err == nil {
		_, err = w.Write(append(raw, '\n'))
	}
	return err
}

// Read reads a value. What the type does not know is an error.
func Read(raw []byte, v any) error { return json.Unmarshal(raw, v, reading) }
