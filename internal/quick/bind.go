package quick

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Meta is the key in an operation's Metadata that marks it as hot; its value is the
// *Operation.
const Meta = "hot"

// Operation is a hot operation. It is made by Register.
type Operation struct {
	huma.Operation

	// Read parses a request. It returns false, without any effect, if the request is
	// not plain or would be refused as malformed.
	Read func(q *Request) (run Run, ok bool)

	before, after string   // the path before and after its one parameter
	except        []string // paths of the same form that belong to other operations
}

// Except leaves a path to another operation, as the router does.
func (o *Operation) Except(path string) { o.except = append(o.except, path) }

// Run carries out a request that was parsed.
type Run func(context.Context) (Answer, error)

// Answer is what an operation answers.
type Answer struct {
	Status int
	Header []Field // without those that are empty
	Raw    []byte  // the body, or
	Body   any     // the value to encode
}

// Field is a header of an answer.
type Field struct{ Name, Value string }

// Get returns the value of a header by its canonical name; "" if there is none.
func (a *Answer) Get(name string) string {
	for i := range a.Header {
		if a.Header[i].Name == name {
			return a.Header[i].Value
		}
	}
	return ""
}

// Register registers a hot operation with huma and with the fast path. Both decode
// the same request and encode the same answer by the tags of I and O, and call the
// same function.
func Register[I, O any](api huma.API, op huma.Operation, fn func(context.Context, *I) (*O, error)) {
	o := &Operation{}
	op.Metadata = maps.Clone(op.Metadata)
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[Meta] = o
	o.describe(op)
	take, give := takes(reflect.TypeFor[I](), op.Path), gives(reflect.TypeFor[O](), op.DefaultStatus)
	o.Read = func(q *Request) (Run, bool) {
		in := new(I)
		if !take(q, reflect.ValueOf(in).Elem()) {
			return nil, false
		}
		return func(ctx context.Context) (Answer, error) {
			out, err := fn(ctx, in)
			if err != nil {
				return Answer{}, err
			}
			return give(reflect.ValueOf(out).Elem()), nil
		}, true
	}
	huma.Register(api, op, fn)
}

func (o *Operation) describe(op huma.Operation) {
	o.Operation, o.before = op, op.Path
	if i := strings.IndexByte(op.Path, '{'); i >= 0 {
		o.before, o.after = op.Path[:i], op.Path[i+strings.IndexByte(op.Path[i:], '}')+1:]
	}
}

// Match finds the id in a path. It returns false if path and method belong to
// another operation.
func (o *Operation) Match(method, path string) (id string, ok bool) {
	if method != o.Method || len(path) < len(o.before)+len(o.after) {
		return "", false
	}
	if o.before == o.Path {
		return "", path == o.Path
	}
	id = path[len(o.before) : len(path)-len(o.after)]
	if id == "" || !strings.HasPrefix(path, o.before) || !strings.HasSuffix(path, o.after) || slices.Contains(o.except, path) {
		return "", false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return "", false
		}
	}
	return id, true
}

// gives prepares the conversion of an operation's output to an answer.
func gives(t reflect.Type, status int) func(out reflect.Value) Answer {
	if status == 0 {
		status = http.StatusOK
	}
	type header struct {
		at   int
		name string
	}
	var headers []header
	body, statusAt := -1, -1
	for i := range t.NumField() {
		f := t.Field(i)
		switch name := f.Tag.Get("header"); {
		case f.Name == "Status" && f.Type.Kind() == reflect.Int:
			statusAt = i
		case f.Name == "Body":
			body = i
		case name == "Content-Length" || !f.IsExported(): // derived from the body
		case name != "" && f.Type.Kind() == reflect.String:
			headers = append(headers, header{i, http.CanonicalHeaderKey(name)})
		default:
			panic(fmt.Sprintf("quick: %v.%s cannot be answered by the fast path", t, f.Name))
		}
	}
	if body < 0 {
		panic(fmt.Sprintf("quick: %v has no body", t))
	}
	return func(out reflect.Value) Answer {
		a := Answer{Status: status, Header: make([]Field, 0, len(headers))}
		if statusAt >= 0 && out.Field(statusAt).Int() != 0 {
			a.Status = int(out.Field(statusAt).Int())
		}
		for _, h := range headers {
			if value := out.Field(h.at).String(); value != "" {
				a.Header = append(a.Header, Field{h.name, value})
			}
		}
		switch b := out.Field(body); {
		case b.Type() == reflect.TypeFor[[]byte]():
			a.Raw = b.Bytes()
		case b.Kind() == reflect.Pointer:
			a.Body = b.Interface()
		default:
			a.Body = b.Addr().Interface()
		}
		return a
	}
}
