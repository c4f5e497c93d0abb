package sqldb

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"
)

func TestRows(t *testing.T) {
	const want = `(SELECT unnest(CAST($1 AS TEXT[])) AS id, unnest(CAST($2 AS BIGINT[])) AS seq) AS w`
	if got := Rows("id TEXT,\n\t\tseq BIGINT"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The arrays equal, byte for byte, those of pgx, except for the flag that announces a
// NULL.
func TestArraysAreAsOfPgx(t *testing.T) {
	slow, quick := pgtype.NewMap(), pgtype.NewMap()
	quickArrays(quick)
	rapid.Check(t, func(t *rapid.T) {
		blob := rapid.OneOf(rapid.Just[[]byte](nil), rapid.SliceOf(rapid.Byte()))
		value, oid := any(nil), uint32(0)
		switch rapid.IntRange(0, 3).Draw(t, "type") {
		case 0:
			value, oid = rapid.SliceOf(rapid.String()).Draw(t, "texts"), pgtype.TextArrayOID
		case 1:
			value, oid = rapid.SliceOf(rapid.Int64()).Draw(t, "numbers"), pgtype.Int8ArrayOID
		case 2:
			value, oid = rapid.SliceOf(rapid.Bool()).Draw(t, "booleans"), pgtype.BoolArrayOID
		default:
			value, oid = rapid.SliceOf(blob).Draw(t, "blobs"), pgtype.ByteaArrayOID
		}
		want, err := slow.Encode(oid, pgtype.BinaryFormatCode, value, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := quick.Encode(oid, pgtype.BinaryFormatCode, value, nil)
		if err != nil {
			t.Fatal(err)
		}
		if list, ok := value.([][]byte); ok && slices.ContainsFunc(list, func(b []byte) bool { return b == nil }) {
			want[7] = 0
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%#v\ngot  %x\nwant %x", value, got, want)
		}
	})
}

// BenchmarkArrays encodes a column of a batch.
func BenchmarkArrays(b *testing.B) {
	texts := slices.Repeat([]string{"06h10ajrk4g0jbfrk8tgzhqrsd9r80s4bnfg"}, 35)
	for _, codec := range []string{"pgx", "arrays"} {
		b.Run(codec, func(b *testing.B) {
			m, buf := pgtype.NewMap(), make([]byte, 0, 4096)
			if codec == "arrays" {
				quickArrays(m)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Encode(pgtype.TextArrayOID, pgtype.BinaryFormatCode, texts, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
