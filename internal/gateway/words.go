package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

// huma keeps of a decoder's error only the text. decode therefore writes field
// and reason into the text, between marks that no other text has.
const mark = "\x1f"

type decodeError struct{ field, reason string }

func (e decodeError) Error() string { return mark + e.field + mark + e.reason }

// jsonFormat is how huma reads and writes JSON.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: encode, Unmarshal: decode}
}

func encode(w io.Writer, v any) error {
	if p, ok := v.(*Problem); ok { // it is written already, and need not be read again
		doc, err := p.MarshalJSON()
		if err == nil {
			_, err = w.Write(append(doc, '\n'))
		}
		return err
	}
	return codec.Write(w, v)
}

// decode reads a body that checkJSON has passed. Its error names the field that
// does not fit. A number such as 2.0 is an integer, as in JSON Schema, where one
// is wanted: encoding/json knows only 2.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var wrong *json.UnmarshalTypeError
	for budget := maxRead; errors.As(err, &wrong) && budget > 0; budget -= len(data) {
		whole, ok := asInteger(data, wrong)
		if !ok {
			break
		}
		data = whole
		err = json.Unmarshal(data, v)
	}
	if errors.As(err, &wrong) {
		kind, _, _ := strings.Cut(wrong.Value, " ") // "number 1.5" without the number
		return decodeError{fieldAt(data, int(wrong.Offset)-1), "must be " + plainType(wrong.Type.String()) + ", not this " + kind}
	}
	return err
}

// maxRead bounds what decode reads again for numbers that have a point.
const maxRead = 4 << 20

// asInteger is a body in which the number that did not fit is written as an
// integer; ok is false when it is none.
func asInteger(data []byte, wrong *json.UnmarshalTypeError) (whole []byte, ok bool) {
	if !strings.HasPrefix(wrong.Value, "number ") || wrong.Type == nil || wrong.Type.Kind() < reflect.Int || wrong.Type.Kind() > reflect.Uint64 {
		return nil, false
	}
	end := int(wrong.Offset)
	if end > len(data) {
		return nil, false
	}
	begin := end
	for begin > 0 && strings.IndexByte("0123456789+-.eE", data[begin-1]) >= 0 {
		begin--
	}
	text := string(data[begin:end])
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 || !strings.ContainsAny(text, ".eE") {
		return nil, false
	}
	return slices.Concat(data[:begin], strconv.AppendInt(nil, int64(n), 10), data[end:]), true
}

// plainType says a Go type in words.
func plainType(goType string) string {
	switch goType = strings.TrimLeft(goType, "*"); {
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number within range"
	case strings.HasPrefix(goType, "float"):
		return "a number within range"
	case goType == "string":
		return "a string"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "["):
		return "a list"
	}
	return "an object"
}

// fieldOf names a field as in the request and says in plain words what is wrong.
func fieldOf(d *huma.ErrorDetail) errs.Field {
	if text, ok := strings.CutPrefix(d.Message, mark); ok {
		name, reason, _ := strings.Cut(text, mark)
		return errs.Field{Name: name, Reason: reason}
	}
	name := d.Location
	for _, place := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(name, place); ok {
			name = rest
			break
		}
	}
	if strings.HasPrefix(name, "body[") { // a list as a body
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
	return errs.Field{Name: clip(name), Reason: inWords(d.Message)}
}

// sayings are huma's messages in the words of our other errors.
var sayings = []struct{ huma, ours, end string }{
	{"unexpected property", "is not a field of this request", ""},
	{"unknown query parameter", "is not a parameter of this request", ""},
	{"required ", "is required", "-"},
	{"expected length <= ", "must have at most ", " characters"},
	{"expected length >= ", "must have at least ", " characters"},
	{"expected array length <= ", "must have at most ", " entries"},
	{"expected array length >= ", "must have at least ", " entries"},
	{"expected number <= ", "must be at most ", ""},
	{"expected number >= ", "must be at least ", ""},
	{"expected number > ", "must be more than ", ""},
	{"expected number < ", "must be less than ", ""},
	{"expected boolean", "must be true or false", ""},
	{"expected integer", "must be a whole number", ""},
	{"expected number", "must be a number", ""},
	{"expected string to match", "must match", ""},
	{"expected string to be RFC 3339 date-time", "must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z", ""},
	{"expected string to be ", "must be ", ""},
	{"expected string", "must be a string", ""},
	{"expected array items to be unique", "must not name anything twice", ""},
	{"expected array", "must be a list", ""},
	{"expected object", "must be an object", ""},
	{"expected value to be ", "must be ", ""},
	{"expected ", "must be ", ""},
	{"invalid integer", "must be a whole number within range", "-"},
	{"invalid float", "must be a number", "-"},
	{"invalid boolean", "must be true or false", "-"},
}

func inWords(message string) string {
	for _, s := range sayings {
		if rest, ok := strings.CutPrefix(message, s.huma); ok {
			if s.end == "-" { // the rest says nothing more
				return s.ours
			}
			return s.ours + rest + s.end
		}
	}
	return message
}
