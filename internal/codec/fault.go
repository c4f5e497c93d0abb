package codec

import (
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fault is why a text could not be read.
type Fault struct {
	Path   string       // of the value at fault, such as "tiers[1].price"; "" is the whole text
	Offset int          // of that value, in bytes
	Type   reflect.Type // that the value does not fit; nil when the text is not JSON
	Found  string       // the kind of the value: object, array, string, number, bool or null; "" when unknown
	Number string       // the number that does not fit, as it is written
	Reason string       // to follow the path: "appears twice"
	// NotUnicode says that the text is JSON but for bytes that are not UTF-8 or escapes
	// that are half of a surrogate pair.
	NotUnicode bool
	Err        error // the cause; its text may repeat the input
}

// Error says what is wrong without repeating any of the input, which may be secret.
func (f Fault) Error() string { return "JSON: byte " + strconv.Itoa(f.Offset) + ": " + f.Reason }

// Unwrap returns the cause.
func (f Fault) Unwrap() error { return f.Err }

// FaultOf returns the fault that an error of this package is about.
func FaultOf(err error) (f Fault, ok bool) {
	ok = errors.As(err, &f)
	return f, ok
}

// faultOf turns an error of the library into a Fault, since the library's own text
// repeats parts of the input. Other errors, such as those of a connection, stay.
func faultOf(err error, raw []byte) error {
	var meaning *json.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		f := Fault{Path: path(syntax.JSONPointer), Offset: int(syntax.ByteOffset), Err: syntax.Err}
		switch {
		case f.Twice():
			f.Reason = "appears twice"
		case errors.Is(err, io.ErrUnexpectedEOF):
			f.Reason = "ends too early"
		case jsontext.Value(raw).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)):
			f.Reason, f.NotUnicode = "is not valid Unicode", true
		default:
			f.Reason = "is not JSON"
		}
		return f
	case errors.As(err, &meaning):
		f := Fault{Path: path(meaning.JSONPointer), Offset: int(meaning.ByteOffset), Type: meaning.GoType, Found: kinds[meaning.JSONKind], Err: meaning.Err}
		if meaning.JSONKind == '0' {
			f.Number = string(meaning.JSONValue)
		}
		switch {
		case f.Unknown():
			f.Reason = "is not a field of this"
		case f.Type == reflect.TypeFor[time.Time]() && f.Found == "string":
			f.Reason = "must be " + wants(f.Type)
		case f.Found != "":
			f.Reason = "must be " + wants(f.Type) + ", not this " + f.Found
		default:
			f.Reason = "must be " + wants(f.Type)
		}
		return f
	}
	return err
}

// Unknown reports whether the fault is a member that the type does not know.
func (f Fault) Unknown() bool { return errors.Is(f.Err, json.ErrUnknownName) }

// Twice reports whether the fault is a member that appears twice.
func (f Fault) Twice() bool { return errors.Is(f.Err, jsontext.ErrDuplicateName) }

// wants says a Go type in words.
func wants(t reflect.Type) string {
	switch {
	case t == nil:
		return "something else"
	case t == reflect.TypeFor[time.Time]():
		return "a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number within range"
	case reflect.Float32, reflect.Float64:
		return "a number within range"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

var kinds = map[jsontext.Kind]string{'{': "object", '[': "array", '"': "string", '0': "number", 't': "bool", 'f': "bool", 'n': "null"}

// path writes a pointer as clients name a field: "/tiers/1/price" is "tiers[1].price".
func path(p jsontext.Pointer) string {
	var out strings.Builder
	for token := range p.Tokens() {
		_, err := strconv.ParseUint(token, 10, 32)
		switch {
		case err == nil:
			out.WriteString("[" + token + "]")
			continue
		case out.Len() > 0:
			out.WriteByte('.')
		}
		out.WriteString(token)
	}
	return out.String()
}
