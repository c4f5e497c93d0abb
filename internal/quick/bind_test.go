package quick

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
)

type askIn struct {
	ID   string   `path:"id" maxLength:"4"`
	Form string   `query:"form" enum:"short,long"`
	From int64    `query:"from" minimum:"0"`
	Many []string `query:"many"`
	Key  string   `header:"idempotency-key" maxLength:"3"`
	Body askBody
}

type askBody struct {
	Name  string   `json:"name"`
	Count *int     `json:"count,omitempty" minimum:"0" maximum:"9"`
	List  []string `json:"list,omitempty" maxItems:"2"`
	AskMore
}

type AskMore struct {
	Sure bool                   `json:"sure,omitempty"`
	Part *struct{ N int64 }     `json:"part,omitempty"`
	Else map[string]interface{} `json:"else,omitempty"`
}

type askOut struct {
	Status   int
	Location string `header:"location"`
	ETag     string `header:"ETag"`
	Length   string `header:"Content-Length"`
	Body     Encoded[askBody]
}

// What is read is what the tags say, and what huma would refuse is not read.
func TestRegister(t *testing.T) {
	api := humachi.New(chi.NewRouter(), huma.DefaultConfig("test", "1"))
	var got askIn
	Register(api, huma.Operation{Method: "POST", Path: "/things/{id}/asks", OperationID: "ask", Metadata: map[string]any{"a": 1}}, func(_ context.Context, in *askIn) (*askOut, error) {
		got = *in
		out := &askOut{Status: 202, Location: "/x", Length: "7", Body: Encoded[askBody]{Value: &in.Body}}
		_, err := out.Body.Encode()
		return out, err
	})
	op := api.OpenAPI().Paths["/things/{id}/asks"].Post
	o := op.Metadata[Meta].(*Operation)
	if op.Metadata["a"] != 1 || o.Metadata["a"] != 1 || op.Responses["200"].Content["application/json"].Schema.Ref != "#/components/schemas/AskBody" {
		t.Errorf("%v %+v", op.Metadata, op.Responses["200"].Content)
	}
	nine := 9
	for _, c := range []struct {
		target, headers, body string
		want                  *askIn
	}{
		{"/things/a7/asks", "", `{"name":"n"}`, &askIn{ID: "a7", Body: askBody{Name: "n"}}},
		{"/things/a7/asks?form=long&from=12", "Idempotency-Key: abc\r\n", `{"name":"n","count":9,"list":["1","2"],"sure":true,"part":{"N":7}}`,
			&askIn{ID: "a7", Form: "long", From: 12, Key: "abc", Body: askBody{"n", &nine, []string{"1", "2"}, AskMore{Sure: true}}}},
		{"/things/a7/asks?", "", `{"name":"n","count":null}`, &askIn{ID: "a7", Body: askBody{Name: "n"}}},
		{"/things/abcde/asks", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?form=other", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?form=", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?from=-1", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?from=1&from=1", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?from=99999999999999999999", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?many=a", "", `{"name":"n"}`, nil},
		{"/things/a7/asks?other=a", "", `{"name":"n"}`, nil},
		{"/things/a7/asks", "Idempotency-Key: abcd\r\n", `{"name":"n"}`, nil},
		{"/things/a7/asks", "If-Match: x\r\n", `{"name":"n"}`, nil},
		{"/things/a7/asks", "", `{"name":""}`, nil},
		{"/things/a7/asks", "", `{}`, nil},
		{"/things/a7/asks", "", `null`, nil},
		{"/things/a7/asks", "", ``, nil},
		{"/things/a7/asks", "", `{"name":"n","count":10}`, nil},
		{"/things/a7/asks", "", `{"name":"n","count":-1}`, nil},
		{"/things/a7/asks", "", `{"name":"n","list":["1","2","3"]}`, nil},
		{"/things/a7/asks", "", `{"name":"n","part":{}}`, nil},
		{"/things/a7/asks", "", `{"name":"n","else":{}}`, nil},
		{"/things/a7/asks", "", `{"name":"n","x":1}`, nil},
	} {
		text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", c.target, c.headers, len(c.body), c.body)
		var q Request
		if q.Parse([]byte(text), []*Operation{o}) != len(text) {
			t.Fatalf("%q is not plain", text)
		}
		run, ok := q.Read(&q)
		if ok != (c.want != nil) {
			t.Errorf("%q: read %v", text, ok)
		}
		if !ok || c.want == nil {
			continue
		}
		a, err := run(t.Context())
		if err != nil || a.Status != 202 || !slices.Equal(a.Header, []Field{{"Location", "/x"}}) || !strings.HasSuffix(string(a.Body.(*Encoded[askBody]).Line()), "}\n") {
			t.Errorf("%+v, %v", a, err)
		}
		got.Body.Part = nil
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", *c.want) && (c.want.Body.Count == nil || *got.Body.Count != *c.want.Body.Count || got.Key != c.want.Key) {
			t.Errorf("%q: %+v, not %+v", text, got, *c.want)
		}
	}
}

// What the fast path could not check as huma does is refused when it is registered.
func TestRegisterKnowsItsLimits(t *testing.T) {
	type out struct{ Body struct{} }
	for name, register := range map[string]func(huma.API, huma.Operation){
		"a default": func(api huma.API, op huma.Operation) {
			try[struct {
				A int `query:"a" default:"1"`
			}, out](api, op)
		},
		"a pattern": func(api huma.API, op huma.Operation) {
			try[struct {
				A string `query:"a" pattern:"x"`
			}, out](api, op)
		},
		"a header": func(api huma.API, op huma.Operation) {
			try[struct {
				A string `header:"X-Other"`
			}, out](api, op)
		},
		"a cookie": func(api huma.API, op huma.Operation) {
			try[struct {
				A string `cookie:"a"`
			}, out](api, op)
		},
		"a list of values": func(api huma.API, op huma.Operation) {
			try[struct {
				Body struct {
					A string `json:"a,omitempty" enum:"b"`
				}
			}, out](api, op)
		},
		"no body": func(api huma.API, op huma.Operation) { try[struct{}, struct{}](api, op) },
		"a number": func(api huma.API, op huma.Operation) {
			try[struct{}, struct {
				A    int `header:"A"`
				Body struct{}
			}](api, op)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			register(humachi.New(chi.NewRouter(), huma.DefaultConfig("test", "1")), huma.Operation{Method: "POST", Path: "/", OperationID: "a"})
		}()
	}
}

func try[I, O any](api huma.API, op huma.Operation) {
	Register(api, op, func(context.Context, *I) (*O, error) { return nil, nil })
}

func TestMatch(t *testing.T) {
	o, all := operation("GET", "/things/{id}/asks"), operation("GET", "/things")
	o.Except("/things/search/asks")
	for path, id := range map[string]string{
		"/things/a7/asks": "a7", "/things//asks": "", "/things/asks": "", "/things/a/b/asks": "", "/things/A/asks": "", "/things/search/asks": "", "/things/a7": "", "/things": "", "/thingsasks": "",
	} {
		if got, ok := o.Match("GET", path); got != id && ok || ok != (id != "") {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
		if _, ok := all.Match("GET", path); ok != (path == "/things") {
			t.Errorf("%s: %v", path, ok)
		}
	}
	if _, ok := o.Match("POST", "/things/a7/asks"); ok {
		t.Error("another method")
	}
}
