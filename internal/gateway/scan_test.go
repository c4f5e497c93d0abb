package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

func TestCheckJSON(t *testing.T) {
	deep := strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1)
	many := func(last string) string {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return "{" + b.String() + `"` + last + `":0}`
	}
	for _, c := range []struct {
		name, body  string
		slug, field string // "" when nothing is wrong
	}{
		{"object", `{"event_id":"x","seats":["101-A-12","b"],"n":-1.5e3,"t":true,"f":false,"z":null,"o":{},"l":[]}`, "", ""},
		{"spaces", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", "", ""},
		{"other root", `"x"`, "", ""},
		{"escapes", `"\"\\\/\b\f\n\r\té😀"`, "", ""},
		{"same name elsewhere", `[{"a":1},{"a":{"a":2}},{"a":3}]`, "", ""},
		{"big whole number", `{"a":123456789012345678901234567890}`, "", ""},

		{"empty", ``, "malformed-json", "body"},
		{"cut off", `{"seats":["a"`, "malformed-json", "seats[0]"},
		{"cut off in string", `{"seats":["a`, "malformed-json", "seats[0]"},
		{"no colon", `{"a" 1}`, "malformed-json", "a"},
		{"no comma", `{"a":1 "b":2}`, "malformed-json", "a"},
		{"comma at the end", `[1,]`, "malformed-json", "[1]"},
		{"comma at the end of an object", `{"a":1,}`, "malformed-json", "a"},
		{"bare name", `{a:1}`, "malformed-json", "body"},
		{"two texts", `{} {}`, "malformed-json", "body"},
		{"NaN", `{"x":NaN}`, "malformed-json", "x"},
		{"infinity", `{"x":[1,-Infinity]}`, "malformed-json", "x[1]"},
		{"leading zero", `{"x":01}`, "malformed-json", "x"},
		{"plus", `{"x":+1}`, "malformed-json", "x"},
		{"bare point", `{"x":1.}`, "malformed-json", "x"},
		{"bare exponent", `{"x":1e}`, "malformed-json", "x"},
		{"bad word", `{"x":nul}`, "malformed-json", "x"},
		{"bad escape", `{"x":"\q"}`, "malformed-json", "x"},
		{"bad unicode escape", `{"x":"\u12g4"}`, "malformed-json", "x"},
		{"raw newline", "{\"x\":\"a\nb\"}", "malformed-json", "x"},

		{"overflow", `{"price":1e400}`, "invalid-field", "price"},
		{"overflow within", `{"tiers":[{"price":5},{"price":-1E+999}]}`, "invalid-field", "tiers[1].price"},
		{"long overflow", `{"price":` + strings.Repeat("9", 400) + `}`, "invalid-field", "price"},
		{"raw NUL", "{\"name\":\"a\x00b\"}", "invalid-field", "name"},
		{"NUL outside of strings", "{\"name\":\x001}", "invalid-field", "name"},
		{"escaped NUL", `{"seats":["a","b\u0000"]}`, "invalid-field", "seats[1]"},
		{"escaped NUL in a name", `{"a":{"b\u0000":1}}`, "invalid-field", "a"},
		{"NUL behind a backslash", `{"name":"\\\u0000"}`, "invalid-field", "name"},
		{"a backslash before u0000", `{"name":"\\u0000"}`, "", ""},
		{"three backslashes", `{"name":"\\\\u0000 \\\"u0000"}`, "", ""},
		{"not UTF-8", "{\"a\":{\"name\":\"\xff\"}}", "not-utf8", "a.name"},
		{"UTF-8 of a surrogate", "{\"name\":\"\xed\xa0\x80\"}", "not-utf8", "name"},
		{"overlong", "[\"ok\",\"\xc0\x80\"]", "not-utf8", "[1]"},
		{"a surrogate alone", `{"a":{"password":"hunter2\ud800"}}`, "not-utf8", "a.password"},
		{"a low surrogate", `["\uDFFF"]`, "not-utf8", "[0]"},
		{"two high surrogates", `{"a":"\ud800\ud800"}`, "not-utf8", "a"},
		{"a high surrogate before a letter", `{"a":"\uDBFF\u0061"}`, "not-utf8", "a"},
		{"a high surrogate before text", `{"a":"\ud83dxude00"}`, "not-utf8", "a"},
		{"a high surrogate before a broken escape", `{"a":"\ud83d\udxyz"}`, "not-utf8", "a"},
		{"surrogates in reverse", `{"a":"\ude00\ud83d"}`, "not-utf8", "a"},
		{"a surrogate in a name", `{"a":{"b\ud800":1}}`, "not-utf8", "a"},
		{"surrogate pairs", `{"a\uD83D\uDE00":"\ud83d\ude00\uDBFF\udfff\ud7ff\ue000"}`, "", ""},
		{"a backslash before ud800", `{"a":"\\ud800"}`, "", ""},
		{"twice", `{"a":1,"b":2,"a":3}`, "malformed-json", "a"},
		{"twice, escaped", `{"a":1,"\u0061":3}`, "malformed-json", "a"},
		{"twice, one of many", many("k7"), "malformed-json", "k7"},
		{"many", many("other"), "", ""},
		{"deep", deep, "invalid-field", strings.TrimSuffix(strings.Repeat("a.", 50), ".")},
		{"very deep", strings.Repeat("[", 1<<20), "invalid-field", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := checkJSON([]byte(c.body), true, maxValues)
			switch {
			case err == nil && c.slug != "":
				t.Fatalf("passed")
			case err == nil:
				return
			case err.Type != c.slug:
				t.Fatalf("is %v", err)
			}
			got := err.Fields[0].Name
			if len(got) > maxNameSize+len("…") {
				t.Errorf("a name of %d bytes", len(got))
			}
			if c.field != "" && !strings.HasPrefix(got, c.field) || len(c.field) < 50 && c.field != "" && got != c.field {
				t.Errorf("names %q, want %q", got, c.field)
			}
		})
	}
}

func TestMalformedPosition(t *testing.T) {
	_, err := checkJSON([]byte("{\n  \"a\": 1,\n  \"b\" 2\n}"), false, maxValues)
	if err == nil || !strings.Contains(err.Detail, "line 3, column 7") || err.Extra["position"] != 18 {
		t.Fatalf("got %v %v", err, err.Extra)
	}
}

func TestCards(t *testing.T) {
	for _, c := range []struct {
		body, field string
	}{
		{`{"method":"4111111111111111"}`, "method"},
		{`{"method":"4111 1111 1111 1111"}`, "method"},
		{`{"method":"4111-1111-1111-1111"}`, "method"},
		{`{"method":"3782 822463 10005"}`, "method"},
		{`{"method":"my card is 4111 1111 1111 1111 12/27, thanks"}`, "method"},
		{`{"a":[{"x":"4222222222222"}]}`, "a[0].x"},
		{`{"a":5555555555554444}`, "a"},
		{`{"a":"\u0034111111111111111"}`, "a"},
		{`{"a":{"4111111111111111":1}}`, "a"}, // the name itself is not repeated
		{`{"4111111111111111":1}`, "body"},
		{`{"a":"6304000000000000000"}`, "a"},      // 19 digits
		{`{"a":"2021.2022.2023.2027"}`, ""},       // years
		{`{"a":"501234567896@mail.example"}`, ""}, // 12 digits
		{`{"a":"4111111111111112"}`, ""},          // check digit
		{`{"a":"06a4111111111111111b"}`, ""},      // an id
		{`{"a":"0000000000000000"}`, ""},
		{`{"a":"2026-11-23 20:00"}`, ""},
		{`{"seats":["101-1-12","101-1-13"]}`, ""},
		{`{"a":"41111111111111111111111"}`, ""},
	} {
		_, err := checkJSON([]byte(c.body), true, maxValues)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.body, err)
		case c.field != "" && (err == nil || err.Fields[0].Name != c.field):
			t.Errorf("%s: %v", c.body, err)
		case err != nil && strings.Contains(err.Error(), "1111"):
			t.Errorf("%s: repeats it: %v", c.body, err)
		}
		if _, err := checkJSON([]byte(c.body), false, maxValues); err != nil {
			t.Errorf("%s: refused though cards are not looked for: %v", c.body, err)
		}
	}
}

// The scanner takes what encoding/json takes, but for what it refuses by name, and
// nothing that the decoder then refuses.
func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":"é\n"}],"c":-0.5E-7}`, `[]`, `"\u0000"`, `{"a":1,"a":2}`, `{"\ud800":"\ud83d\ude00\udc00"}`, "\xff", `1e400`, `[[[[`, `tru`, `{"a":"4111111111111111"}`} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, cards bool) {
		_, err := checkJSON(body, cards, maxPlanParts)
		valid := json.Valid(body)
		switch {
		case err == nil && !valid:
			t.Fatalf("passed %q", body)
		case err == nil:
			var v any
			if uerr := codec.ReadKnown(body, &v); uerr != nil {
				t.Fatalf("passed %q: %v", body, uerr)
			}
		case valid && err.Type == "malformed-json" && err.Fields[0].Code != "given-twice":
			t.Fatalf("refused %q: %v", body, err)
		}
		if err != nil && (err.Kind != errs.Malformed && err.Kind != errs.Invalid || len(err.Fields) != 1 || err.Fields[0].Name == "") {
			t.Fatalf("%q: %#v", body, err)
		}
		fieldAt(body, len(body)/2)
	})
}

func BenchmarkCheckJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checkJSON([]byte(benchBody), true, maxValues); err != nil {
			b.Fatal(err)
		}
	}
}
