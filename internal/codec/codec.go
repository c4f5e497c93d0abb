// Package codec reads and writes all JSON of this program with one set of options,
// and negotiates compression. Errors of what was read never repeat the input: see Fault.
package codec

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	v1 "github.com/go-json-experiment/json/v1"
)

// writing are the options for encoding. The bytes are the same as those of
// encoding/json with SetEscapeHTML(false).
var writing = json.JoinOptions(
	json.Deterministic(true),
	json.FormatNilSliceAsNull(true),
	json.FormatNilMapAsNull(true),
	v1.OmitEmptyWithLegacySemantics(true),
	v1.FormatDurationAsNano(true),
	jsontext.EscapeForJS(true),
	jsontext.AllowInvalidUTF8(true),
	jsontext.PreserveRawStrings(true), // in values that were stored as JSON
	jsontext.AllowDuplicateNames(true),
)

// reading are the options of what is read: names are as they are written, each comes
// once, and text is UTF-8. Durations and arrays of bytes are read as they are written.
var reading = json.JoinOptions(v1.FormatDurationAsNano(true), v1.FormatByteArrayAsArray(true))

// strict are the options of what may have no unknown members.
var strict = json.JoinOptions(reading, json.RejectUnknownMembers(true))

// Raw is a value that stays as it was written.
type Raw = jsontext.Value

// Line is a value that is already encoded, with a line feed at its end.
type Line interface{ Line() []byte }

// Write encodes a value and adds a line feed.
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

// Marshal encodes a value in the bytes of encoding/json: what is stored, hashed and
// compared was always written so. It escapes <, > and &, as scripts in pages need it.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, v1.DefaultOptionsV1()) }

// Indent is Marshal for people to read: each member has a line.
func Indent(v any) ([]byte, error) {
	return json.Marshal(v, v1.DefaultOptionsV1(), jsontext.WithIndent("  "))
}

// Read reads a value. What the type does not know is an error.
func Read(raw []byte, v any) error { return faultOf(json.Unmarshal(raw, v, strict), raw) }

// ReadKnown reads a value and skips members that the type does not know: a later
// version, or somebody else, may have written them.
func ReadKnown(raw []byte, v any) error { return faultOf(json.Unmarshal(raw, v, reading), raw) }

// Decoder reads values that follow one another.
type Decoder struct{ from *jsontext.Decoder }

// NewDecoder makes a Decoder.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{jsontext.NewDecoder(r)} }

// Decode reads the next value as ReadKnown does. After the last one it returns io.EOF.
func (d *Decoder) Decode(v any) error {
	if d.from.PeekKind() == 0 { // the end, or what is no JSON
		_, err := d.from.ReadToken()
		return faultOf(err, nil)
	}
	return faultOf(json.UnmarshalDecode(d.from, v, reading), nil)
}
