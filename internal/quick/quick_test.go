package quick

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type order struct {
	Name  string   `json:"name"`
	Count int      `json:"count,omitempty"`
	List  []string `json:"list,omitempty"`
}

func read(b []byte) (order, bool) {
	var o order
	r := Reader{b: b}
	r.Object(func(name []byte) {
		switch string(name) {
		case "name":
			o.Name = r.Text(10)
		case "count":
			o.Count = r.Number(100)
		case "list":
			o.List = []string{}
			r.Array(3, func() { o.List = append(o.List, r.Text(10)) })
		default:
			r.Fail()
		}
	})
	return o, r.done()
}

func TestReader(t *testing.T) {
	for _, plain := range []string{
		`{"name":"a"}`, ` { "name" : "a" , "count" : 7 } `, `{"list":["a","b","c"],"count":100,"name":"x y"}`, `{"name":"a","list":[]}`, "{\n\t\"name\": \"a\"\r\n}",
	} {
		if _, ok := read([]byte(plain)); !ok {
			t.Errorf("%s is plain", plain)
		}
	}
	for _, odd := range []string{
		``, `{`, `{"name"`, `{"name":`, `{"name":"a"`, `{"name":"a",}`, `{"name":"a"}}`, `["a"]`, `{"name":""}`, `{"name":"a\n"}`, `{"name":"ä"}`, `{"name":"12345678901"}`,
		`{"name":7}`, `{"count":0}`, `{"count":101}`, `{"count":07}`, `{"count":-1}`, `{"count":1.0}`, `{"count":1e1}`, `{"count":12345678}`, `{"count":"1"}`, `{"count":}`,
		`{"other":1}`, `{"list":["a","b","c","d"]}`, `{"list":["a",]}`, `{"list":[1]}`, `{"list":null}`, `{"name":"a" "count":1}`, `{"n\u0061me":"a"}`, "{\"name\":\"a\x00\"}",
	} {
		if o, ok := read([]byte(odd)); ok {
			t.Errorf("%s is not plain, and was read as %+v", odd, o)
		}
	}
}

// What goes the short way is what the long way would have read.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"list":["a","b"],"count":100,"name":"x y"}`))
	f.Add([]byte(`{"count":7 , "count":8}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := read(b)
		if !ok {
			return
		}
		var want order
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil || got.Name != want.Name || got.Count != want.Count || strings.Join(got.List, "|") != strings.Join(want.List, "|") {
			t.Fatalf("%q was read as %+v, not %+v: %v", b, got, want, err)
		}
	})
}

// What is written is what the long way would have written.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "101-A-12", `"\`, "<&>", "ä", "\x00\x1f\x7f", "\u2028", "\xff"} {
		f.Add(s, int64(-5), int64(1_764_019_205_123_456))
	}
	f.Fuzz(func(t *testing.T, s string, n, at int64) {
		when := time.UnixMicro(at % (1 << 55)).UTC()
		got := append(Time(Number(Text([]byte{'{'}, "a", s), "b", n), "c", when), '}')
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct {
			A string    `json:"a"`
			B int64     `json:"b"`
			C time.Time `json:"c"`
		}{s, n, when}); err != nil {
			return // a year of five digits
		}
		if string(got)+"\n" != want.String() {
			t.Fatalf("%s, not %s", got, want.String())
		}
	})
}
