package codec

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Marshal writes the bytes of encoding/json: what is stored and hashed stays the same.
func FuzzMarshal(f *testing.F) {
	for _, s := range []string{"", "101-A-12", `"\`, "<&>", "ä", "\x00\x08\x0c\x1f\x7f", "\u2028\u2029", "👩‍🎤"} {
		f.Add(s, int64(-5), int64(1_764_019_205_123_456), 1e21)
		f.Add(s, int64(0), int64(0), 0.1)
	}
	f.Fuzz(func(t *testing.T, s string, n, at int64, size float64) {
		when := time.UnixMicro(at % (1 << 55)).UTC()
		o := order{Name: strings.ToValidUTF8(s, ""), Count: n, At: &when, Other: map[string]any{"b": s, "a": n, "c": nil, s: []float32{float32(size)}}, More: More{n > 0, time.Duration(n), size}}
		if n > 7 {
			o.List, o.None, o.At, o.Map = []string{s, ""}, []int{}, nil, map[string]string{"z": s, "y": ""}
		}
		v := struct {
			order
			Raw   json.RawMessage `json:"raw"`
			Bytes []byte
			Hash  [4]byte
			None  *int
			Any   any `json:",omitempty"`
		}{order: o, Raw: json.RawMessage(`{ "a": 1.0, "b<": "\u00e4<" }`), Bytes: []byte(s), Hash: [4]byte{1, 2}, Any: o.Map}
		want, err := json.Marshal(v)
		if err != nil || strings.Contains(string(want), `\ufffd`) {
			return // a year of five digits, or text that is not UTF-8 and is never taken
		}
		if got, err := Marshal(v); err != nil || string(got) != string(want) {
			t.Fatalf("%s, not %s: %v", got, want, err)
		}
		want, _ = json.MarshalIndent(v, "", "  ")
		if got, err := Indent(v); err != nil || string(got) != string(want) {
			t.Fatalf("%s, not %s: %v", got, want, err)
		}
	})
}

// What an earlier version has stored with encoding/json is read as it was.
func TestReadKnown(t *testing.T) {
	type row struct {
		order
		Hash  [4]byte
		Bytes []byte
	}
	when := time.UnixMicro(1_764_019_205_123_456).UTC()
	want := row{order{Name: "<ä\u2028>", Count: 7, List: []string{"a"}, At: &when, More: More{true, time.Minute, 0.1}}, [4]byte{1, 2}, []byte("b")}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got row
	if err := ReadKnown(append([]byte(`{"of a later version":1,`), raw[1:]...), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v: %v", got, want, err)
	}
	for _, bad := range []string{`{"name":"a","name":"b"}`, "{\"name\":\"\xff\"}", `{"name":"a"} x`} {
		if err := ReadKnown([]byte(bad), &row{}); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	var other order
	if err := ReadKnown([]byte(`{"Name":"a"}`), &other); err != nil || other.Name != "" {
		t.Errorf("Name is read as name: %+v, %v", other, err)
	}
}

// Values that follow one another are read until the end, whatever space is between.
func TestDecoder(t *testing.T) {
	for text, ends := range map[string]bool{"": true, " \n": true, `{"name":"a"}`: true, "{\"name\":\"a\"}\n{\"name\":\"b\"}\n": true, `{"name":"a"}{`: false, `{"name":"a"} x`: false, `{"name":`: false} {
		d, want := NewDecoder(strings.NewReader(text)), strings.Count(text, "}")
		for n := 0; ; n++ {
			var o order
			err := d.Decode(&o)
			if err == nil {
				continue
			}
			if (err == io.EOF) != ends || n != want {
				t.Errorf("%q: %v after %d", text, err, n)
			}
			break
		}
	}
}

func TestReadTree(t *testing.T) {
	const text = `{"a":[1.0,"x",{"b":1e5}],"c":null,"d":123456789012345678901234567890}`
	v, err := ReadTree([]byte(text))
	want := map[string]any{"a": []any{Number("1.0"), "x", map[string]any{"b": Number("1e5")}}, "c": nil, "d": Number("123456789012345678901234567890")}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("%#v, %v", v, err)
	}
	if raw, err := Marshal(v); err != nil || string(raw) != text {
		t.Errorf("%s, %v", raw, err)
	}
}

// A fault names the value as clients do, and says what is wrong with it.
func TestFaultOf(t *testing.T) {
	type in struct {
		A struct {
			L []struct {
				N *int32    `json:"n"`
				F float64   `json:"f"`
				T time.Time `json:"t"`
				B bool      `json:"b"`
				S string    `json:"s"`
			} `json:"l"`
			M map[string]int `json:"m"`
		} `json:"a"`
	}
	for text, want := range map[string]string{
		`{"a":{"l":[{"n":1},{"n":"x"}]}}`:      "a.l[1].n must be a whole number within range, not this string",
		`{"a":{"l":[{"n":1.5}]}}`:              "a.l[0].n must be a whole number within range, not this number",
		`{"a":{"l":[{"f":[]}]}}`:               "a.l[0].f must be a number within range, not this array",
		`{"a":{"l":[{"b":"true"}]}}`:           "a.l[0].b must be true or false, not this string",
		`{"a":{"l":[{"s":true}]}}`:             "a.l[0].s must be a string, not this bool",
		`{"a":{"l":[{"t":"soon"}]}}`:           `a.l[0].t must be a time as RFC 3339 writes it, such as 2030-12-31T20:00:00Z`,
		`{"a":{"l":[{"N":7}]}}`:                "a.l[0].N is not a field of this",
		`{"a":{"l":{}}}`:                       "a.l must be a list, not this object",
		`{"a":[]}`:                             "a must be an object, not this array",
		`7`:                                    " must be an object, not this number",
		`{"a":{"m":{"x":1,"y":2,"\u0078":3}}`:  "a.m.x appears twice",
		`{"a":{"l":[{"s":"` + "\xff" + `"}]}}`: "a.l[0].s is not valid Unicode",
		`{"a":{"l":[{"s":"secret\ud800"}]}}`:   "a.l[0].s is not valid Unicode",
		`{"a":`:                                "a ends too early",
		`{"a":x}`:                              "a is not JSON",
	} {
		f, ok := FaultOf(Read([]byte(text), &in{}))
		if got := f.Path + " " + f.Reason; !ok || got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
	if f, ok := FaultOf(errors.New("other")); ok {
		t.Errorf("%+v", f)
	}
}

// An error never repeats the input, whichever reader it comes from.
func FuzzErrorsRepeatNothing(f *testing.F) {
	for _, s := range []string{`{"name":"MARK\ud800MARK"}`, `{"name":"\MARK"}`, `{"at":"MARK"}`, `{"count":"MARK"}`, `{"MARK":1}`, `{"MARK\ud800":1}`, `MARK`, `{"list":["MARK",7]}`, `{"other":{"MARK":1,"MARK":2}}`, `{"name":"a"}MARK`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, tree := ReadTree([]byte(text))
		for _, err := range []error{Read([]byte(text), &order{}), ReadKnown([]byte(text), &order{}), NewDecoder(strings.NewReader(text)).Decode(&order{}), tree} {
			if err == nil {
				continue
			}
			fault, ok := FaultOf(err)
			if !ok && err != io.EOF {
				t.Fatalf("%q: %v is not a fault", text, err)
			}
			if said := err.Error() + fault.Reason; strings.Contains(said, "MARK") || strings.Contains(said, "jsontext") {
				t.Fatalf("%q: says %s", text, said)
			}
		}
	})
}

func TestWholeCharacters(t *testing.T) {
	for stored, want := range map[string]string{
		`{}`:                         `{}`,
		`{"a":"\ud83d\ude00\u00e4"}`: `{"a":"\ud83d\ude00\u00e4"}`,
		`{"a":"\\ud800"}`:            `{"a":"\\ud800"}`,
		`{"a":"x\ud800y\uDC00","n":1.50,"l":[12345678901234567890123]}`: `{"a":"x\ufffdy\ufffd","n":1.50,"l":[12345678901234567890123]}`,
		`{"\uD800":{"b":"\ude00\ud83d"}}`:                               `{"\ufffd":{"b":"\ufffd\ufffd"}}`,
	} {
		got := WholeCharacters(stored)
		if strings.ReplaceAll(got, "\ufffd", `\ufffd`) != want {
			t.Errorf("%s: %s, not %s", stored, got, want)
		}
		if err := ReadKnown([]byte(got), new(any)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}
