package codec

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Number is a number as it is written.
type Number string

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// numbers reads numbers of any kind as Number.
var numbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return json.SkipFunc
	}
	raw, err := d.ReadValue()
	if err == nil {
		*v = Number(raw)
	}
	return err
}))

// ReadTree reads a value of any kind: objects are map[string]any, lists are []any, and
// numbers are Number.
func ReadTree(raw []byte) (v any, err error) {
	err = json.Unmarshal(raw, &v, numbers)
	return v, faultOf(err, raw)
}
