package quick

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/codec"
)

// check reports whether huma would accept a value.
type check func(v reflect.Value) bool

// param is a value in a request's path, query or headers.
type param struct {
	at    int
	name  string
	head  int // in headerNames
	check check
}

// takes prepares the conversion of a request to an operation's input.
func takes(t reflect.Type, pattern string) func(q *Request, in reflect.Value) bool {
	var path *param
	var heads, queries []param
	body, checkBody := -1, check(nil)
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "Body" {
			body, checkBody = i, members(f.Type)
			continue
		}
		p := param{at: i, check: checks(f.Type, f.Tag)}
		switch {
		case f.Tag.Get("path") != "" && strings.Contains(pattern, "{"+f.Tag.Get("path")+"}"):
			path = &p
		case f.Tag.Get("query") != "":
			p.name = f.Tag.Get("query")
			queries = append(queries, p)
		case f.Tag.Get("header") != "":
			if p.head = known(f.Tag.Get("header")); p.head < 0 || f.Type.Kind() != reflect.String {
				panic(fmt.Sprintf("quick: the fast path does not keep the header of %v.%s", t, f.Name))
			}
			heads = append(heads, p)
		default:
			panic(fmt.Sprintf("quick: %v.%s cannot be read by the fast path", t, f.Name))
		}
	}
	ifMatch := known("If-Match")
	conditional := slices.ContainsFunc(heads, func(p param) bool { return p.head == ifMatch })
	return func(q *Request, in reflect.Value) bool {
		if q.headers[ifMatch] != "" && !conditional || (body >= 0) != (len(q.Body) > 0) {
			return false
		}
		if path != nil && !path.set(in, q.PathID) {
			return false
		}
		for i := range heads {
			if p := &heads[i]; q.headers[p.head] != "" && !p.set(in, q.headers[p.head]) {
				return false
			}
		}
		if q.Query != "" && !query(q.Query, queries, in) {
			return false
		}
		if body < 0 {
			return true
		}
		return q.Get("Content-Type") == "application/json" && codec.Read(q.Body, in.Field(body).Addr().Interface()) == nil && checkBody(in.Field(body))
	}
}

// query parses a query whose parameters are all known and occur once.
func query(text string, known []param, in reflect.Value) bool {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		i := slices.IndexFunc(known, func(p param) bool { return p.name == name })
		if i < 0 || value == "" || !in.Field(known[i].at).IsZero() || !known[i].set(in, value) {
			return false
		}
	}
	return true
}

// set sets the value of a parameter; false if huma must decide.
func (p *param) set(in reflect.Value, text string) bool {
	f := in.Field(p.at)
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseUint(text, 10, 50)
		if err != nil {
			return false
		}
		f.SetInt(int64(n))
	default:
		return false
	}
	return p.check(f)
}

// members checks the fields of a body.
func members(t reflect.Type) check {
	var list []check
	for i := range t.NumField() {
		f := t.Field(i)
		one, required := check(nil), false
		if f.Anonymous {
			one = members(f.Type)
		} else {
			if f.Tag.Get("enum") != "" {
				panic(fmt.Sprintf("quick: %v.%s: the fast path cannot tell an empty member from none", t, f.Name))
			}
			one, required = checks(f.Type, f.Tag), !strings.Contains(f.Tag.Get("json"), ",omit")
		}
		list = append(list, func(v reflect.Value) bool {
			f := v.Field(i)
			return one(f) && !(required && f.IsZero()) // the field may be missing, which huma checks
		})
	}
	return func(v reflect.Value) bool {
		for _, one := range list {
			if !one(v) {
				return false
			}
		}
		return true
	}
}

// checks prepares the check of a value by its tags, with huma's meaning.
func checks(t reflect.Type, tag reflect.StructTag) check {
	for _, name := range []string{"default", "pattern", "format", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "minLength", "minItems"} {
		if tag.Get(name) != "" {
			panic("quick: the fast path does not check " + name)
		}
	}
	bound := func(name string, none int64) int64 {
		if n, err := strconv.ParseInt(tag.Get(name), 10, 64); err == nil {
			return n
		}
		return none
	}
	switch t.Kind() {
	case reflect.String:
		most, enum := int(bound("maxLength", math.MaxInt64)), tag.Get("enum")
		return func(v reflect.Value) bool {
			return v.Len() <= most && (enum == "" || slices.Contains(strings.Split(enum, ","), v.String()))
		}
	case reflect.Int, reflect.Int64:
		least, most := bound("minimum", math.MinInt64), bound("maximum", math.MaxInt64)
		return func(v reflect.Value) bool { return v.Int() >= least && v.Int() <= most }
	case reflect.Slice:
		most, one := int(bound("maxItems", math.MaxInt64)), checks(t.Elem(), "")
		return func(v reflect.Value) bool {
			for i := range v.Len() {
				if e := v.Index(i); e.IsZero() || !one(e) { // it may have been null
					return false
				}
			}
			return v.Len() <= most
		}
	case reflect.Pointer:
		one := checks(t.Elem(), tag)
		return func(v reflect.Value) bool { return v.IsNil() || one(v.Elem()) }
	case reflect.Bool:
		return func(reflect.Value) bool { return true }
	case reflect.Struct:
		if t != reflect.TypeFor[time.Time]() {
			return members(t)
		}
	}
	return reflect.Value.IsZero // values of these types are left to huma
}
