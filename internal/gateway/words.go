package gateway

import (
	"cmp"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

// huma keeps only the text of a decoder's error, so decode encodes field and reason
// into it, between marks that occur in no other text.
const mark = "\x1f"

type decodeError struct{ field, code, reason string }

func (e decodeError) Error() string { return mark + e.field + mark + e.code + mark + e.reason }

// jsonFormat is how huma reads and writes JSON.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: encode, Unmarshal: decode}
}

func encode(w io.Writer, v any) error {
	if p, ok := v.(*Problem); ok { // already encoded
		doc, err := p.MarshalJSON()
		if err == nil {
			_, err = w.Write(append(doc, '\n'))
		}
		return err
	}
	return codec.Write(w, v)
}

// decode reads a body that checkJSON has accepted. Its error names the field that
// does not fit, and repeats nothing else of the body. A number such as 2.0 is accepted as an integer, as in JSON Schema;
// the library accepts only 2.
func decode(data []byte, v any) error {
	err := codec.ReadKnown(data, v)
	f, ok := codec.FaultOf(err)
	for budget := maxRead; f.Type != nil && budget > 0; budget -= len(data) {
		whole, integer := asInteger(data, f)
		if !integer {
			break
		}
		data = whole
		err = codec.ReadKnown(data, v)
		f, ok = codec.FaultOf(err)
	}
	switch {
	case err == nil:
		return nil
	case !ok:
		return decodeError{"body", "not-valid", "cannot be read"}
	case f.Type == nil:
		return decodeError{clip(cmp.Or(f.Path, "body")), "not-json", f.Reason}
	case f.Type == reflect.TypeFor[time.Time]() && f.Found == "string":
		return decodeError{clip(f.Path), "not-a-time", f.Reason}
	}
	return decodeError{clip(f.Path), "wrong-type", f.Reason}
}

// maxRead limits how many bytes decode reads again because of numbers such as 2.0.
const maxRead = 4 << 20

// asInteger rewrites the number that did not fit as an integer; ok is false if it is
// not one.
func asInteger(data []byte, f codec.Fault) (whole []byte, ok bool) {
	end := f.Offset + len(f.Number)
	if f.Number == "" || end > len(data) || f.Type.Kind() < reflect.Int || f.Type.Kind() > reflect.Uint64 {
		return nil, false
	}
	n, err := strconv.ParseFloat(f.Number, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 || !strings.ContainsAny(f.Number, ".eE") {
		return nil, false
	}
	return slices.Concat(data[:f.Offset], strconv.AppendInt(nil, int64(n), 10), data[end:]), true
}

// fieldOf names a field as the request does, and says in plain words what is wrong.
func fieldOf(d *huma.ErrorDetail) errs.Field {
	if text, ok := strings.CutPrefix(d.Message, mark); ok {
		name, text, _ := strings.Cut(text, mark)
		code, reason, _ := strings.Cut(text, mark)
		return errs.Field{Name: name, Code: code, Reason: reason}
	}
	name := d.Location
	for _, place := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(name, place); ok {
			name = rest
			break
		}
	}
	if strings.HasPrefix(name, "body[") { // the body is a list
		name = strings.TrimPrefix(name, "body")
	}
	if missing, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		missing = strings.TrimSuffix(missing, " to be present")
		if name != "" && name != "body" {
			missing = name + "." + missing
		}
		return errs.Field{Name: clip(missing), Code: "required", Reason: "is required"}
	}
	if name == "" {
		name = "body"
	}
	return reasonOf(d.Message).In(clip(name))
}

// saying gives messages of huma that begin alike a code, and the style of our other
// errors. The rest of a message is the argument of the code where Format takes one.
type saying struct{ Huma, Code, Format string }

var sayings = []saying{
	{Huma: "unexpected property", Code: "unknown-field", Format: "is not a field of this request"},
	{Huma: "unknown query parameter", Code: "unknown-parameter", Format: "is not a parameter of this request"},
	{Huma: "required ", Code: "required", Format: "is required"},
	{Huma: "expected length <= ", Code: "too-long", Format: "must have at most %s characters"},
	{Huma: "expected length >= ", Code: "too-short", Format: "must have at least %s characters"},
	{Huma: "expected array length <= ", Code: "too-many", Format: "must have at most %s entries"},
	{Huma: "expected array length >= ", Code: "too-few", Format: "must have at least %s entries"},
	{Huma: "expected number <= ", Code: "above-maximum", Format: "must be at most %s"},
	{Huma: "expected number >= ", Code: "below-minimum", Format: "must be at least %s"},
	{Huma: "expected number > ", Code: "not-above", Format: "must be more than %s"},
	{Huma: "expected number < ", Code: "not-below", Format: "must be less than %s"},
	{Huma: "expected boolean", Code: "wrong-type", Format: "must be true or false"},
	{Huma: "expected integer", Code: "not-a-number", Format: "must be a whole number"},
	{Huma: "expected number", Code: "wrong-type", Format: "must be a number"},
	{Huma: "expected string to match", Code: "wrong-format", Format: "must match%s"},
	{Huma: "expected string to be RFC 3339 date-time", Code: "not-a-time", Format: "must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"},
	{Huma: "expected string to be ", Code: "wrong-format", Format: "must be %s"},
	{Huma: "expected string", Code: "wrong-type", Format: "must be a string"},
	{Huma: "expected array items to be unique", Code: "named-twice", Format: "must not name anything twice"},
	{Huma: "expected array", Code: "wrong-type", Format: "must be a list"},
	{Huma: "expected object", Code: "wrong-type", Format: "must be an object"},
	{Huma: "expected value to be ", Code: "not-a-choice", Format: "must be %s"},
	{Huma: "expected ", Code: "wrong-format", Format: "must be %s"},
	{Huma: "invalid integer", Code: "not-a-number", Format: "must be a whole number within range"},
	{Huma: "invalid float", Code: "wrong-type", Format: "must be a number"},
	{Huma: "invalid boolean", Code: "wrong-type", Format: "must be true or false"},
}

// reasonOf is a message of huma as the reason of an error.
func reasonOf(message string) errs.Reason {
	for _, s := range sayings {
		if rest, ok := strings.CutPrefix(message, s.Huma); ok {
			if !strings.Contains(s.Format, "%s") {
				return errs.Reason{Code: s.Code, Text: s.Format}
			}
			return errs.Why(s.Code, s.Format, plainNumber(rest))
		}
	}
	return errs.Reason{Code: "not-valid", Text: message}
}

// plainNumber writes out a number that huma writes with an exponent, such as 9.466848e+11.
// Other texts stay as they are.
func plainNumber(text string) string {
	if !strings.Contains(text, "e+") {
		return text
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
