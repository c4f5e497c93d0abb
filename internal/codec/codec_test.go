package codec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type order struct {
	Name  string            `json:"name"`
	Count int64             `json:"count,omitempty"`
	List  []string          `json:"list,omitempty"`
	At    *time.Time        `json:"at,omitempty"`
	Other map[string]any    `json:"other,omitempty"`
	None  []int             `json:"none"`
	Map   map[string]string `json:"map"`
	More
}

type More struct {
	Sure bool          `json:"sure,omitempty"`
	Wait time.Duration `json:"wait"`
	Size float64       `json:"size,omitempty"`
}

// What is written are the bytes that encoding/json writes.
func FuzzWrite(f *testing.F) {
	for _, s := range []string{"", "101-A-12", `"\`, "<&>", "ä", "\x00\x1f\x7f", "\u2028\u2029", "\xff", "👩‍🎤"} {
		f.Add(s, int64(-5), int64(1_764_019_205_123_456), 1e21)
		f.Add(s, int64(0), int64(0), 0.1)
	}
	f.Fuzz(func(t *testing.T, s string, n, at int64, size float64) {
		when := time.UnixMicro(at % (1 << 55)).UTC()
		o := order{Name: s, Count: n, At: &when, Other: map[string]any{"b": s, "a": n, "c": nil}, More: More{n > 0, time.Duration(n), size}}
		if n > 7 {
			o.List, o.None, o.At, o.Map = []string{s, ""}, []int{}, nil, map[string]string{"z": s, "y": ""}
		}
		var want, got, again bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(o); err != nil {
			return // a year of five digits, or no number
		}
		if err := Write(&got, &o); err != nil {
			t.Fatal(err)
		}
		if err := Write(struct{ *bytes.Buffer }{&again}, o); err != nil || again.String() != got.String() {
			t.Errorf("%q, to another writer %q, %v", &got, &again, err)
		}
		if text := strings.ReplaceAll(want.String(), `\ufffd`, "\ufffd"); strings.ReplaceAll(got.String(), `\ufffd`, "\ufffd") != text {
			t.Fatalf("%q, not %q", &got, text)
		}
	})
}

// JSON that was stored is written as it is, but for white space.
func TestStoredJSON(t *testing.T) {
	for _, stored := range []string{
		`{"a":1.0,"b":1e2,"c":-0,"d":12345678901234567890123}`, `{ "a" : "<&>\u00e4\u2028ä" , "b" : [ ] }`, `{"a":1,"a":2}`, `"\/"`, `null`,
	} {
		v := struct {
			A json.RawMessage `json:"a"`
		}{json.RawMessage(stored)}
		var want, got bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := Write(&got, v); err != nil || got.String() != want.String() {
			t.Errorf("%s\nis not %s%v", &got, &want, err)
		}
	}
}

// What is read is what encoding/json would have read, and no more than that.
func TestRead(t *testing.T) {
	for _, good := range []string{
		`{"name":"a"}`, ` { "name" : "a" , "count" : 7 } `, `{"list":["a","b"],"sure":true}`, "{\n\t\"name\": \"\\u00e4\"\r\n}", `{"name":null,"list":null}`, `{"name":"a","list":[]}`,
	} {
		var got, want order
		if err := Read([]byte(good), &got); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if err := json.Unmarshal([]byte(good), &want); err != nil || got.Name != want.Name || got.Count != want.Count || strings.Join(got.List, "|") != strings.Join(want.List, "|") || got.Sure != want.Sure {
			t.Errorf("%s: %+v, not %+v", good, got, want)
		}
	}
	for _, bad := range []string{
		``, `{`, `{"name"`, `{"name":`, `{"name":"a"`, `{"name":"a",}`, `{"name":"a"}}`, `["a"]`, `{"name":7}`, `{"count":1.0}`, `{"count":1e1}`, `{"count":"1"}`, `{"count":}`, `{"count":07}`,
		`{"Name":"a"}`, `{"unknown":1}`, `{"name":"a","name":"a"}`, `{"name":"a","n\u0061me":"b"}`, "{\"name\":\"\xff\"}", "{\"name\":\"\n\"}", `{"name":"a" "count":1}`, `{"name":"\ud800"}`,
	} {
		var o order
		if err := Read([]byte(bad), &o); err == nil {
			t.Errorf("%s was read as %+v", bad, o)
		}
	}
}

type line string

func (l line) Line() []byte { return []byte(l) }

func TestLines(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, line("{}\n")); err != nil || out.String() != "{}\n" {
		t.Errorf("%q, %v", &out, err)
	}
}
