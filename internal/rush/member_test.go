package rush

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestMember(t *testing.T) {
	const object = ` {"id":"a","nested":{"id":"b","list":[1,{"id":"c"}]}, "odd\\\"": "x}", "n" : -1.5e3,"none":null,"empty":[],"seats":[ {"x":"]"} , [1,2],3,"four" ],"status":"..s"}`
	for name, want := range map[string]string{
		"id": `"a"`, "nested": `{"id":"b","list":[1,{"id":"c"}]}`, "n": "-1.5e3", "none": "null", "empty": "[]", "status": `"..s"`, "list": "", "c": "", "x": "",
	} {
		if got := member([]byte(object), name); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{"id": "a", "status": "..s", "n": "", "odd": ""} {
		if got := text([]byte(object), name); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]int{"seats": 4, "empty": 0, "id": 0, "missing": 0} {
		if got := elements(member([]byte(object), name)); got != want {
			t.Errorf("%s has %d elements, want %d", name, got, want)
		}
	}
	if text([]byte(`{"a":"x\ny"}`), "a") != nil {
		t.Error("a string with an escape was taken for its text")
	}
}

// What a fan reads is what a JSON library reads, and nothing breaks on what is
// not JSON.
func FuzzMember(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":{"a":[1,2]},"b":"\"","c":[]}`, `{"a":`, `{"a":}`, `[}`, `{"a":[}`, `{"a":"\`, `{"b":{"a":1},"a":[[],{},"]",1]}`, "", "{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := member(raw, "a")
		n := elements(got)
		_ = text(raw, "a")
		var all map[string]json.RawMessage
		if json.Unmarshal(raw, &all) != nil || all == nil || bytes.Count(raw, []byte(`"a"`)) > 1 || bytes.Contains(raw, []byte(`\u`)) {
			return
		}
		if string(all["a"]) != string(got) {
			t.Fatalf("%q: a is %q, want %q", raw, got, all["a"])
		}
		var list []json.RawMessage
		if json.Unmarshal(got, &list) == nil && len(list) != n {
			t.Fatalf("%q has %d elements, want %d", got, n, len(list))
		}
	})
}
