package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
)

const (
	maxFaults = 20  // faults that an answer lists
	fewValues = 200 // huma alone checks a body with fewer values, since it cannot have many faults
)

// firstFaults checks a large body against its schema and stops after the first few
// faults. huma would report each of a million.
func (g *Gateway) firstFaults(op *huma.Operation, body []byte) error {
	media := op.RequestBody.Content["application/json"]
	var v any
	if media == nil || media.Schema == nil || codec.ReadKnown(body, &v) != nil {
		return nil // huma reports what is wrong
	}
	c := checker{registry: g.api.OpenAPI().Components.Schemas, path: huma.NewPathBuffer([]byte{}, 0), found: &huma.ValidateResult{}}
	c.path.Push("body")
	c.check(media.Schema, v)
	if len(c.found.Errors) == 0 {
		return nil
	}
	return fromHuma(http.StatusUnprocessableEntity, "", c.found.Errors)
}

// checker walks a value and its schema together. huma checks one level at a time,
// without what is below it.
type checker struct {
	registry huma.Registry
	path     *huma.PathBuffer
	found    *huma.ValidateResult
}

func (c *checker) full() bool { return len(c.found.Errors) >= maxFaults }

func (c *checker) check(s *huma.Schema, v any) {
	for s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	switch v := v.(type) {
	case []any:
		if s.Type == huma.TypeArray && s.Items != nil {
			c.list(s, v)
			return
		}
	case map[string]any:
		if s.Type == huma.TypeObject && len(s.Properties) > 0 {
			c.object(s, v)
			return
		}
	}
	huma.Validate(c.registry, s, c.path, huma.ModeWriteToServer, v, c.found)
}

func (c *checker) list(s *huma.Schema, list []any) {
	if s.MaxItems != nil && len(list) > *s.MaxItems { // its elements are not checked
		c.found.Add(c.path, nil, fmt.Sprintf("expected array length <= %d", *s.MaxItems))
		return
	}
	huma.Validate(c.registry, alone(s), c.path, huma.ModeWriteToServer, list, c.found)
	for i, one := range list {
		if c.full() {
			return
		}
		c.path.PushIndex(i)
		c.check(s.Items, one)
		c.path.Pop()
	}
}

func (c *checker) object(s *huma.Schema, object map[string]any) {
	huma.Validate(c.registry, alone(s), c.path, huma.ModeWriteToServer, object, c.found)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		v, there := object[name]
		if !there || c.full() || v == nil && (!slices.Contains(s.Required, name) || s.Nullable) { // as huma does
			continue
		}
		c.path.Push(name)
		c.check(s.Properties[name], v)
		c.path.Pop()
	}
}

var levels sync.Map // *huma.Schema → *huma.Schema

// alone returns a copy of a schema without its lower levels.
func alone(s *huma.Schema) *huma.Schema {
	if known, ok := levels.Load(s); ok {
		return known.(*huma.Schema)
	}
	one, anything := *s, &huma.Schema{}
	if s.Items != nil {
		one.Items = anything
	}
	if s.Properties != nil {
		one.Properties = make(map[string]*huma.Schema, len(s.Properties))
		for name := range s.Properties {
			one.Properties[name] = anything
		}
	}
	known, _ := levels.LoadOrStore(s, &one)
	return known.(*huma.Schema)
}
