package sqldb

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// Rows is a set of rows for the FROM clause of a statement, PostgreSQL only. The set is
// named w, and each column is passed as a parameter with an array:
//
//	"UPDATE t SET n = w.n FROM " + Rows("id TEXT, n BIGINT") + " WHERE t.id = w.id"
//
// The arrays are unnested in the select list. An unnest in FROM would first copy
// each into a temporary table.
func Rows(columns string) string {
	list := strings.Split(columns, ",")
	for i, column := range list {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		list[i] = fmt.Sprintf("unnest(CAST($%d AS %s[])) AS %s", i+1, kind, name)
	}
	return "(SELECT " + strings.Join(list, ", ") + ") AS w"
}

// Room grows columns so that they take n more rows without being copied.
func Room[T any](n int, columns ...*[]T) {
	for _, c := range columns {
		*c = slices.Grow(*c, n)
	}
}

// arrays encodes the arrays of sets. pgx's general codec accesses each element through
// an interface, at six times the cost.
type arrays struct{ *pgtype.ArrayCodec }

// quickArrays replaces pgx's codec with arrays.
func quickArrays(m *pgtype.Map) {
	for _, oid := range []uint32{pgtype.TextArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID, pgtype.ByteaArrayOID} {
		t, _ := m.TypeForOID(oid)
		m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: arrays{t.Codec.(*pgtype.ArrayCodec)}})
	}
}

func (c arrays) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode {
		switch value.(type) {
		case []string:
			if oid == pgtype.TextArrayOID {
				return encodeArray[string]{pgtype.TextOID, func(buf []byte, v string) []byte { return append(appendInt(buf, len(v)), v...) }}
			}
		case []int64:
			if oid == pgtype.Int8ArrayOID {
				return encodeArray[int64]{pgtype.Int8OID, func(buf []byte, v int64) []byte { return binary.BigEndian.AppendUint64(appendInt(buf, 8), uint64(v)) }}
			}
		case []bool:
			if oid == pgtype.BoolArrayOID {
				return encodeArray[bool]{pgtype.BoolOID, appendBool}
			}
		case [][]byte:
			if oid == pgtype.ByteaArrayOID {
				return encodeArray[[]byte]{pgtype.ByteaOID, appendBytes}
			}
		}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// encodeArray writes the binary form of a one-dimensional array.
type encodeArray[T any] struct {
	element uint32
	put     func(buf []byte, v T) []byte // appends the length of an element and the element
}

func (e encodeArray[T]) Encode(value any, buf []byte) ([]byte, error) {
	list := value.([]T)
	for _, n := range [...]int{1 /* dimension */, 0 /* flags */, int(e.element), len(list), 1 /* first index */} {
		buf = appendInt(buf, n)
	}
	for i, v := range list {
		before := len(buf)
		buf = e.put(buf, v)
		if i == 0 { // the other elements are about as long
			buf = slices.Grow(buf, (len(list)-1)*(len(buf)-before))
		}
	}
	return buf, nil
}

func appendInt(buf []byte, n int) []byte { return binary.BigEndian.AppendUint32(buf, uint32(int32(n))) }

func appendBool(buf []byte, v bool) []byte {
	if v {
		return append(appendInt(buf, 1), 1)
	}
	return append(appendInt(buf, 1), 0)
}

// appendBytes encodes nil as NULL, as pgx does. The array's flag for NULLs need not be
// set: the server does not rely on it.
func appendBytes(buf []byte, v []byte) []byte {
	if v == nil {
		return appendInt(buf, -1)
	}
	return append(appendInt(buf, len(v)), v...)
}
