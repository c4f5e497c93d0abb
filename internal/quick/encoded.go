package quick

import (
	"bytes"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
)

// Encoded is the body of an answer that is encoded early, because its ETag depends
// on the encoded value.
type Encoded[T any] struct {
	Value *T
	raw   []byte
}

// Encode encodes the current value.
func (e *Encoded[T]) Encode() (raw []byte, err error) {
	var buf bytes.Buffer
	buf.Grow(1 << 10)
	err = codec.Write(&buf, e.Value)
	e.raw = buf.Bytes()
	return bytes.TrimSuffix(e.raw, []byte("\n")), err
}

// Line implements codec.Line.
func (e Encoded[T]) Line() []byte { return e.raw }

// MarshalJSON implements json.Marshaler.
func (e Encoded[T]) MarshalJSON() ([]byte, error) { return e.raw, nil }

// Schema implements huma.SchemaProvider.
func (Encoded[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}
