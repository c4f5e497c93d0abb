package bus

import (
	"os"
	"testing"
	"time"
)

// The form of a message on the wire is read by this version and the one before: fields
// are only added. Unknown ones are ignored.
func TestWire(t *testing.T) {
	m := Message{Topic: "payments", Key: "0123456789abcdef", ID: "01767225600000000-x", Type: "captured", At: time.UnixMicro(1767225600000000),
		After: "01767225599000000-w", Body: []byte(`{"payments":[{"payment_id":"p","user_id":"u"}]}`)}
	golden, err := os.ReadFile("testdata/message.json")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := m.Encode()
	if err != nil || string(raw)+"\n" != string(golden) {
		t.Errorf("%v: encoded is %s", err, raw)
	}
	for _, text := range []string{string(golden), `{"new":{"a":[1]},` + string(golden[1:])} {
		got, err := Decode([]byte(text))
		if err != nil || got.Ref() != m.Ref() || got.Type != m.Type || !got.At.Equal(m.At) || got.After != m.After || string(got.Body) != string(m.Body) {
			t.Errorf("%v: %+v", err, got)
		}
	}
	for _, bad := range []string{"", "{}", "[]", `{"topic":"t","id":"1"}`, `{"topic":"t","body":{}}`, `{"id":"1","body":{}}`, `{"topic":"t","id":"1","at":"x","body":{}}`} {
		if m, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s is read as %+v", bad, m)
		}
	}
}

// The name of a run says which entries it has.
func TestRunNames(t *testing.T) {
	r := Run{EventID: "06a1b2c3d4e5f601", First: 7, Last: 12}
	if r.ID() != "06a1b2c3d4e5f601:7-12" {
		t.Error(r.ID())
	}
	if got, err := ParseRunID(r.ID()); err != nil || got.EventID != r.EventID || got.First != 7 || got.Last != 12 {
		t.Errorf("%v: %+v", err, got)
	}
	for _, bad := range []string{"", "e", "e:", "e:1", "e:1-", ":1-2", "e:2-1", "e:0-1", "e:1-2-3", "e:+1-2", "e:1-x", "e:1-99999999999999999999"} {
		if r, err := ParseRunID(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, r)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"topic":"t","key":"k","id":"1","type":"x","at":1,"after":"0","body":{"a":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Decode(raw)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := Decode(again); err != nil || same.Ref() != m.Ref() || same.Type != m.Type || same.After != m.After {
			t.Errorf("%s, then %s: %v", raw, again, err)
		}
	})
}
