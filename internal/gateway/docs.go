package gateway

import (
	"bytes"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
)

// docsPage lists the operations of the OpenAPI document. It loads nothing from other
// sites.
var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>boxoffice API</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 14%, transparent); --soft: color-mix(in srgb, currentColor 5%, transparent); --brand: #b3261e; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 74rem; margin: 0 auto; padding: 1.4rem 1.25rem 5rem; display: grid; gap: 2.5rem; grid-template-columns: 12rem minmax(0, 1fr); }
nav { position: sticky; top: 1.4rem; align-self: start; display: flex; flex-direction: column; gap: .45rem; }
nav a { text-decoration: none; color: inherit; opacity: .8; } nav a:hover { text-decoration: underline; opacity: 1; }
.brand { font-weight: 800; letter-spacing: -.02em; opacity: 1; margin-bottom: .6rem; } .brand span { color: var(--brand); }
h1 { font-size: 2.2rem; margin: 0 0 .4rem; letter-spacing: -.03em; } h2 { margin: 2.6rem 0 .2rem; font-size: 1.3rem; letter-spacing: -.02em; scroll-margin-top: 1rem; }
p { margin: .3rem 0; max-width: 46rem; } .quiet { opacity: .75; }
details { border-top: 1px solid var(--line); } summary { cursor: pointer; display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap; padding: .55rem 0; }
details[open] { background: var(--soft); border-radius: 10px; padding: 0 1rem 1rem; margin: .3rem -1rem; }
h3 { font-size: .95rem; margin: 1rem 0 .2rem; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; } .method { font-weight: 700; width: 4.2rem; display: inline-block; }
.GET { color: #15803d } .POST { color: #1d4ed8 } .PUT { color: #b45309 } .DELETE { color: #b91c1c }
@media (prefers-color-scheme: dark) { :root { --brand: #ff8a80; } .GET { color: #4ade80 } .POST { color: #93c5fd } .PUT { color: #fcd34d } .DELETE { color: #fca5a5 } }
table { border-collapse: collapse; width: 100%; font-size: .93rem; } td { padding: .3rem .9rem .3rem 0; vertical-align: top; border-top: 1px solid var(--line); } td:first-child { width: 13rem; }
@media (max-width: 46rem) { body { grid-template-columns: minmax(0, 1fr); gap: 1rem; } nav { position: static; flex-direction: row; flex-wrap: wrap; gap: .3rem 1rem; } .brand { width: 100%; margin: 0; } td { display: block; border: 0; padding: .1rem 0; width: auto !important; } tr { display: block; border-top: 1px solid var(--line); padding: .35rem 0; } }
</style></head><body>
<nav aria-label="Parts"><a class="brand" href="/">box<span>office</span></a>{{range .Groups}}<a href="#{{.Name}}">{{.Name}}</a>{{end}}<a href="/openapi.json">openapi.json</a></nav>
<main><h1>API</h1>
<p class="quiet">{{.Description}}</p>
<p class="quiet">Operations that need a session take it as <code>Authorization: Bearer token</code>; lists answer <code>{items, next_cursor}</code>; a POST with an <code>Idempotency-Key</code> may be sent again.</p>
{{range .Groups}}<h2 id="{{.Name}}">{{.Name}}</h2><p class="quiet">{{.Description}}</p>
{{range .Operations}}<details id="{{.ID}}"><summary><code class="method {{.Method}}">{{.Method}}</code><code>{{.Path}}</code><span class="quiet">{{.Summary}}</span></summary>
<p>{{.Description}}</p>
{{if .Asks}}<h3>Request</h3><table>{{range .Asks}}{{template "field" .}}{{end}}</table>{{end}}
{{if .Answers}}<h3>Answer</h3><table>{{range .Answers}}{{template "field" .}}{{end}}</table>{{end}}
<h3>Status</h3><table>{{range .Statuses}}<tr><td><code>{{.Code}}</code></td><td>{{.Says}}{{range $i, $p := .Problems}}{{if $i}}, {{else}} {{end}}<a href="/problems/{{$p}}"><code>{{$p}}</code></a>{{end}}</td></tr>{{end}}</table></details>
{{end}}{{end}}</main></body></html>
{{define "field"}}<tr><td><code>{{.Name}}</code>{{if .Required}} <span title="required">*</span>{{end}}<br><span class="quiet">{{.Type}}{{with .Place}}, {{.}}{{end}}</span></td><td>{{.Doc}}{{with .Example}}<br><code class="quiet">{{.}}</code>{{end}}</td></tr>{{end}}
`))

type docsOperation struct {
	ID, Method, Path, Summary, Description string
	Asks, Answers                          []docsField
	Statuses                               []docsStatus
}

type docsField struct {
	Name, Place, Type, Doc, Example string
	Required                        bool
}

type docsStatus struct {
	Code, Says string
	Problems   []string
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

func (g *Gateway) docs() ([]byte, error) {
	oapi := g.api.OpenAPI()
	page := struct {
		Description string
		Groups      []*docsGroup
	}{Description: oapi.Info.Description}
	groups := map[string]*docsGroup{}
	for _, tag := range sections {
		groups[tag.Name] = &docsGroup{Name: tag.Name, Description: tag.Description}
		page.Groups = append(page.Groups, groups[tag.Name])
	}
	paths := make([]string, 0, len(oapi.Paths))
	for p := range oapi.Paths {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, path := range paths {
		item := oapi.Paths[path]
		for _, op := range []*huma.Operation{item.Post, item.Get, item.Put, item.Delete} {
			if op == nil || len(op.Tags) == 0 || groups[op.Tags[0]] == nil {
				continue
			}
			group := groups[op.Tags[0]]
			group.Operations = append(group.Operations, describe(oapi, op))
		}
	}
	var out bytes.Buffer
	err := docsPage.Execute(&out, page)
	return out.Bytes(), err
}

func describe(oapi *huma.OpenAPI, op *huma.Operation) docsOperation {
	out := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		f := docsField{Name: p.Name, Place: p.In, Doc: p.Description, Required: p.Required}
		if p.Schema != nil {
			f.Type = typeOf(p.Schema)
			f.Example = exampleOf(p.Schema)
		}
		if p.Example != nil {
			f.Example = fmt.Sprint(p.Example)
		}
		out.Asks = append(out.Asks, f)
	}
	if op.RequestBody != nil {
		out.Asks = append(out.Asks, fieldsOf(oapi, op.RequestBody.Content["application/json"], "body")...)
	}
	codes := make([]string, 0, len(op.Responses))
	for code := range op.Responses {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	for _, code := range codes {
		res := op.Responses[code]
		one := docsStatus{Code: code, Says: res.Description}
		if media := res.Content["application/problem+json"]; media != nil {
			one.Problems = slices.Sorted(maps.Keys(media.Examples))
		}
		out.Statuses = append(out.Statuses, one)
		if code[0] == '2' && out.Answers == nil {
			out.Answers = fieldsOf(oapi, res.Content["application/json"], "")
		}
	}
	return out
}

// fieldsOf lists the fields of a body.
func fieldsOf(oapi *huma.OpenAPI, media *huma.MediaType, place string) []docsField {
	if media == nil || media.Schema == nil {
		return nil
	}
	var list []docsField
	for _, s := range append([]*huma.Schema{media.Schema}, media.Schema.OneOf...) {
		if s.Ref != "" {
			s = oapi.Components.Schemas.SchemaFromRef(s.Ref)
		}
		names := make([]string, 0, len(s.Properties))
		for name := range s.Properties {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			p := s.Properties[name]
			list = append(list, docsField{Name: name, Place: place, Type: typeOf(p), Doc: p.Description, Example: exampleOf(p), Required: place != "" && slices.Contains(s.Required, name)})
		}
	}
	return list
}

// typeOf describes a schema's type in a word or two.
func typeOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return "object"
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, " | ")
	case s.Type == huma.TypeArray && s.Items != nil:
		return "list of " + typeOf(s.Items)
	case s.Format == "date-time":
		return "time"
	}
	return s.Type
}

func exampleOf(s *huma.Schema) string {
	if len(s.Examples) == 0 || len(s.Enum) > 0 {
		return ""
	}
	if text, ok := s.Examples[0].(string); ok {
		return text
	}
	raw, err := codec.Marshal(s.Examples[0])
	if err != nil {
		return ""
	}
	return string(raw)
}
