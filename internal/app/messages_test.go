package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

var updateMessages = flag.Bool("update-messages", false, "write a golden file for each message that has changed")

// messages are all messages of the bus, by topic and type.
var messages = []struct {
	topic, kind string
	body        any
}{
	{eventapi.Topic, eventapi.TypeChanged, &eventapi.ChangedMessage{}},
	{eventapi.Topic, eventapi.TypeSettled, &eventapi.SettledMessage{}},
	{bookingapi.SalesTopic, bookingapi.TypeAccepted, &bookingapi.AnswerMessage{}},
	{bookingapi.SalesTopic, bookingapi.TypeRefused, &bookingapi.AnswerMessage{}},
	{paymentapi.Topic, paymentapi.TypeCaptured, &paymentapi.CapturedMessage{}},
	{paymentapi.ReturnsTopic, paymentapi.TypeReturned, &paymentapi.ReturnedMessage{}},
	{paymentapi.DisputesTopic, paymentapi.TypeDisputed, &paymentapi.DisputedMessage{}},
	{paymentapi.FailedRefundsTopic, paymentapi.TypeRefundFailed, &paymentapi.FailedRefundsMessage{}},
	{userapi.Topic, userapi.TypeDeleted, &userapi.DeletedMessage{}},
}

// The bytes of each message are kept in numbered files, the last of which is what this
// version writes. This version reads all of them, and with fields that it does not know.
// A later file has everything that the one before has, so the version before reads it. A
// message may get new fields, with a new file (-update-messages); files are never changed.
func TestMessageBytes(t *testing.T) {
	for _, m := range messages {
		t.Run(m.topic+"."+m.kind, func(t *testing.T) {
			sample(t, "", reflect.ValueOf(m.body).Elem())
			body, err := codec.Marshal(m.body)
			if err != nil {
				t.Fatal(err)
			}
			message := bus.Message{Topic: m.topic, Key: "06a1b2c3d4e5f601", ID: "01767225600000000-x", Type: m.kind, At: time.UnixMicro(1767225600000000), After: "01767225599000000-w", Body: body}
			written, err := message.Encode()
			if err != nil {
				t.Fatal(err)
			}
			golden := goldenMessages(t, m.topic, m.kind, written)
			for i, raw := range golden {
				reads(t, raw, m.body)
				reads(t, withUnknown(t, raw), m.body)
				if i > 0 {
					if lost := missing("", members(t, golden[i-1]), members(t, raw)); lost != "" {
						t.Errorf("file %d has not what file %d has: %s", i+1, i, lost)
					}
				}
			}
		})
	}
}

// goldenMessages are the files of a message, oldest first; the last one must be what is
// written now.
func goldenMessages(t *testing.T, topic, kind string, written []byte) (list [][]byte) {
	t.Helper()
	name := func(n int) string {
		return filepath.Join("testdata", "messages", fmt.Sprintf("%s.%s.%d.json", topic, kind, n))
	}
	for {
		raw, err := os.ReadFile(name(len(list) + 1))
		if err != nil {
			break
		}
		list = append(list, bytes.TrimSuffix(raw, []byte("\n")))
	}
	if len(list) > 0 && bytes.Equal(list[len(list)-1], written) {
		return list
	}
	if !*updateMessages {
		t.Fatalf("this is written now, and has no golden file: %s", written)
	}
	if err := os.WriteFile(name(len(list)+1), append(slices.Clone(written), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(list, written)
}

// sample gives each field below a place a value of its own, which does not change when
// other fields are added.
func sample(t *testing.T, at string, v reflect.Value) {
	t.Helper()
	if raw, ok := v.Addr().Interface().(*codec.Raw); ok { // of a message: the state of a sale
		var sale bookingapi.Sale
		sample(t, at, reflect.ValueOf(&sale).Elem())
		b, err := codec.Marshal(sale)
		if err != nil {
			t.Fatal(err)
		}
		*raw = b
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name == "" {
				t.Fatalf("%s.%s has no name of its own", v.Type(), v.Type().Field(i).Name)
			}
			sample(t, at+"/"+name, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		sample(t, at, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		sample(t, at, v.Index(0))
	case reflect.String:
		v.SetString(at)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		h := fnv.New32a()
		_, _ = h.Write([]byte(at))
		v.SetInt(int64(h.Sum32() >> 1))
	default:
		t.Fatalf("%s: there is no sample of %s", at, v.Type())
	}
}

// reads checks that this version reads a message as it is meant: what is in it has the
// values of the sample.
func reads(t *testing.T, raw []byte, want any) {
	t.Helper()
	m, err := bus.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := reflect.New(reflect.TypeOf(want).Elem())
	if err := codec.ReadKnown(m.Body, got.Interface()); err != nil {
		t.Fatalf("%v: %s", err, m.Body)
	}
	if changed, ok := got.Interface().(*eventapi.ChangedMessage); ok {
		var sale bookingapi.Sale
		if err := codec.ReadKnown(changed.Sale, &sale); err != nil {
			t.Fatalf("%v: %s", err, changed.Sale)
		}
		if changed.Sale, err = codec.Marshal(sale); err != nil {
			t.Fatal(err)
		}
	}
	again, err := codec.Marshal(got.Interface())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := codec.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if strange := missing("", known(members(t, m.Body), members(t, whole)), members(t, again)); strange != "" {
		t.Errorf("%s is not read from %s", strange, m.Body)
	}
}

// members is JSON as a tree.
func members(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// missing names something of one tree that another one does not have, or has with another
// value; "": nothing.
func missing(at string, some, all any) string {
	switch some := some.(type) {
	case map[string]any:
		other, ok := all.(map[string]any)
		if !ok {
			return at
		}
		for _, k := range slices.Sorted(maps.Keys(some)) {
			if lost := missing(at+"/"+k, some[k], other[k]); lost != "" {
				return lost
			}
		}
	case []any:
		other, ok := all.([]any)
		if !ok || len(some) != len(other) {
			return at
		}
		for i := range some {
			if lost := missing(at, some[i], other[i]); lost != "" {
				return lost
			}
		}
	default:
		if some != all {
			return at
		}
	}
	return ""
}

// known is the part of a tree whose members another one has as well.
func known(tree, all any) any {
	switch tree := tree.(type) {
	case map[string]any:
		other, _ := all.(map[string]any)
		out := map[string]any{}
		for k, v := range tree {
			if _, ok := other[k]; ok {
				out[k] = known(v, other[k])
			}
		}
		return out
	case []any:
		out := []any{}
		for i := range tree {
			if other, _ := all.([]any); i < len(other) {
				out = append(out, known(tree[i], other[i]))
			}
		}
		return out
	}
	return tree
}

// withUnknown is a message with a new field in each object.
func withUnknown(t *testing.T, raw []byte) []byte {
	t.Helper()
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, below := range v {
				add(below)
			}
			v["of_a_later_version"] = map[string]any{"a": []int{1}}
		case []any:
			for _, below := range v {
				add(below)
			}
		}
	}
	tree := members(t, raw)
	add(tree)
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Each topic of the program and each type that a contract names has its golden files.
func TestAllMessagesHaveGoldenFiles(t *testing.T) {
	topics, kinds := map[string]bool{}, map[string]bool{}
	for _, m := range messages {
		topics[m.topic], kinds[m.kind] = true, true
	}
	for _, o := range newHouse(t).outboxes() {
		if !topics[o.Topic()] {
			t.Errorf("the messages of topic %s have no golden files", o.Topic())
		}
	}
	files, err := filepath.Glob("../*api/*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)^(?:const )?\s*Type[A-Z]\w*\s+= "([\w-]+)"`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range named.FindAllSubmatch(text, -1) {
			if found++; !kinds[string(kind[1])] {
				t.Errorf("the messages of type %s have no golden files", kind[1])
			}
		}
	}
	if found < len(messages) {
		t.Errorf("%d types were found", found)
	}
}

// The rules of the files are held: a field that was renamed, retyped or lost is noticed.
func TestMessageRules(t *testing.T) {
	was := members(t, []byte(`{"a":1,"list":[{"b":"x"}]}`))
	for text, lost := range map[string]string{
		`{"a":1,"list":[{"b":"x","new":2}],"new":true}`: "",
		`{"list":[{"b":"x"}]}`:                          "/a",
		`{"a":"1","list":[{"b":"x"}]}`:                  "/a",
		`{"a":1,"list":[{"c":"x"}]}`:                    "/list/b",
		`{"a":1,"list":{}}`:                             "/list",
	} {
		if got := missing("", was, members(t, []byte(text))); got != lost {
			t.Errorf("%s: missing %q, not %q", text, got, lost)
		}
	}
}
